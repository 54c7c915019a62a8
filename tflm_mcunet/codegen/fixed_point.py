"""TFLite Micro's fixed-point parameters, computed offline: multipliers, shifts and activation ranges."""

from __future__ import annotations

import math

import numpy as np

from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import Tensor
from tflm_mcunet.ops import ACTIVATIONS

INT8_MIN, INT8_MAX = -128, 127
INT32_MAX = 2**31 - 1


def round_half_away(value: float) -> int:
    """Nearest integer, halves away from zero, as C's `round`."""
    return math.floor(abs(value) + 0.5) * (1 if value >= 0 else -1)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """A real multiplier as (Q31 multiplier, shift to the left).

    Source: TFLite's `QuantizeMultiplier` (kernels/internal/quantization_util.cc). Multipliers below 2^-31 are
    flushed to zero there, and so here.
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    fixed = round_half_away(fraction * (1 << 31))
    if fixed == 1 << 31:
        fixed, shift = fixed // 2, shift + 1
    return (0, 0) if shift < -31 else (fixed, shift)


def require_headroom(bound: int, shift: int, where: str) -> None:
    """Refuse a requantisation whose value, at most `bound` in magnitude, overflows when it is shifted left.

    TFLite Micro's int32 arithmetic has no defined result there, so none could equal it.
    """
    if bound << max(shift, 0) > INT32_MAX:
        raise UnsupportedOpError(
            f"{where}: values up to {bound} shifted left by {max(shift, 0)} bits overflow int32",
            "the scales are far apart: calibrate the model with representative data",
        )


def activation_range(output: Tensor, activation: int, where: str) -> tuple[int, int]:
    """The int8 clamp (min, max) of a fused activation, computed in float32 as TFLite Micro does.

    Raises:
        UnsupportedOpError: for an activation that no int8 kernel of TFLite Micro fuses.
    """
    name = ACTIVATIONS.get(activation, str(activation))
    bounds = {"NONE": (None, None), "RELU": (0.0, None), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}
    if name not in bounds:
        raise UnsupportedOpError(f"{where}: the fused activation {name} has no int8 form in TFLite Micro")
    low, high = bounds[name]
    scale = np.float32(output.scale)

    def quantized(value: float) -> int:
        steps = round_half_away(float(np.float32(value) / scale))
        if abs(steps) > INT32_MAX:
            raise UnsupportedOpError(f"{where}: {name} does not fit the output's scale {output.scale:g}")
        return output.zero_point + steps

    minimum = INT8_MIN if low is None else max(INT8_MIN, quantized(low))
    maximum = INT8_MAX if high is None else min(INT8_MAX, quantized(high))
    return minimum, maximum


def channel_multipliers(
    source: Tensor, weights: Tensor, output: Tensor, channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Multiplier and shift of each output channel, input scale · weight scale / output scale in double.

    Source: TFLite's `PopulateConvolutionQuantizationParams`. A per-tensor weight scale serves every channel.
    """
    scales = weights.quantization.scale if weights.quantization else ()
    if len(scales) == 1:
        scales = scales * channels
    pairs = [quantize_multiplier(source.scale * scale / output.scale) for scale in scales]
    multipliers = np.array([m for m, _ in pairs], dtype=np.int32)
    shifts = np.array([s for _, s in pairs], dtype=np.int8)
    return multipliers, shifts
