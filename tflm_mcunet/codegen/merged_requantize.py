"""Requantisation with merged rounding: three instructions a value, each channel's constants proven offline.

For kernels of cores without a rounding high multiply.

TFLite Micro takes V = floor((a·m + 2^30) / 2^31), then V / 2^e rounded to nearest with halves away from zero, then
the zero point and the clamps. Nested floors merge: with the sum scaled by 2^b, ((2^b·a·m >> 32) + C) >> s is the same
for s = e + b - 1 and C = 2^(s-1) + (zero point << s) + (2^(b-2) if e ≥ 1), where halves of negative values round up.
That differs from TFLite Micro only below the zero point: not seen where the lower clamp lies at the zero point or
above, and mended by C - 2^(b-1) for negative sums elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: `arm_dsp::Finish`.
SATURATE, SIGN_FIX, CLAMP = 0, 1, 2

_INT8_MIN, _INT8_MAX = -128, 127
_INT32 = 1 << 31

#: Largest shift s: the constant, at most 128 << s, and the product must fit into 32 bits together.
_MOST_SHIFT = 22


@dataclass(frozen=True)
class Affine:
    """How a layer's sums become outputs in TFLite Micro: one multiplier and shift for each channel."""

    multiplier: np.ndarray
    shift: np.ndarray
    zero_point: int
    low: int
    high: int


@dataclass(frozen=True)
class Constants:
    """What the DSP kernels use instead: int32 arrays, one value for each channel, and the `arm_dsp::Finish`."""

    bias: np.ndarray
    multiplier: np.ndarray
    constant: np.ndarray
    shift: np.ndarray
    finish: int


def exact_output(affine: Affine, channel: int, value: int) -> int:
    """TFLite Micro's output for a sum, its bias included."""
    multiplier, shift = int(affine.multiplier[channel]), int(affine.shift[channel])
    high = ((value << max(shift, 0)) * multiplier + (1 << 30)) >> 31
    right = max(-shift, 0)
    mask = (1 << right) - 1
    rounded = (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))
    return min(max(rounded + affine.zero_point, affine.low), affine.high)


def finish_of(affine: Affine) -> int:
    """The cheapest exact ending of a layer."""
    if (affine.low, affine.high) != (_INT8_MIN, _INT8_MAX):
        return CLAMP
    return SATURATE if affine.zero_point <= affine.low else SIGN_FIX


def constants(
    affine: Affine, smallest: np.ndarray, largest: np.ndarray, offset: np.ndarray, bits: int
) -> Constants | None:
    """The constants of every channel, or None where one of them has no exact form.

    Args:
        affine: Affine.
        bits: int. The kernel's sums are those of TFLite Micro times 2^bits.
        smallest, largest: int array. Bounds of each channel's sum over all inputs, its bias included.
        offset: int array. What is added to the sum of products x·w: the bias less the zero points' part.
    """
    finish = finish_of(affine)
    columns = [
        _channel(affine, c, int(smallest[c]), int(largest[c]), finish, bits) for c in range(len(offset))
    ]
    if any(c is None for c in columns):
        return None
    multiplier, constant, shift, moved = (np.array([c[i] for c in columns if c], np.int64) for i in range(4))
    wrapped = (offset.astype(np.int64) - moved << bits).astype(np.uint64) & np.uint64(0xFFFFFFFF)
    bias = wrapped.astype(np.uint32).view(np.int32)
    narrow = [v.astype(np.int32) for v in (multiplier, constant, shift)]
    return Constants(bias, narrow[0], narrow[1], narrow[2], finish)


#: (multiplier, constant, shift, what the bias is lowered by) of one channel.
_Channel = tuple[int, int, int, int]


def _channel(affine: Affine, channel: int, low: int, high: int, finish: int, bits: int) -> _Channel | None:
    """The constants of one channel whose sums lie in [low, high]."""
    first = exact_output(affine, channel, low)
    if first == exact_output(affine, channel, high):
        # Outputs grow with sums. At this shift the sign fix cannot reach the output.
        return 0, (first << 16) + (1 << 15), 16, 0
    multiplier, shift = int(affine.multiplier[channel]), int(affine.shift[channel])
    s = bits - 1 - shift
    fits = max(abs(low), abs(high)) << bits < _INT32
    if not fits or s > _MOST_SHIFT or (finish != SATURATE and shift >= 0):
        return _searched(affine, channel, low, high, finish, bits) if s >= 1 else None
    if s < 1:
        return None
    constant = (1 << (s - 1)) + (affine.zero_point << s) + (1 << (bits - 2) if shift < 0 else 0)
    return multiplier, constant, s, 0


def _searched(affine: Affine, channel: int, low: int, high: int, finish: int, bits: int) -> _Channel | None:
    """As `_channel` by trial: the bias moved to the middle, and at large shifts a coarser multiplier.

    Both are step functions that grow with the sum, so they are equal if every step lies at the same sum.
    """
    if high - low >= _INT32 >> bits:
        return None
    moved = (low + high) // 2
    right = bits - 1 - int(affine.shift[channel])
    s = min(right, _MOST_SHIFT)
    multiplier = int(affine.multiplier[channel]) >> (right - s)
    least, most = -_INT32, _INT32 - 1
    for output in range(exact_output(affine, channel, low) + 1, exact_output(affine, channel, high) + 1):
        step = _step(affine, channel, low, high, output) - moved
        least = max(least, (output << s) - _product(step, multiplier, finish, bits))
        most = min(most, (output << s) - _product(step - 1, multiplier, finish, bits) - 1)
    constant = (least + most) // 2
    largest = max(abs(_product(v - moved, multiplier, finish, bits)) for v in (low, high))
    return (multiplier, constant, s, moved) if least <= most and abs(constant) + largest < _INT32 else None


def _product(value: int, multiplier: int, finish: int, bits: int) -> int:
    return ((value << bits) * multiplier >> 32) - (1 << (bits - 1) if finish != SATURATE and value < 0 else 0)


def _step(affine: Affine, channel: int, low: int, high: int, output: int) -> int:
    """The smallest sum in [low, high] with that output or a larger one."""
    while low < high:
        middle = (low + high) // 2
        if exact_output(affine, channel, middle) >= output:
            high = middle
        else:
            low = middle + 1
    return low
