"""The fixed-point functions of gemmlowp that TFLite Micro's int8 kernels call, on arrays of int64.

Every raw value is an int32 held in an int64; Qm.n has m integer bits, n = 31 - m fractional bits. The constants of
gemmlowp's `fixedpoint/fixedpoint.h` are rounded real numbers, and are written as such.
"""

from __future__ import annotations

import math

import numpy as np

INT32_MAX = 2**31 - 1
INT32_MIN = -(2**31)


def fixed(real: float, integer_bits: int = 0) -> int:
    """A real constant in Qm.n, to nearest."""
    return math.floor(real * 2 ** (31 - integer_bits) + 0.5)


def high_multiply(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """a · b / 2^31, rounded to nearest; not for (-2^31, -2^31)."""
    return (a * b + (1 << 30)) >> 31


def shift_right(value: np.ndarray, exponent: int) -> np.ndarray:
    """value / 2^exponent, rounded to nearest, halves away from zero."""
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (value < 0)
    return (value >> exponent) + ((value & mask) > threshold)


def shift_left(value: np.ndarray, exponent: int) -> np.ndarray:
    """value · 2^exponent, saturating to int32 from gemmlowp's thresholds on."""
    threshold = (1 << (31 - exponent)) - 1
    shifted = np.where(value > threshold, INT32_MAX, value << exponent)
    return np.where(value < -threshold, INT32_MIN, shifted)


def requantize(value: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
    """value · multiplier · 2^(shift - 31), rounded twice as TFLite's `MultiplyByQuantizedMultiplier`."""
    return shift_right(high_multiply(value << max(shift, 0), multiplier), max(-shift, 0))


def exp_on_negative(value: np.ndarray, integer_bits: int) -> np.ndarray:
    """e^x in Q0.31 for x <= 0 in Qm.n: a polynomial on [-1/4, 0), then one factor for each higher bit of -x."""
    fractional_bits = 31 - integer_bits
    quarter = 1 << (fractional_bits - 2)
    low = (value & (quarter - 1)) - quarter
    remainder = low - value
    result = _exp_on_quarter(shift_left(low, integer_bits))
    for exponent in range(-2, integer_bits):
        is_set = (remainder & (1 << (fractional_bits + exponent))) != 0
        result = np.where(is_set, high_multiply(result, fixed(math.exp(-(2.0**exponent)))), result)
    return np.where(value == 0, INT32_MAX, result)


def _exp_on_quarter(value: np.ndarray) -> np.ndarray:
    """e^x for x in [-1/4, 0), both Q0.31: Taylor's polynomial of degree 4 about -1/8."""
    centre = fixed(math.exp(-1 / 8))
    x = value + (1 << 28)
    square = high_multiply(x, x)
    cube = high_multiply(square, x)
    quarter_of_fourth = shift_right(high_multiply(square, square), 2)
    higher = shift_right(high_multiply(quarter_of_fourth + cube, fixed(1 / 3)) + square, 1)
    return centre + high_multiply(x + higher, centre)


def _newton_raphson(value: np.ndarray) -> np.ndarray:
    """2 / (1 + x) in Q2.29 for x in [0, 1) in Q0.31, by three steps."""
    one = 1 << 29
    half_denominator = (value + INT32_MAX + 1) // 2
    estimate = fixed(48 / 17, 2) + high_multiply(half_denominator, fixed(-32 / 17, 2))
    for _ in range(3):
        error = one - high_multiply(half_denominator, estimate)
        estimate = estimate + shift_left(high_multiply(estimate, error), 2)
    return estimate


def logistic(value: np.ndarray, integer_bits: int) -> np.ndarray:
    """1 / (1 + e^-x) in Q0.31 for x in Qm.n."""
    exponential = exp_on_negative(-np.abs(value), integer_bits)
    positive = shift_left(_newton_raphson(exponential), 1)
    signed = np.where(value > 0, positive, INT32_MAX - positive)
    return np.where(value == 0, 1 << 30, signed)


def tanh(value: np.ndarray, integer_bits: int) -> np.ndarray:
    """(1 - e^-2x) / (1 + e^-2x) in Q0.31 for x in Qm.n."""
    exponential = exp_on_negative(-np.abs(value), integer_bits + 1)
    positive = shift_left(_newton_raphson(exponential) - (1 << 29), 2)
    return np.where(value == 0, 0, np.where(value < 0, -positive, positive))


def input_radius(integer_bits: int, left_shift: int) -> int:
    """From which magnitude on an input saturates (TFLite's `CalculateInputRadius`, 31 signed bits)."""
    return math.floor(((1 << integer_bits) - 1) * (1 << (31 - integer_bits)) / (1 << left_shift))
