"""The two words that the dense kernels hold for a channel give TFLite Micro's outputs, for every sum that can occur."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from affines import drawn_affine

from tflm_mcunet.codegen.arm_dsp.records import BITS, Records, constants_at, records, records_at, step_sums
from tflm_mcunet.codegen.merged_requantize import CLAMP, SATURATE, SIGN_FIX, Affine


def reference_outputs(affine: Affine, channel: int, sums: np.ndarray) -> np.ndarray:
    """TFLite Micro's double rounding, step by step."""
    shift = int(affine.shift[channel])
    high = ((sums << max(shift, 0)) * int(affine.multiplier[channel]) + (1 << 30)) >> 31
    right = max(-shift, 0)
    mask = (1 << right) - 1
    rounded = (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))
    return np.clip(rounded + affine.zero_point, affine.low, affine.high)


def kernel_outputs(
    found: Records, affine: Affine, channel: int, sums: np.ndarray, offset: np.ndarray, bits: int = BITS
) -> np.ndarray:
    """What the kernels compute from TFLite Micro's sums, with 32-bit wrapping."""
    products = np.zeros_like(sums) if found.is_constant[channel] else (sums - int(offset[channel])) << bits
    acc = (products + int(found.bias[channel]) + (1 << 31)) % (1 << 32) - (1 << 31)
    if found.shifts is None:
        shift, constant = found.shift, found.constant
    else:
        shift = int(found.shifts[channel]) + 1
        constant = (found.constant << (shift - 1)) + (1 << (bits - 2))
        constant = constant - np.where(acc < 0, 1 << (bits - 1), 0)
    value = (acc * int(found.multiplier[channel]) >> 32) + constant
    assert np.abs(value).max() < 1 << 31
    return np.clip(value >> shift, affine.low, affine.high)


def telling_sums(
    affine: Affine, channel: int, low: int, high: int, random: np.random.Generator
) -> np.ndarray:
    """Sums around powers of two and around every step of the outputs, and drawn ones."""
    powers = np.concatenate([[s << k for k in range(24)] for s in (-1, 1)])
    near = (powers[:, None] + np.arange(-40, 41)).reshape(-1)
    steps = (step_sums(affine)[channel][:, None] + np.arange(-3, 4)).reshape(-1)
    drawn = random.integers(low, high + 1, 2000)
    chosen = np.concatenate((near, steps, drawn, [low, high]))
    return np.unique(chosen[(chosen >= low) & (chosen <= high)])


