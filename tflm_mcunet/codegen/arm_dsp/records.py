"""The requantisation records of the dense DSP kernels: two words a channel, proven channel by channel.

A kernel computes ((acc·multiplier >> 32) + constant) >> shift, where acc is 256 times TFLite Micro's sum;
`merged_requantize.py` says why that is its double rounding. So that a record is small, the kernel knows the constant:

- where the lower clamp hides the sign fix, constant and shift are those of the whole layer: they are the ones of the
  channel with the largest multiplier, and a smaller multiplier loses its lowest bits for that (`layer_records`);
- elsewhere each channel has its own shift, and the constant follows from it (`channel_records`).

Both sides are step functions that grow with the sum, so they are equal for every sum of a layer if all steps that it
can reach, at most 255, lie at the same sums. Each step bounds what may be added to a channel's bias from below and
above; where that leaves nothing, its multiplier is moved a little, and where that does not help the layer is refused.
A channel whose output no input changes is a bias without products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tflm_mcunet.codegen.merged_requantize import SATURATE, SIGN_FIX, Affine, finish_of

#: Sums are scaled by 2^8 unless another power is given.
BITS = 8

#: Largest shift: the constant, at most 128 << shift, and the product must fit into 32 bits together. Of a channel that
#: is a bias alone it is one less, for the bias.
_MOST_SHIFT = 22

#: How far a multiplier is moved off the rounded one in search of one that has an offset.
_MOVES = tuple(sorted((*range(-64, 65), *range(-1024, 1025, 32)), key=abs))

#: By how many powers of two a multiplier may be too large, where that is asked for.
_POWERS = tuple(range(1, 9))

#: The same as moves of a layer's constant, where one of its channels has no offset otherwise.
_CONSTANT_MOVES = (0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6)

_INT32 = 1 << 31
_LARGEST = (1 << 63) - 1


@dataclass(frozen=True)
class Records:
    """What a layer's kernel uses.

    Args:
        bias: int32 array. Of each channel, added to 256 times the sum of products.
        multiplier: int32 array. Of each channel, at least 1.
        shifts: int32 array or None. Of each channel, one less than what is shifted, where channels have their own.
        is_constant: bool array. The channels whose output no input changes: their products are left out.
        constant, shift: int. Of the layer; with `shifts`, 2 * zero point + 1 and 0.
        finish: int. `arm_dsp::Finish`.
    """

    bias: np.ndarray
    multiplier: np.ndarray
    shifts: np.ndarray | None
    is_constant: np.ndarray
    constant: int
    shift: int
    finish: int


@dataclass(frozen=True)
class _Layer:
    """A layer's channels: bounds of their sums, what is added to the sum of products, and where outputs step."""

    affine: Affine
    smallest: np.ndarray
    largest: np.ndarray
    offset: np.ndarray
    steps: np.ndarray
    bits: int

    @cached_property
    def is_constant(self) -> np.ndarray:
        reached = (self.steps > self.smallest[:, None]) & (self.steps <= self.largest[:, None])
        return np.asarray(~reached.any(axis=1))

    @cached_property
    def first_outputs(self) -> np.ndarray:
        """The outputs of the smallest sums."""
        return self.affine.low + (self.steps <= self.smallest[:, None]).sum(axis=1)

    @cached_property
    def exponents(self) -> np.ndarray:
        """The shifts that go with the channels' own multipliers."""
        return self.bits - 1 - self.affine.shift.astype(np.int64)


def records(
    affine: Affine,
    smallest: np.ndarray,
    largest: np.ndarray,
    offset: np.ndarray,
    bits: int = BITS,
    *,
    is_shared: bool = True,
    grain: int = 1,
) -> Records | None:
    """The records of a layer, or None where a channel has none that gives its outputs for all its sums.

    Args:
        affine: Affine.
        smallest, largest: int array. Bounds of each channel's sum over all inputs, its bias included.
        offset: int array. What is added to the sum of products x·w: the bias less the zero points' part.
        bits: int. The kernel's sums are those of TFLite Micro times 2^bits.
        is_shared: bool. Whether constant and shift may be those of the layer.
        grain: int. What biases must be multiples of where channels have shifts of their own.
    """
    layer = _layer(affine, smallest, largest, offset, bits)
    if layer is None:
        return None
    shared = layer_records(layer) if is_shared and finish_of(affine) == SATURATE else None
    return shared or channel_records(layer, grain)


