"""The frameworks that models come from; with `quantize/` the only importer of TensorFlow, Keras 3 and tf_keras.

Nothing here imports a framework before a function is called, and each says which extra is missing.
"""

from __future__ import annotations

from tflm_mcunet.backend.calibration import Calibration, InputSpec, calibration_samples, random_calibration
from tflm_mcunet.backend.convert import to_shape_model, to_tflite
from tflm_mcunet.backend.frameworks import ServingModel, is_model, open_model
from tflm_mcunet.backend.scalars import write_scalars

__all__ = [
    "Calibration",
    "InputSpec",
    "ServingModel",
    "calibration_samples",
    "is_model",
    "open_model",
    "random_calibration",
    "to_shape_model",
    "to_tflite",
    "write_scalars",
]
