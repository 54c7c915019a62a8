"""INT8 from float models: post-training quantisation with TensorFlow Lite's converter."""

from __future__ import annotations

from tflm_mcunet.quantize.ptq import QuantizedModel, quantize

__all__ = ["QuantizedModel", "quantize"]
