"""The 256-entry tables of the operators that map one 8-bit value to another, exactly as TFLite Micro computes them.

Each function is of (input tensor, output tensor, options, where) and returns int64[256]: the outputs for the inputs
-128 ... 127 (0 ... 255 of an uint8 input). `where` names the operator in errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tflm_mcunet.codegen import gemmlowp
from tflm_mcunet.codegen.checks import require
from tflm_mcunet.codegen.fixed_point import (
    INT8_MAX,
    INT8_MIN,
    quantize_multiplier,
    require_headroom,
    round_half_away,
)
from tflm_mcunet.graph import Tensor

_RANGES = {"int8": (INT8_MIN, INT8_MAX), "uint8": (0, 255)}


def _inputs(dtype: str) -> np.ndarray:
    low, high = _RANGES[dtype]
    return np.arange(low, high + 1, dtype=np.int64)


def _rescaled(values: np.ndarray, real_multiplier: float, where: str) -> np.ndarray:
    multiplier, shift = quantize_multiplier(real_multiplier)
    require_headroom(int(np.abs(values).max()), shift, where)
    return gemmlowp.requantize(values, multiplier, shift)


def _ratio(source: Tensor, output: Tensor) -> float:
    """Input scale over output scale, divided in float32 as the activations do."""
    return float(np.float32(source.scale) / np.float32(output.scale))


def relu(source: Tensor, output: Tensor, options: Mapping[str, Any], where: str) -> np.ndarray:
    """RELU, rescaled from the input's to the output's quantisation."""
    rescaled = _rescaled(_inputs("int8") - source.zero_point, _ratio(source, output), where)
    return np.clip(rescaled + output.zero_point, max(INT8_MIN, output.zero_point), INT8_MAX)


def relu6(source: Tensor, output: Tensor, options: Mapping[str, Any], where: str) -> np.ndarray:
    """RELU6, which TFLite Micro clamps in the input's quantisation and does not rescale."""
    six = round_half_away(float(np.float32(6.0) / np.float32(source.scale))) + source.zero_point
    return np.clip(_inputs("int8"), source.zero_point, min(six, INT8_MAX))


def leaky_relu(source: Tensor, output: Tensor, options: Mapping[str, Any], where: str) -> np.ndarray:
    """LEAKY_RELU: either side has its own multiplier."""
    alpha = np.float32(options["alpha"])
    require(bool(alpha >= 0), where, f"alpha is {alpha}; TFLite Micro's int8 kernel takes none below 0")
    values = _inputs("int8") - source.zero_point
    slope = float(np.float32(source.scale) * alpha / np.float32(output.scale))
    positive = _rescaled(values, _ratio(source, output), where)
    negative = _rescaled(values, slope, where)
    return np.clip(np.where(values >= 0, positive, negative) + output.zero_point, INT8_MIN, INT8_MAX)


def requantize(source: Tensor, output: Tensor, options: Mapping[str, Any], where: str) -> np.ndarray:
    """QUANTIZE between 8-bit types."""
    rescaled = _rescaled(_inputs(source.dtype) - source.zero_point, source.scale / output.scale, where)
    return np.clip(rescaled + output.zero_point, *_RANGES[output.dtype])


def _saturating(
    source: Tensor, function: Callable[[np.ndarray, int], np.ndarray], output_bits: int, where: str
) -> np.ndarray:
    """LOGISTIC and TANH: evaluated on Q4.27 inside the radius; beyond it the smallest and largest value."""
    integer_bits = 4
    fraction, left_shift = math.frexp(source.scale * 2.0 ** (31 - integer_bits))
    # A negative shift makes TFLite Micro's radius undefined.
    require(left_shift >= 0, where, f"the input scale {source.scale:g} is too small")
    values = _inputs("int8") - source.zero_point
    radius = gemmlowp.input_radius(integer_bits, left_shift)
    inside = np.where(np.abs(values) < radius, values, 0)
    in_q4 = gemmlowp.requantize(inside, round_half_away(fraction * (1 << 31)), left_shift)
    result = gemmlowp.shift_right(function(in_q4, integer_bits), 31 - output_bits)
    return np.where(values <= -radius, INT32_LOW, np.where(values >= radius, gemmlowp.INT32_MAX, result))


#: Stands for "below everything" until the clamp.
INT32_LOW = gemmlowp.INT32_MIN


