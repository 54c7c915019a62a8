"""ADD and SUB with one multiplication for each operand: constants that are tried on every pair of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

_SHIFT = 20
_INT32 = 1 << 31
_VALUES = np.arange(-128, 128, dtype=np.int64)

#: How far the factors are moved off their rounded values in search of constants that fit.
_STEPS = (0, 1, -1, 2, -2, 4, -4, 8, -8)


def constants(fields: Mapping[str, Any]) -> dict[str, int] | None:
    """The fields of `SumDsp` and `SumRv` for those of `Sum`, or None where none give its outputs for all pairs."""
    if (fields["output_min"], fields["output_max"]) != (-128, 127):
        return None
    exact = portable_outputs(fields)
    first, second = _factor(fields, "first"), fields["sign"] * _factor(fields, "second")
    if max(abs(first), abs(second)) >= _INT32 - 16:
        return None
    for one in _STEPS:
        for two in _STEPS:
            constant = _constant(exact, first + one, second + two)
            if constant is not None:
                return {"first_factor": first + one, "second_factor": second + two, "constant": constant}
    return None


def _factor(fields: Mapping[str, Any], operand: str) -> int:
    """2^28 times the ratio of an operand's scale to the output's."""
    shift = fields[f"{operand}_shift"] + fields["output_shift"]
    product = fields[f"{operand}_multiplier"] * fields["output_multiplier"]
    # Multipliers are Q31, and the operands are shifted left by 20 bits first.
    exponent = 28 + 20 + shift - 62
    return product << exponent if exponent >= 0 else (product + (1 << (-exponent - 1))) >> -exponent


def _constant(exact: np.ndarray, first: int, second: int) -> int | None:
    """A constant with which every pair of operands has its output; the middle of those that there are."""
    rows, columns = (_VALUES * 256 * first) >> 16, (_VALUES * 256 * second) >> 16
    sums = rows[:, None] + columns[None, :]
    least = np.where(exact > -128, (exact << _SHIFT) - sums, -_INT32).max()
    most = np.where(exact < 127, ((exact + 1) << _SHIFT) - 1 - sums, _INT32).min()
    constant = (int(least) + int(most)) // 2
    # The kernel adds the constant to the first product, and then the second: neither may overflow.
    largest = max(int(np.abs(rows).max()), int(np.abs(sums).max())) + abs(constant)
    return constant if least <= most and largest < _INT32 else None


def portable_outputs(fields: Mapping[str, Any]) -> np.ndarray:
    """[256, 256] outputs of the portable kernel."""
    one = _requantize((_VALUES - fields["first_zero_point"]) << 20, fields, "first")
    two = _requantize((_VALUES - fields["second_zero_point"]) << 20, fields, "second")
    total = one[:, None] + fields["sign"] * two[None, :]
    return np.clip(_requantize(total, fields, "output") + fields["output_zero_point"], -128, 127)


def _requantize(value: np.ndarray, fields: Mapping[str, Any], which: str) -> np.ndarray:
    """`requantize` of kernels/requantize.h."""
    shift = fields[f"{which}_shift"]
    scaled = ((value << max(shift, 0)) * fields[f"{which}_multiplier"] + (1 << 30)) >> 31
    right = max(-shift, 0)
    mask = (1 << right) - 1
    return (scaled >> right) + ((scaled & mask) > (mask >> 1) + (scaled < 0))