def records_at(
    affine: Affine,
    smallest: np.ndarray,
    largest: np.ndarray,
    offset: np.ndarray,
    bits: int = BITS,
    *,
    shift: int,
    constant: int,
) -> Records | None:
    """As `records` for kernels that know one shift, without a sign fix; None where a channel has none that is exact.

    With a constant of 0, biases hold the output's zero point and what rounds.
    """
    layer = _layer(affine, smallest, largest, offset, bits, is_in_range=False)
    if layer is None or finish_of(affine) != SATURATE or (layer.exponents < shift)[~layer.is_constant].any():
        return None
    shifts = np.full(len(layer.steps), shift)
    fitted = _fitted(layer, shifts, np.full_like(shifts, constant), 0, powers=_POWERS)
    if fitted is None or abs(constant) >= 1 << 30 or shift > _MOST_SHIFT:
        return None
    return Records(*fitted, None, layer.is_constant, constant, shift, SATURATE)


def constants_at(
    affine: Affine, smallest: np.ndarray, largest: np.ndarray, bits: int, shift: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Multiplier and constant of each channel for kernels that know one shift and whose biases stay as they are.

    Args:
        affine: Affine. Without a sign fix, else there are none.
        smallest, largest: int array. Bounds of each channel's sum over all inputs, its bias included.
        bits: int. The kernel's sums are those of TFLite Micro times 2^bits.
        shift: int.

    Returns:
        Two int32 arrays, or None where a channel has none that are exact.
    """
    layer = _layer(affine, smallest, largest, np.zeros_like(smallest), bits)
    if layer is None or finish_of(affine) != SATURATE or (layer.exponents < shift)[~layer.is_constant].any():
        return None
    multiplier = np.zeros(len(layer.steps), np.int64)
    constant = (layer.first_outputs << shift) + (1 << (shift - 1))
    missing = np.flatnonzero(~layer.is_constant)
    rounded = np.round(affine.multiplier * np.exp2(shift - layer.exponents)).astype(np.int64)
    targets = _outputs(affine)[None, :] << shift
    for move in _MOVES:
        tried = np.clip(rounded[missing] + move, 1, _INT32 - 1)
        steps = layer.steps[missing]
        is_reached = (steps > layer.smallest[missing, None]) & (steps <= layer.largest[missing, None])
        steps = np.where(is_reached, steps, 0)
        at, below = ((v << bits) * tried[:, None] >> 32 for v in (steps, steps - 1))
        least = np.where(is_reached, targets - at, -_INT32).max(axis=1)
        most = np.where(is_reached, targets - below - 1, _INT32).min(axis=1)
        is_found = least <= most
        found = missing[is_found]
        multiplier[found], constant[found] = tried[is_found], ((least + most) // 2)[is_found]
        missing = missing[~is_found]
        if not len(missing):
            break
    ends = (np.stack((layer.smallest, layer.largest)) << bits) * multiplier >> 32
    is_in_range = not len(missing) and bool((np.abs(ends + constant) < _INT32).all())
    return (_int32(multiplier), _int32(constant)) if is_in_range else None


def _layer(
    affine: Affine,
    smallest: np.ndarray,
    largest: np.ndarray,
    offset: np.ndarray,
    bits: int,
    *,
    is_in_range: bool = True,
) -> _Layer | None:
    """The layer, or None where some sum leaves 32 bits in TFLite Micro or, where that is asked for, scaled."""
    smallest, largest, offset = (v.astype(np.int64) for v in (smallest, largest, offset))
    layer = _Layer(affine, smallest, largest, offset, step_sums(affine), bits)
    reach = np.maximum(np.abs(smallest), np.abs(largest))
    left = np.maximum(affine.shift.astype(np.int64), 0)
    is_over = is_in_range and bool((reach[~layer.is_constant] << bits >= _INT32 - (1 << 16)).any())
    return None if is_over or (reach << left >= _INT32).any() else layer


def layer_records(layer: _Layer) -> Records | None:
    """Records that share one constant and shift, without a sign fix."""
    affine, used = layer.affine, ~layer.is_constant
    shift = min(int(layer.exponents[used].min(initial=_MOST_SHIFT)), _MOST_SHIFT - 1)
    if shift < 1:
        return None
    has_fraction = bool((affine.shift[used] < 0).any())
    constant = (
        (1 << (shift - 1)) + (affine.zero_point << shift) + (1 << (layer.bits - 2) if has_fraction else 0)
    )
    shifts = np.full(len(layer.steps), shift)
    for move in _CONSTANT_MOVES:
        fitted = _fitted(layer, shifts, np.full_like(shifts, constant + move), 0)
        if fitted is not None:
            return Records(*fitted, None, layer.is_constant, constant + move, shift, SATURATE)
    return None


def channel_records(layer: _Layer, grain: int = 1) -> Records | None:
    """Records with a shift for each channel, from which its constant follows, and with a sign fix."""
    shifts = np.where(layer.is_constant, _MOST_SHIFT - 1, np.minimum(layer.exponents, _MOST_SHIFT))
    if (shifts < 1).any():
        return None
    constant = 2 * layer.affine.zero_point + 1
    constants = (constant << (shifts - 1)) + (1 << (layer.bits - 2))
    fitted = _fitted(layer, shifts, constants, 1 << (layer.bits - 1), grain)
    finish = max(finish_of(layer.affine), SIGN_FIX)
    return fitted and Records(*fitted, _int32(shifts - 1), layer.is_constant, constant, 0, finish)


def _fitted(
    layer: _Layer,
    shifts: np.ndarray,
    constants: np.ndarray,
    sign_fix: int,
    grain: int = 1,
    powers: tuple[int, ...] = (),
) -> tuple[np.ndarray, np.ndarray] | None:
    """Biases and multipliers with which every channel is exact at its shift and constant.

    A channel that reaches few of its outputs may do with a multiplier that is a power of two too large.
    """
    multiplier = np.full(len(shifts), _INT32 - 1)
    # Of a constant channel: half the bias, which takes the constant to the middle of the output's range.
    bias = 2 * ((layer.first_outputs << shifts) + (1 << (shifts - 1)) - constants) // grain * grain
    missing = np.flatnonzero(~layer.is_constant)
    rounded = np.round(layer.affine.multiplier * np.exp2(shifts - layer.exponents)).astype(np.int64)
    for power, move in (*((0, move) for move in _MOVES), *((power, 0) for power in powers)):
        if not len(missing):
            break
        tried = np.clip((rounded[missing] << power) + move, 1, _INT32 - 1)
        targets = (_outputs(layer.affine)[None, :] << shifts[missing, None]) - constants[missing, None]
        needed = _smallest_reaching(targets, tried[:, None], sign_fix)
        least, most = _bounds(needed, layer, missing)
        least, most = -(-least // grain) * grain, most // grain * grain
        is_found = least <= most
        found = missing[is_found]
        multiplier[found] = tried[is_found]
        bias[found] = (layer.offset[found] << layer.bits) + np.clip(0, least, most)[is_found]
        missing = missing[~is_found]
    return None if len(missing) else (_int32(bias), _int32(multiplier))


def step_sums(affine: Affine) -> np.ndarray:
    """[channels, outputs above the lowest]: the smallest sum for which TFLite Micro gives that output or a larger one.

    With V the result of the high multiply and e the right shift, an output of at least t needs V of at least
    (t - zero point - 1/2)·2^e, and more than that where V is negative, because halves are rounded away from zero.
    """
    shift = affine.shift.astype(np.int64)[:, None]
    right, left = np.maximum(-shift, 0), np.maximum(shift, 0)
    above = _outputs(affine)[None, :] - affine.zero_point
    half = np.where(right > 0, (1 << right) >> 1, 0)
    high = (above << right) - half + ((above <= 0) & (right > 0))
    scaled = (np.clip(high, -_INT32, _INT32) << 31) - (1 << 30)
    factor = np.maximum(affine.multiplier.astype(np.int64)[:, None], 1) << left
    return -(-scaled // factor)


def _outputs(affine: Affine) -> np.ndarray:
    """The outputs that have a step: all that differ from the smallest."""
    return np.arange(affine.low + 1, affine.high + 1, dtype=np.int64)


def _smallest_reaching(targets: np.ndarray, multiplier: np.ndarray, sign_fix: int) -> np.ndarray:
    """The smallest acc with (acc·multiplier >> 32) of at least the target, and `sign_fix` more below zero."""
    plain = -(-(targets << 32) // multiplier)
    if sign_fix == 0:
        return plain
    fixed = -(-((targets + sign_fix) << 32) // multiplier)
    return np.where(fixed < 0, fixed, np.maximum(plain, 0))


def _bounds(needed: np.ndarray, layer: _Layer, channels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and most that may be added to each channel's bias so that every step lies where it should.

    At the step and above, acc must reach what is needed; below it, it must not; and it never leaves 32 bits.
    """
    smallest, largest = layer.smallest[channels], layer.largest[channels]
    steps, first, last = layer.steps[channels], smallest[:, None], largest[:, None]
    least = needed - (np.maximum(steps, first) << layer.bits)
    most = needed - 1 - (np.minimum(steps - 1, last) << layer.bits)
    lowest, highest = -_INT32 - (smallest << layer.bits), _INT32 - 1 - (largest << layer.bits)
    least = np.where(steps <= last, least, lowest[:, None]).max(axis=1, initial=-_LARGEST)
    most = np.where(steps > first, most, highest[:, None]).min(axis=1, initial=_LARGEST)
    return np.maximum(least, lowest), np.minimum(most, highest)


def _int32(values: np.ndarray) -> np.ndarray:
    """Values modulo 2^32."""
    return (
        (values.astype(np.int64).astype(np.uint64) & np.uint64(0xFFFFFFFF)).astype(np.uint32).view(np.int32)
    )