def logistic(source: Tensor, output: Tensor, options: Mapping[str, Any], where: str) -> np.ndarray:
    """LOGISTIC; the output's quantisation is fixed, scale 1/256 and zero point -128."""
    require(output.zero_point == INT8_MIN, where, f"the output's zero point is {output.zero_point}, not -128")
    return np.clip(_saturating(source, gemmlowp.logistic, 8, where) + INT8_MIN, INT8_MIN, INT8_MAX)


def tanh(source: Tensor, output: Tensor, options: Mapping[str, Any], where: str) -> np.ndarray:
    """TANH; the output's quantisation is fixed, scale 1/128 and zero point 0."""
    return np.clip(_saturating(source, gemmlowp.tanh, 7, where), INT8_MIN, INT8_MAX)


def _int16(value: int) -> int:
    """What a C++ int16_t holds of an integer."""
    return (value + (1 << 15)) % (1 << 16) - (1 << 15)


def _toward_zero(value: int, divisor: int) -> int:
    return -(-value // divisor) if value < 0 else value // divisor


def _high_multiply16(a: int, b: int) -> int:
    """a · b / 2^15 in int16, rounded to nearest, halves upwards."""
    return _int16(_toward_zero(a * b + ((1 << 14) if a * b >= 0 else 1 - (1 << 14)), 1 << 15))


def _shift_right16(value: int, exponent: int) -> int:
    """gemmlowp's `RoundingDivideByPOT` in int16, including what it does beyond 15 bits."""
    mask = _int16((1 << exponent) - 1)
    threshold = (mask >> 1) + (1 if value < 0 else 0)
    return _int16((value >> exponent) + (1 if (value & mask) > threshold else 0))


def _shift_left16(value: int, amount: int) -> int:
    return max(-(1 << 15), min((1 << 15) - 1, value << amount))


def _multiplier16(real: float) -> tuple[int, int]:
    multiplier, shift = quantize_multiplier(real)
    largest = multiplier >= (1 << 31) - 1 - (1 << 15)
    return ((1 << 15) - 1 if largest else (multiplier + (1 << 15)) >> 16), shift


def hard_swish(source: Tensor, output: Tensor, options: Mapping[str, Any], where: str) -> np.ndarray:
    """HARD_SWISH in int16: x · relu6(x + 3) / 6 (TFLite's kernels/internal/reference/hard_swish.h)."""
    fine = np.float32(1 / 128) * np.float32(source.scale)
    scale, shift = _multiplier16(float(fine / np.float32(output.scale)))
    gate_scale, gate_shift = _multiplier16(float(fine / (np.float32(3) / np.float32(32768))))
    require(shift <= 0, where, "the output's scale is too small for TFLite Micro's int8 kernel")
    require(gate_shift <= 30, where, f"the input scale {source.scale:g} is too large")

    def one(value: int) -> int:
        # Q8.7 of the input's scale, and the same on the output's scale before its shift.
        value = (value - source.zero_point) << 7
        scaled = _high_multiply16(value, scale)
        gate = _shift_left16(value, gate_shift - 1) if gate_shift > 0 else value
        gate = _high_multiply16(gate, gate_scale)
        if gate_shift > 0:
            gate = _shift_left16(gate, 1)
        elif gate_shift < 0:
            gate = _shift_right16(gate, -gate_shift)
        # From [-1, 1] to [0, 1].
        gate = (gate + (1 << 15)) >> 1
        product = _toward_zero(gate * scaled, 1 << 15)
        return _int16(_shift_right16(product, -shift) + output.zero_point)

    return np.clip([one(int(v)) for v in _inputs("int8")], INT8_MIN, INT8_MAX)


Table = Callable[[Tensor, Tensor, Mapping[str, Any], str], np.ndarray]

TABLES: Mapping[str, Table] = {
    "HARD_SWISH": hard_swish,
    "LEAKY_RELU": leaky_relu,
    "LOGISTIC": logistic,
    "QUANTIZE": requantize,
    "RELU": relu,
    "RELU6": relu6,
    "TANH": tanh,
}


def by_bits(table: np.ndarray, source: Tensor, output: Tensor) -> np.ndarray:
    """A table ordered by the bits of the input value, as uint8[256] of the bits of the output values."""
    if source.dtype == "int8":
        table = np.roll(table, 128)
    return table.astype(output.dtype).view(np.uint8)
