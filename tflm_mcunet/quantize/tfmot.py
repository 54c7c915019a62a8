"""The only door to TF-MOT: layers wrapped so that training sees weights and outputs rounded as in INT8."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from tflm_mcunet.backend.frameworks import load
from tflm_mcunet.quantize.network import Node
from tflm_mcunet.quantize.rebuild import Wrap

#: Layer -> (attribute of its kernel, axes that have a scale of their own), as TFLite's kernels have them.
_KERNELS: dict[str, tuple[str, tuple[int, ...]]] = {
    "Conv2D": ("kernel", (3,)),
    "Conv2DTranspose": ("kernel", (2,)),
    "Dense": ("kernel", (1,)),
    "DepthwiseConv2D": ("depthwise_kernel", (2, 3)),
}


@dataclass
class Rounding:
    """Whether weights are rounded when a model is called; the converter wants them as they are and rounds itself."""

    weights: bool = True

    @contextmanager
    def off(self) -> Iterator[None]:
        """Leave weights unrounded while the block runs."""
        self.weights = False
        try:
            yield
        finally:
            self.weights = True


@cache
def load_tfmot() -> Any:
    """Import `tfmot.quantization.keras` with no trace left.

    TF-MOT sets TF_USE_LEGACY_KERAS, and what `tf.keras` is hangs on that variable when it is first used: so it
    is used before, and the variable restored after.

    Raises:
        ToolError: TF-MOT is not installed.
    """
    tensorflow = load("tensorflow", "qat")
    load("tf_keras", "qat")
    _ = getattr(tensorflow.keras, "version", None)
    before = os.environ.get("TF_USE_LEGACY_KERAS")
    try:
        return load("tensorflow_model_optimization", "qat").quantization.keras
    finally:
        if before is None:
            os.environ.pop("TF_USE_LEGACY_KERAS", None)
        else:
            os.environ["TF_USE_LEGACY_KERAS"] = before


def quantising_wrap(ranges: Mapping[int, tuple[float, float]], rounding: Rounding) -> Wrap:
    """What `rebuild` is to do with each layer.

    Args:
        ranges: value -> (min, max) to begin with, for the values that are INT8 tensors of their own.
        rounding: Rounding. The switch that the model's layers look at.
    """
    qat = load_tfmot()
    channel_rounding, calibrated_range, config = _classes()

    def wrap(node: Node, layer: Any) -> Any:
        kernel = _KERNELS.get(node.kind)
        if node.kind == "PReLU":
            kernel = ("alpha", ())
        limits = ranges.get(node.output)
        if kernel is None and limits is None:
            return None if node.kind == "InputLayer" else layer
        weights = () if kernel is None else ((kernel[0], channel_rounding(kernel[1], rounding)),)
        outputs = () if limits is None else (calibrated_range(*limits),)
        return qat.QuantizeWrapperV2(layer, config(weights, outputs))

    return wrap


@cache
def _classes() -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """Our quantizers and configuration, as subclasses of TF-MOT's."""
    tensorflow, qat = load("tensorflow", "qat"), load_tfmot()
    keras = load("tf_keras", "qat")

    class ChannelRounding(qat.quantizers.Quantizer):  # type: ignore[misc,name-defined]
        """Weights to 255 steps about zero, a scale for each output channel, as TFLite's converter does.

        TF-MOT's own quantizer has one scale for all channels of a depthwise convolution.
        """

        def __init__(self, axes: tuple[int, ...], rounding: Rounding) -> None:
            self.axes, self.rounding = axes, rounding

        def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
            return {}

        def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
            if not self.rounding.weights:
                return inputs
            reduced = [axis for axis in range(len(inputs.shape)) if axis not in self.axes]
            largest = tensorflow.reduce_max(tensorflow.abs(inputs), axis=reduced, keepdims=True)
            scale = tensorflow.maximum(largest / 127.0, 1e-12)
            rounded = tensorflow.round(inputs / scale) * scale
            return inputs + tensorflow.stop_gradient(rounded - inputs)

        def get_config(self) -> dict[str, Any]:
            return {"axes": self.axes}

    class CalibratedRange(qat.quantizers.MovingAverageQuantizer):  # type: ignore[misc,name-defined]
        """TF-MOT's moving average of a tensor's range, begun with the range on the calibration data.

        TF-MOT begins with [-6, 6] and moves by a thousandth a step: a small data set would never get there.
        """

        def __init__(self, low: float, high: float) -> None:
            super().__init__(num_bits=8, per_axis=False, symmetric=False, narrow_range=False)
            self.low, self.high = low, high

        def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
            constant = keras.initializers.Constant
            low = layer.add_weight(f"{name}_min", initializer=constant(self.low), trainable=False)
            high = layer.add_weight(f"{name}_max", initializer=constant(self.high), trainable=False)
            return {"min_var": low, "max_var": high}

    class Config(qat.QuantizeConfig):  # type: ignore[misc,name-defined]
        """Which weights of a layer are rounded, and whether its output is."""

        def __init__(self, weights: tuple[tuple[str, Any], ...], outputs: tuple[Any, ...]) -> None:
            self.weights, self.outputs = weights, outputs

        def get_weights_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
            return [(getattr(layer, name), quantizer) for name, quantizer in self.weights]

        def get_activations_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
            return []

        def set_quantize_weights(self, layer: Any, quantize_weights: list[Any]) -> None:
            for (name, _), weight in zip(self.weights, quantize_weights, strict=True):
                setattr(layer, name, weight)

        def set_quantize_activations(self, layer: Any, quantize_activations: list[Any]) -> None:
            """Activations are layers of their own here."""

        def get_output_quantizers(self, layer: Any) -> list[Any]:
            return list(self.outputs)

        def get_config(self) -> dict[str, Any]:
            return {}

    return ChannelRounding, CalibratedRange, Config
