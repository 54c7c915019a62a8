"""The supernet of a space: all its networks in one set of weights, any of them evaluated or taken out.

Kernels shrink to their centre without a learnt transform (Once-for-All has one; MCUNet's text names none), expansions
and widths to the first channels, depths by leaving out the last blocks of a stage.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tflm_mcunet.backend.elastic import ElasticNetwork
from tflm_mcunet.backend.elastic_training import ElasticEvaluator, assign, values_of
from tflm_mcunet.backend.elastic_weights import model_weights, set_model_weights, sorted_channels
from tflm_mcunet.errors import UsageError
from tflm_mcunet.tinynas.build import keras_model_of
from tflm_mcunet.tinynas.elastic_space import elastic_choice, elastic_shape
from tflm_mcunet.tinynas.space import Choices, Space

#: Samples that the statistics of a subnet are taken from, before it is evaluated.
CALIBRATION_SAMPLES = 512


class Supernet:
    """All networks of a space, in one set of weights.

    Args:
        space: Space. Of one resolution.
        seed: int. Of the weights, the batches and the subnets drawn.

    Example:
        supernet = Supernet(space, seed=0)
        train(supernet, x_train, y_train, directory="run")
        supernet.accuracy(choices, x_validation, y_validation)
        model = supernet.extract(choices)
    """

    def __init__(self, space: Space, *, seed: int = 0) -> None:
        self.space, self.seed = space, seed
        self.shape = elastic_shape(space)
        self.network = ElasticNetwork(self.shape, seed)
        self.evaluator = ElasticEvaluator(self.network)
        self.largest = space.extreme(largest=True)
        self.calibration: list[np.ndarray] = []
        self.teacher: np.ndarray | None = None

    def use_calibration(self, x: np.ndarray) -> None:
        """Take the samples that every evaluated subnet's statistics come from; training does, from its data."""
        order = np.random.default_rng((self.seed, 9)).permutation(len(x))[:CALIBRATION_SAMPLES]
        chosen = np.asarray(x, np.float32)[order]
        self.calibration = [chosen[at : at + 256] for at in range(0, len(chosen), 256)]

    def logits(self, choices: Choices, x: np.ndarray) -> np.ndarray:
        """float32[samples, classes] of a subnet, its batch statistics calibrated anew."""
        choice = elastic_choice(self.space, choices)
        self.evaluator.calibrate(choice, self._calibration())
        return self.evaluator.logits(choice, x)

    def accuracy(self, choices: Choices, x: np.ndarray, y: np.ndarray) -> float:
        """Share of samples that a subnet puts in the right class, its batch statistics calibrated anew."""
        return float(np.mean(self.logits(choices, x).argmax(1) == np.asarray(y)))

    def extract(self, choices: Choices) -> Any:
        """A subnet as a Keras model of its own, calibrated; it computes what the slices of the supernet compute."""
        choice = elastic_choice(self.space, choices)
        self.evaluator.calibrate(choice, self._calibration())
        model = keras_model_of(self.space.architecture(choices))
        set_model_weights(model, model_weights(self.shape, values_of(self.network), choice))
        return model

    def sort_channels(self) -> None:
        """Put the most important channels first; the largest network computes the same as before."""
        assign(self.network, sorted_channels(self.shape, values_of(self.network)))

    def _calibration(self) -> list[np.ndarray]:
        if not self.calibration:
            raise UsageError(
                "a subnet's batch statistics need samples",
                "train the supernet, or call use_calibration(x) first",
            )
        return self.calibration

    def checked(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Data as float32 and int32.

        Raises:
            UsageError: it does not fit the space.
        """
        x, y = np.asarray(x, np.float32), np.asarray(y)
        shape, classes = self.shape.input_shape, self.shape.classes
        if x.ndim != 4 or x.shape[1:] != shape or len(x) == 0:
            raise UsageError(f"expected samples of shape {shape}, got an array of shape {x.shape}")
        if y.shape != (len(x),) or not np.issubdtype(y.dtype, np.integer):
            raise UsageError(
                f"expected {len(x)} class numbers, got an array of {y.dtype} of shape {y.shape}",
                "class numbers, not one-hot rows: y.argmax(1)",
            )
        if y.min() < 0 or y.max() >= classes:
            raise UsageError(f"expected classes 0 to {classes - 1}, got {y.min()} to {y.max()}")
        return x, y.astype(np.int32)