def checked_layer(
    affine: Affine, random: np.random.Generator, bits: int = BITS, grain: int = 1
) -> tuple[int, int] | None:
    """The finish and the number of sums for which a drawn layer was compared; None where it has no records."""
    channels = len(affine.multiplier)
    reach = 1 << random.integers(6, 24, channels)
    middle = random.integers(-reach // 4, reach // 4 + 1)
    smallest, largest = middle - reach // 2, middle + reach // 2
    offset = random.integers(smallest, largest + 1)
    is_shared = bits == BITS and grain == 1
    found = records(affine, smallest, largest, offset, bits, is_shared=is_shared, grain=grain)
    if found is None:
        return None
    assert (found.bias % grain == 0).all()
    count = 0
    for channel in range(channels):
        sums = telling_sums(affine, channel, int(smallest[channel]), int(largest[channel]), random)
        computed = kernel_outputs(found, affine, channel, sums, offset, bits)
        expected = reference_outputs(affine, channel, sums)
        wrong = sums[computed != expected]
        assert not len(wrong), (affine, channel, wrong[:5])
        count += len(sums)
    return found.finish, count


@pytest.mark.parametrize("channels", [1, 4, 24])
def test_records_are_exact_for_the_sums_of_drawn_layers(channels: int) -> None:
    random = np.random.default_rng(channels)
    counts = dict.fromkeys((SATURATE, SIGN_FIX, CLAMP), 0)
    for _ in range(720 // channels):
        checked = checked_layer(drawn_affine(random, channels), random)
        if checked is not None:
            counts[checked[0]] += checked[1]
    # Channels that lie twelve octaves apart share no shift; the third test draws some that do.
    assert counts[SIGN_FIX] > 100_000 and counts[CLAMP] > 100_000
    assert counts[SATURATE] > 100_000 or channels > 1


def test_records_of_channels_are_exact_for_sums_times_128() -> None:
    random = np.random.default_rng(17)
    checked = [checked_layer(drawn_affine(random, 4), random, 7) for _ in range(60)]
    assert sum(c[1] for c in checked if c) > 300_000


def test_biases_can_leave_their_lowest_byte() -> None:
    random = np.random.default_rng(19)
    checked = [checked_layer(drawn_affine(random, 4), random, grain=256) for _ in range(60)]
    assert sum(c[1] for c in checked if c) > 300_000


def test_every_sum_of_a_narrow_layer_is_exact() -> None:
    random = np.random.default_rng(7)
    checked = 0
    for _ in range(60):
        affine = drawn_affine(random, 3)
        smallest = random.integers(-5000, 1, 3)
        largest = smallest + 9000
        offset = random.integers(smallest, largest)
        found = records(affine, smallest, largest, offset)
        if found is None:
            continue
        for channel in range(3):
            sums = np.arange(smallest[channel], largest[channel] + 1)
            computed = kernel_outputs(found, affine, channel, sums, offset)
            assert (computed == reference_outputs(affine, channel, sums)).all(), (affine, channel)
            checked += len(sums)
    assert checked > 1_000_000


def test_channels_that_share_a_shift_may_lie_octaves_apart() -> None:
    random = np.random.default_rng(3)
    shared = 0
    for spread in (0, 1, 2, 3):
        for _ in range(10):
            affine = Affine(
                random.integers(1 << 30, (1 << 31) - 1, 16),
                -8 - random.integers(0, spread + 1, 16),
                -128,
                -128,
                127,
            )
            largest = np.full(16, 1 << 17)
            found = records(affine, -largest, largest, np.zeros(16, np.int64))
            assert found is not None
            shared += found.shifts is None
            for channel in range(16):
                sums = telling_sums(affine, channel, -(1 << 17), 1 << 17, random)
                computed = kernel_outputs(found, affine, channel, sums, np.zeros(16, np.int64))
                assert (computed == reference_outputs(affine, channel, sums)).all()
    assert shared >= 25


@pytest.mark.parametrize(("shift", "has_constant"), [(8, False), (6, False), (8, True)])
def test_records_of_a_given_shift_are_exact(shift: int, has_constant: bool) -> None:
    random = np.random.default_rng(11 + shift)
    checked = 0
    for _ in range(400):
        affine = drawn_affine(random, 3)
        reach = 1 << random.integers(6, 24, 3)
        smallest, largest = -reach // 2, reach // 3
        offset = random.integers(smallest, largest + 1)
        constant = (affine.zero_point << shift) + (1 << (shift - 1)) if has_constant else 0
        found = records_at(affine, smallest, largest, offset, shift=shift, constant=constant)
        if found is None:
            continue
        assert (found.shift, found.constant, found.shifts) == (shift, constant, None)
        for channel in range(3):
            sums = telling_sums(affine, channel, int(smallest[channel]), int(largest[channel]), random)
            computed = kernel_outputs(found, affine, channel, sums, offset)
            assert (computed == reference_outputs(affine, channel, sums)).all(), (affine, channel)
            checked += len(sums)
    assert checked > 100_000


def test_sums_far_from_zero_that_reach_few_outputs_have_records() -> None:
    """As of a channel that hardly sees its input: scaled, its sums leave 32 bits."""
    random = np.random.default_rng(29)
    checked = 0
    for _ in range(200):
        affine = Affine(random.integers(1 << 30, (1 << 31) - 1, 2), np.array([-19, -20]), -128, -128, 127)
        smallest = random.integers(1 << 23, 1 << 25, 2)
        largest = smallest + random.integers(1 << 14, 1 << 18, 2)
        offset = random.integers(smallest, largest + 1)
        found = records_at(affine, smallest, largest, offset, shift=8, constant=(-128 << 8) + 128)
        if found is None:
            continue
        for channel in np.flatnonzero(~found.is_constant):
            steps = (step_sums(affine)[channel][:, None] + np.arange(-300, 301)).reshape(-1)
            sums = np.concatenate((random.integers(smallest[channel], largest[channel] + 1, 5000), steps))
            sums = np.clip(sums, smallest[channel], largest[channel])
            computed = kernel_outputs(found, affine, channel, sums, offset)
            assert (computed == reference_outputs(affine, channel, sums)).all(), (affine, channel)
            checked += 1
    assert checked > 30


def test_constants_of_a_given_shift_are_exact() -> None:
    random = np.random.default_rng(23)
    checked = 0
    for _ in range(400):
        affine = drawn_affine(random, 3)
        reach = 1 << random.integers(6, 20, 3)
        smallest, largest = -reach // 2, reach // 3
        found = constants_at(affine, smallest, largest, 11, 11)
        if found is None:
            continue
        for channel, (multiplier, constant) in enumerate(zip(*found, strict=True)):
            sums = telling_sums(affine, channel, int(smallest[channel]), int(largest[channel]), random)
            value = ((sums << 11) * int(multiplier) >> 32) + int(constant)
            computed = np.clip(value >> 11, affine.low, affine.high)
            assert (computed == reference_outputs(affine, channel, sums)).all(), (affine, channel)
            checked += len(sums)
    assert checked > 100_000


def test_records_of_a_given_shift_stay_within_32_bits() -> None:
    # Half the output's range is 2^27 of such sums, which scaled by 2^8 leave 32 bits.
    tiny = Affine(np.array([1 << 30]), np.array([-19]), -128, -128, 127)
    reach = np.array([1 << 22])
    assert records_at(tiny, -reach, reach, np.array([0]), shift=8, constant=0) is None
    assert records_at(tiny, -reach, reach, np.array([0]), shift=8, constant=(-128 << 8) + 128) is not None


def test_what_has_no_records_is_refused() -> None:
    affine = Affine(np.array([1 << 30]), np.array([-8]), -128, -128, 127)
    wide = np.array([1 << 24])
    assert records(affine, -wide, wide, np.array([0])) is None
    # A multiplier of 1 and more with a sign fix: V itself is the output, and no constant has that form.
    above_one = replace(affine, shift=np.array([1]), zero_point=0)
    assert records(above_one, np.array([-100]), np.array([100]), np.array([0])) is None
