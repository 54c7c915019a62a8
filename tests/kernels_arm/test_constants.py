"""The constants that are found offline give TFLite Micro's outputs, for every sum that a layer can have."""

from __future__ import annotations

import numpy as np
import pytest
from affines import drawn_affine

from tflm_mcunet.codegen import merged_sum as dsp_sum
from tflm_mcunet.codegen.fixed_point import quantize_multiplier
from tflm_mcunet.codegen.merged_requantize import SATURATE, constants, exact_output


def kernel_outputs(found, sums: np.ndarray, channel: int, bits: int, low: int, high: int) -> np.ndarray:
    """What the kernels compute from sums without bias, with 32-bit wrapping."""
    scaled = ((sums << bits) + int(found.bias[channel]) + (1 << 31)) % (1 << 32) - (1 << 31)
    fix = np.where(scaled < 0, 1 << (bits - 1), 0) if found.finish != SATURATE else 0
    value = (scaled * int(found.multiplier[channel]) >> 32) + int(found.constant[channel]) - fix
    assert np.abs(value).max() < 1 << 31
    return np.clip(value >> int(found.shift[channel]), low, high)


@pytest.mark.parametrize("bits", [7, 8])
def test_requantisation_is_exact_for_every_sum_of_a_layer(bits: int) -> None:
    random = np.random.default_rng(bits)
    checked = 0
    for _ in range(150):
        affine = drawn_affine(random, 2)
        middle = random.integers(-(1 << int(random.integers(4, 28))), 1 << int(random.integers(4, 28)), 2)
        reach = int(random.choice([3, 300, 3000]))
        smallest, largest = middle - reach, middle + reach
        bias = middle + random.integers(-reach, reach, 2)
        found = constants(affine, smallest, largest, bias, bits)
        if found is None:
            continue
        for channel in range(2):
            sums = np.arange(smallest[channel], largest[channel] + 1)
            expected = [exact_output(affine, channel, int(v)) for v in sums]
            computed = kernel_outputs(found, sums - bias[channel], channel, bits, affine.low, affine.high)
            assert expected == computed.tolist(), affine
            checked += len(sums)
    assert checked > 100_000


def test_sums_have_constants_and_refuse_what_has_none() -> None:
    random = np.random.default_rng(1)
    found = 0
    for _ in range(20):
        scales = random.uniform(0.01, 0.2, 3)
        twice = 2 * max(scales[:2])
        numbers = {
            "first": quantize_multiplier(float(scales[0] / twice)),
            "second": quantize_multiplier(float(scales[1] / twice)),
            "output": quantize_multiplier(float(twice / ((1 << 20) * scales[2]))),
        }
        fields = {"sign": int(random.choice([-1, 1])), "output_min": -128, "output_max": 127}
        for name, (multiplier, shift) in numbers.items():
            zero_point = int(random.integers(-128, 128))
            fields |= {
                f"{name}_multiplier": multiplier,
                f"{name}_shift": shift,
                f"{name}_zero_point": zero_point,
            }
        constant = dsp_sum.constants(fields)
        if constant is None:
            continue
        found += 1
        one, two = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128), indexing="ij")
        total = (one * 256 * constant["first_factor"] >> 16) + (two * 256 * constant["second_factor"] >> 16)
        computed = np.clip(total + constant["constant"] >> 20, -128, 127)
        assert (computed == dsp_sum.portable_outputs(fields)).all()
    assert found >= 10
    assert dsp_sum.constants({"output_min": -128, "output_max": 100}) is None
