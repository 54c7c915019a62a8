"""The offline fixed-point functions are near the real ones, and requantise as the device does.

That they equal TFLite Micro's to the last bit is shown on whole operators, in `tests/kernels`.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tflm_mcunet.codegen import gemmlowp
from tflm_mcunet.codegen.fixed_point import quantize_multiplier, require_headroom
from tflm_mcunet.errors import UnsupportedOpError

INT32 = st.integers(-(2**31) + 1, 2**31 - 1)


@pytest.mark.parametrize("integer_bits", [4, 5])
def test_functions_are_near_the_real_ones(integer_bits):
    raw = np.linspace(-(2.0**31) + 1, 2.0**31 - 1, 4001).astype(np.int64)
    real = raw / 2.0 ** (31 - integer_bits)
    below = raw[raw <= 0]
    exponential = gemmlowp.exp_on_negative(below, integer_bits) / 2**31
    np.testing.assert_allclose(exponential, np.exp(real[raw <= 0]), atol=2**-22)
    np.testing.assert_allclose(
        gemmlowp.logistic(raw, integer_bits) / 2**31, 1 / (1 + np.exp(-real)), atol=2**-22
    )
    np.testing.assert_allclose(gemmlowp.tanh(raw, integer_bits) / 2**31, np.tanh(real), atol=2**-21)


@given(INT32, st.integers(0, 31))
def test_shift_right_rounds_halves_away_from_zero(value, exponent):
    doubled = abs(value) * 2 // 2**exponent
    expected = (doubled + 1) // 2 * (1 if value >= 0 else -1)
    assert gemmlowp.shift_right(np.int64(value), exponent) == expected


@given(INT32, st.integers(1, 31))
def test_shift_left_saturates(value, exponent):
    exact = value * 2**exponent
    shifted = int(gemmlowp.shift_left(np.int64(value), exponent))
    # gemmlowp saturates one step early: the largest magnitudes that would fit are already the limit.
    assert shifted == max(-(2**31), min(2**31 - 1, exact)) or 2**31 - abs(exact) <= 2**exponent


@given(st.floats(2.0**-40, 2.0**30))
def test_multipliers_represent_the_real_number(real):
    multiplier, shift = quantize_multiplier(real)
    if real < 2.0**-32:
        assert (multiplier, shift) == (0, 0)
    elif shift or multiplier:
        assert 2**30 <= multiplier < 2**31
        assert math.isclose(multiplier * 2.0 ** (shift - 31), real, rel_tol=2**-30)


@pytest.mark.parametrize("real, expected", [(0.5, (2**30, 0)), (1 - 2**-40, (2**30, 1)), (0.0, (0, 0))])
def test_multipliers_at_powers_of_two(real, expected):
    assert quantize_multiplier(real) == expected


def test_headroom_is_what_int32_has():
    require_headroom(2**31 - 1, -5, "op")
    require_headroom(2**20 - 1, 11, "op")
    with pytest.raises(UnsupportedOpError, match="op 3: values up to 1048576 shifted left by 11 bits"):
        require_headroom(2**20, 11, "op 3")
