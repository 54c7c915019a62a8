"""INT8 from float models: post-training quantisation with TensorFlow Lite's converter, fine-tuning with TF-MOT."""

from __future__ import annotations

from tflm_mcunet.quantize.facade import QuantizedModel, quantize

__all__ = ["QuantizedModel", "quantize"]
