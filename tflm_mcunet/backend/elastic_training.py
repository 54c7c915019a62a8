"""Training and evaluating a supernet: one traced graph for each step, whichever subnets it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tflm_mcunet.backend.elastic import ElasticNetwork
from tflm_mcunet.errors import McuNetError, UsageError

#: Samples of one forward pass in evaluation; a bound for memory, nothing else.
EVALUATION_BATCH = 512


@dataclass(frozen=True)
class Rates:
    """The optimiser of a run.

    Args:
        optimizer: str. "adam", or "sgd" (Nesterov momentum 0.9) as published for ImageNet.
        learning_rate: float. At the first step; it falls to zero as a cosine.
        steps: int. Until it is zero.
        label_smoothing: float.
        distillation: float. Share of the loss against a teacher's outputs; 0 for labels alone.
    """

    optimizer: str = "adam"
    learning_rate: float = 3e-3
    steps: int = 1000
    label_smoothing: float = 0.1
    distillation: float = 0.0


class ElasticTrainer:
    """Steps of training for a network, with the optimiser's state.

    Args:
        network: ElasticNetwork.
        rates: Rates.

    Raises:
        UsageError: an unknown optimiser.
    """

    def __init__(self, network: ElasticNetwork, rates: Rates) -> None:
        self.network, self.rates = network, rates
        keras, tf = network.keras, network.tf
        self.trainable = list(network.trainable().values())
        schedule = keras.optimizers.schedules.CosineDecay(rates.learning_rate, max(1, rates.steps))
        if rates.optimizer == "adam":
            self.optimizer = keras.optimizers.Adam(schedule)
        elif rates.optimizer == "sgd":
            self.optimizer = keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True)
        else:
            raise UsageError(f"Expected optimizer to be 'adam' or 'sgd', got {rates.optimizer!r}.")
        self.optimizer.build(self.trainable)
        self.sums = [tf.Variable(tf.zeros_like(v.value), trainable=False) for v in self.trainable]
        shape = network.shape
        choice = tf.TensorSpec((len(shape.slots) + 2, 5), tf.int32)
        x = tf.TensorSpec((None, *shape.input_shape), tf.float32)
        y, teacher = tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None, shape.classes), tf.float32)
        # No XLA: it would compile anew for every shape that a subnet has.
        self._accumulate = tf.function(self._accumulated, input_signature=(choice, x, y, teacher))
        self._apply = tf.function(self._applied, input_signature=(tf.TensorSpec((), tf.float32),))

    def step(self, choices: Sequence[np.ndarray], x: Any, y: Any, teacher: Any = None) -> float:
        """One update from the mean gradient of several subnets on one batch; the mean loss.

        Args:
            choices: sequence of int32[slots + 2, 5].
            x: float32[batch, height, width, channels].
            y: int[batch]. Class numbers.
            teacher: float32[batch, classes] or None. A teacher's logits.
        """
        if teacher is None:
            teacher = np.zeros((len(x), self.network.shape.classes), np.float32)
        x, y = np.asarray(x, np.float32), np.asarray(y, np.int32)
        losses = [self._accumulate(choice, x, y, teacher) for choice in choices]
        self._apply(np.float32(1 / len(choices)))
        return float(np.mean([float(loss) for loss in losses]))

    def state(self) -> dict[str, np.ndarray]:
        """The optimiser's variables, for a checkpoint."""
        return {f"optimizer{i}": np.asarray(v) for i, v in enumerate(self.optimizer.variables)}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """The inverse of `state`."""
        for i, variable in enumerate(self.optimizer.variables):
            variable.assign(arrays[f"optimizer{i}"])

    def _accumulated(self, choice: Any, x: Any, y: Any, teacher: Any) -> Any:
        tf, rates = self.network.tf, self.rates
        classes = self.network.shape.classes
        with tf.GradientTape() as tape:
            logits = self.network(x, choice, "train")
            labels = tf.one_hot(y, classes) * (1 - rates.label_smoothing) + rates.label_smoothing / classes
            wanted = labels
            if rates.distillation:
                soft = tf.nn.softmax(teacher)
                wanted = (1 - rates.distillation) * labels + rates.distillation * soft
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(wanted, logits))
        gradients = tape.gradient(loss, [v.value for v in self.trainable], unconnected_gradients="zero")
        for total, gradient in zip(self.sums, gradients):
            total.assign_add(gradient)
        return loss

    def _applied(self, share: Any) -> None:
        self.optimizer.apply([total * share for total in self.sums], self.trainable)
        for total in self.sums:
            total.assign(self.network.tf.zeros_like(total))


class ElasticEvaluator:
    """Calibrates a subnet's batch statistics, and computes its logits."""

    def __init__(self, network: ElasticNetwork) -> None:
        self.network, tf = network, network.tf
        shape = network.shape
        choice = tf.TensorSpec((len(shape.slots) + 2, 5), tf.int32)
        x = tf.TensorSpec((None, *shape.input_shape), tf.float32)
        scalar = tf.TensorSpec((), tf.float32)
        self._calibrate = tf.function(self._calibrated, input_signature=(choice, x, scalar))
        self._infer = tf.function(lambda choice, x: network(x, choice, "infer"), input_signature=(choice, x))

    def calibrate(self, choice: np.ndarray, batches: Sequence[Any]) -> None:
        """Set the statistics of all normalisations to the average over these batches, for this subnet."""
        for number, x in enumerate(batches):
            self._calibrate(choice, np.asarray(x, np.float32), np.float32(1 / (number + 1)))

    def logits(self, choice: np.ndarray, x: Any) -> np.ndarray:
        """float32[samples, classes], with the statistics of the last calibration."""
        parts = [
            np.asarray(self._infer(choice, np.asarray(x[at : at + EVALUATION_BATCH], np.float32)))
            for at in range(0, len(x), EVALUATION_BATCH)
        ]
        return np.concatenate(parts)

    def _calibrated(self, choice: Any, x: Any, share: Any) -> Any:
        # The logits are wanted by nobody, but the statistics on the way to them are.
        return self.network(x, choice, "calibrate", share)


def values_of(network: ElasticNetwork) -> dict[str, np.ndarray]:
    """All variables as arrays."""
    return {name: np.asarray(variable) for name, variable in network.variables().items()}


def assign(network: ElasticNetwork, arrays: Mapping[str, np.ndarray]) -> None:
    """The inverse of `values_of`.

    Raises:
        McuNetError: an array is missing, or has another shape.
    """
    for name, variable in network.variables().items():
        array = arrays.get(name)
        if array is None or array.shape != tuple(variable.shape):
            found = "nothing" if array is None else f"shape {array.shape}"
            raise McuNetError(
                f"the saved supernet does not match: {name!r} should have shape {tuple(variable.shape)}, got {found}",
                "it was saved for another space: give another directory",
            )
        variable.assign(array)
