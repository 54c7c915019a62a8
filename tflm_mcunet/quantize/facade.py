"""The façade `quantize()`: a float model and a few hundred inputs become a full INT8 .tflite, fine-tuned or not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tflm_mcunet.backend import Calibration, to_tflite
from tflm_mcunet.errors import UsageError


class QuantizedModel(bytes):
    """The bytes of a full INT8 `.tflite`, ready for `convert`, `analyze`, `run` or a file.

    Attributes:
        method: str. "ptq" or "qat".
        history: mapping of lists, one entry an epoch of fine-tuning: `loss`, and `val_loss` where there was
            validation data (its first entry is that of before). Empty after post-training quantisation.
    """

    method: str = "ptq"
    history: Mapping[str, list[float]] = {}

    @classmethod
    def of(cls, data: bytes, method: str, history: Mapping[str, list[float]]) -> QuantizedModel:
        """Bytes with how they were made."""
        model = cls(data)
        model.method, model.history = method, history
        return model

    def save(self, path: str | Path) -> Path:
        """Write the bytes, and return the path."""
        path = Path(path)
        path.write_bytes(self)
        return path

    def __repr__(self) -> str:  # never megabytes of escapes on a screen
        return f"QuantizedModel({len(self)} bytes)"

    __str__ = __repr__


def quantize(
    model: Any,
    calibration_data: Calibration,
    *,
    qat_data: Any = None,
    validation_data: Any = None,
    epochs: int = 10,
    learning_rate: float = 1e-4,
    batch_size: int = 32,
    optimizer: Any = "adam",
    loss: Any = None,
    seed: int = 0,
    verbose: int = 0,
) -> QuantizedModel:
    """Quantise a float model to INT8, after training or with some more training.

    Weights get one scale for each output channel, activations one scale for each tensor from the range that
    they take on the calibration data; inputs and outputs are INT8 too (Jacob et al., 2018, arXiv:1712.05877).

    With `qat_data` the model is fine-tuned with INT8's rounding in it (TF-MOT): it is described as plain data,
    rebuilt in tf_keras with batch normalisation folded and 1-D layers as 2-D ones, checked to compute the same,
    trained, and converted. The model itself is not changed.

    Args:
        model: Keras 3 or tf_keras model, or the path of a `.keras`, `.h5` or SavedModel (without `qat_data`).
        calibration_data: array (n, *input_shape), a list or dict of arrays for several inputs, or an iterable or
            `tf.data.Dataset` of samples or batches; 100 to 500 typical inputs, preprocessed as in training.
        qat_data: (x, y), or a `tf.data.Dataset` of batches of them; or x alone: then the float model's own
            outputs are learned, and no labels are needed. None does no training.
        validation_data: as `qat_data`, or None. With it the weights of the lowest loss are kept, those of before
            the training included.
        epochs: int. Over `qat_data`.
        learning_rate: float. Of an optimizer given by name.
        batch_size: int. Of arrays.
        optimizer: str or tf_keras optimizer.
        loss: str, callable, or a list or dict by output of these; None takes what the model was compiled with,
            else what fits the labels: cross-entropy for classes, else the mean squared error.
        seed: int. Of the order of samples and of dropout.
        verbose: int. Of tf_keras's `fit`.

    Returns:
        QuantizedModel. The bytes of the `.tflite`, at batch 1.

    Raises:
        UsageError: the model has open dimensions, or data, labels or options are missing, misshapen or not finite.
        UnsupportedOpError: an operator has no INT8 kernel, or layers cannot be trained with rounding; all of
            these are named before the training, with what to do.
        McuNetError: the loss became NaN.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> x, y = np.random.default_rng(0).normal(size=(32, 8)), np.arange(32) % 2
        >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
        >>> quantize(model, x[:20]).method
        'ptq'
        >>> int8 = quantize(model, x[:20], qat_data=(x, y), epochs=2)
        >>> int8.method, len(int8.history["loss"]), int8[4:8]
        ('qat', 2, b'TFL3')
    """
    if isinstance(model, (bytes, bytearray)) or (
        isinstance(model, (str, Path)) and Path(model).suffix == ".tflite"
    ):
        raise UsageError(
            "expected a float Keras model or SavedModel, got a .tflite",
            "quantise the model that the .tflite was made from; an INT8 .tflite needs no quantisation",
        )
    if calibration_data is None:
        raise UsageError("expected calibration data, got None", "for example: quantize(model, x_train[:200])")
    if qat_data is None:
        if validation_data is not None:
            raise UsageError("validation_data without qat_data", "pass what to train with, too")
        return QuantizedModel(to_tflite(model, calibration_data))
    from tflm_mcunet.quantize.qat import Training, train

    training = Training(epochs, learning_rate, batch_size, optimizer, loss, validation_data, seed, verbose)
    trained = train(model, calibration_data, qat_data, training)
    return QuantizedModel.of(trained.tflite, "qat", trained.history)
