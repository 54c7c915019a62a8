"""The constants of the MVE family's ADD and SUB: one multiplication for each operand, tried on every pair of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tflm_mcunet.codegen.merged_sum import portable_outputs

#: The kernel shifts by one of these: the more, the finer the factors; the less, the larger the sums that fit.
_SHIFTS = (22, 20)

_INT32 = 1 << 31
_VALUES = np.arange(-128, 128, dtype=np.int64)

#: How far the factors are moved off their rounded values in search of constants that fit.
_STEPS = (0, 1, -1, 2, -2, 3, -3, 4, -4)


def constants(fields: Mapping[str, Any]) -> dict[str, int] | None:
    """The fields of `SumMve` for those of `Sum`, or None where no constants give its outputs for all pairs."""
    if (fields["output_min"], fields["output_max"]) != (-128, 127):
        return None
    exact = portable_outputs(fields)
    for shift in _SHIFTS:
        first, second = _factor(fields, "first", shift), fields["sign"] * _factor(fields, "second", shift)
        for one in _STEPS:
            for two in _STEPS:
                constant = _constant(exact, first + one, second + two, shift)
                if constant is not None:
                    return {
                        "first_factor": first + one,
                        "second_factor": second + two,
                        "constant": constant,
                        "shift": shift,
                    }
    return None


def _factor(fields: Mapping[str, Any], operand: str, shift: int) -> int:
    """2^shift times the ratio of an operand's scale to the output's."""
    product = fields[f"{operand}_multiplier"] * fields["output_multiplier"]
    # Multipliers are Q31, and the operands are shifted left by 20 bits first.
    exponent = shift + 20 + fields[f"{operand}_shift"] + fields["output_shift"] - 62
    return product << exponent if exponent >= 0 else (product + (1 << (-exponent - 1))) >> -exponent


def _constant(exact: np.ndarray, first: int, second: int, shift: int) -> int | None:
    """A constant with which every pair of operands has its output; the middle of those that there are."""
    if max(abs(first), abs(second)) >= _INT32 >> 7:
        return None
    sums = (_VALUES * first)[:, None] + (_VALUES * second)[None, :]
    least = np.where(exact > -128, (exact << shift) - sums, -_INT32).max()
    most = np.where(exact < 127, ((exact + 1) << shift) - 1 - sums, _INT32).min()
    constant = (int(least) + int(most)) // 2 - (1 << 15) - (1 << (shift - 1))
    # The kernel adds the constant to the first product, and then the second: neither may overflow.
    largest = max(128 * abs(first), int(np.abs(sums).max())) + abs(constant)
    return constant if least <= most and largest < _INT32 else None
