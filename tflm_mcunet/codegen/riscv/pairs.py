"""The weights of dense layers for `kernels/riscv/pair_products` and its kin: two products to a multiplication."""

from __future__ import annotations

import numpy as np

#: Taps that a word of two pixels may take before it is emptied, largest first.
_GROUPS = (8, 4, 2)
MOST_GROUP = _GROUPS[0]
#: Values are at least -128, and the first pixel's sum of a group must stay within int16.
_MOST_WEIGHT = (1 << 15) // 128 - 1


def pair_stream(weights: np.ndarray, channels: np.ndarray) -> np.ndarray | None:
    """`riscv::PairJob::stream`, or None where no group of taps is safe.

    Args:
        weights: int8 [channels, taps].
        channels: int32 [channels, 4]. `riscv::Channel`.

    Returns:
        int32 array: for each two channels `riscv::ChannelPair` and their weights, a byte of either in turn. Of an odd
        number of channels the last one stands twice.
    """
    parts = []
    for first in range(0, len(weights), 2):
        pair = [first, min(first + 1, len(weights) - 1)]
        group = _group(weights[pair])
        if group is None:
            return None
        padded = _padded(weights[pair], group)
        by_tap = np.ascontiguousarray(padded.T).reshape(-1)
        words = np.zeros(-(-len(by_tap) // 4) * 4, np.int8)
        words[: len(by_tap)] = by_tap
        head = np.array([group, padded.shape[1] // group], np.int32)
        parts += [head, channels[pair].reshape(-1).astype(np.int32), words.view("<i4")]
    return np.concatenate(parts)


#: Units that the fully connected kernel computes together, and their weights' order in two words.
_UNITS = 8
_ORDER = [0, 2, 1, 3, 4, 6, 5, 7]


def unit_stream(weights: np.ndarray, channels: np.ndarray) -> np.ndarray | None:
    """`FullyConnectedRv::stream`, or None where no group of inputs is safe.

    Args:
        weights: int8 [units, depth].
        channels: int32 [units, 4]. `riscv::Channel`.

    Returns:
        int32 array: for each eight units their group, `riscv::Channel`s, and weights plus 128.
    """
    parts = []
    for first in range(0, len(weights), _UNITS):
        block = _padded(weights[first : first + _UNITS], MOST_GROUP)
        group = _group(block)
        if group is None:
            return None
        missing = _UNITS - len(block)
        by_input = np.pad(block, ((0, missing), (0, 0))).T[:, _ORDER]
        heads = np.pad(channels[first : first + _UNITS], ((0, missing), (0, 0)))
        raised = (by_input.astype(np.int16) + 128).astype(np.uint8)
        parts += [np.array([group], np.int32), heads.reshape(-1).astype(np.int32)]
        parts.append(np.ascontiguousarray(raised).reshape(-1).view("<i4"))
    return np.concatenate(parts)


def _group(weights: np.ndarray) -> int | None:
    """The largest group of taps after which every channel's sum of two products is still apart, for any input."""
    for group in _GROUPS:
        sums = np.abs(_padded(weights, group).astype(np.int64)).reshape(len(weights), -1, group).sum(axis=2)
        if sums.max() <= _MOST_WEIGHT:
            return group
    return None


def _padded(weights: np.ndarray, group: int) -> np.ndarray:
    return np.pad(weights, ((0, 0), (0, -weights.shape[1] % group)))
