"""Post-training quantisation: a float model and a few hundred inputs become a full INT8 .tflite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tflm_mcunet.backend import Calibration, to_tflite
from tflm_mcunet.errors import UsageError


class QuantizedModel(bytes):
    """The bytes of a full INT8 `.tflite`, ready for `convert`, `analyze`, `run` or a file."""

    def save(self, path: str | Path) -> Path:
        """Write the bytes, and return the path."""
        path = Path(path)
        path.write_bytes(self)
        return path

    def __repr__(self) -> str:  # never megabytes of escapes on a screen
        return f"QuantizedModel({len(self)} bytes)"

    __str__ = __repr__


def quantize(model: Any, calibration_data: Calibration) -> QuantizedModel:
    """Quantise a float model to INT8 after training.

    Weights get one scale for each output channel, activations one scale for each tensor from the range that
    they take on the calibration data; inputs and outputs are INT8 too (Jacob et al., 2018, arXiv:1712.05877).

    Args:
        model: Keras 3 or tf_keras model, or the path of a `.keras`, `.h5` or SavedModel.
        calibration_data: array (n, *input_shape), a list or dict of arrays for several inputs, or an iterable or
            `tf.data.Dataset` of samples or batches; 100 to 500 typical inputs, preprocessed as in training.

    Returns:
        QuantizedModel. The bytes of the `.tflite`, at batch 1.

    Raises:
        UsageError: the model has open dimensions, or the calibration data is missing, misshapen or not finite.
        UnsupportedOpError: an operator has no INT8 kernel.

    Example:
        int8 = mcu.quantize(model, x_train[:200])
        int8.save("model.tflite")
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
    return QuantizedModel(to_tflite(model, calibration_data))
