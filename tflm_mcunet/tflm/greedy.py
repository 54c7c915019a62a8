"""Where stock TFLite Micro's greedy planner puts each buffer, to the byte.

As in `memory_planner/greedy_memory_planner.cc`:
- buffers with an offline offset come first, in the order of the model, and stay where they are told;
- the others follow by descending size; among equal sizes the later-added comes first;
- each takes the lowest gap that is large enough among the placed buffers that live at the same time, else the
  place after the last of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: From here on arrays win over lists: a step costs tens of microseconds, but does not grow with the graph.
_MANY = 400


@dataclass(frozen=True)
class Buffer:
    """What the planner is asked to place.

    Args:
        size_bytes: int. Aligned.
        first, last: int. The first and last step that use it, both inclusive.
        offline_bytes: int or None. The offset that the model's offline plan fixes.
    """

    size_bytes: int
    first: int
    last: int
    offline_bytes: int | None = None


def place(buffers: Sequence[Buffer]) -> list[int]:
    """The byte offset of each buffer.

    Example:
        >>> place([Buffer(32, 0, 1), Buffer(64, 1, 2), Buffer(48, 2, 3)])
        [64, 0, 64]
    """
    count = len(buffers)
    offline = [i for i in range(count) if buffers[i].offline_bytes is not None]
    online = [i for i in range(count - 1, -1, -1) if buffers[i].offline_bytes is None]
    online.sort(key=lambda i: -buffers[i].size_bytes)
    return (_place_few if count < _MANY else _place_many)(buffers, offline + online)


def head_bytes(buffers: Sequence[Buffer], offsets: Sequence[int]) -> int:
    """The size of the plan: the end of its highest buffer."""
    return max((o + b.size_bytes for o, b in zip(offsets, buffers, strict=True)), default=0)


def _place_few(buffers: Sequence[Buffer], order: Sequence[int]) -> list[int]:
    offsets = [0] * len(buffers)
    starts: list[int] = []
    placed: list[tuple[int, int, int, int]] = []
    for i in order:
        buffer = buffers[i]
        size, first, last = buffer.size_bytes, buffer.first, buffer.last
        offset = 0
        if buffer.offline_bytes is not None:
            offset = buffer.offline_bytes
        else:
            for start, end, other_first, other_last in placed:
                if other_first <= last and first <= other_last:
                    if start - offset >= size:
                        break
                    if end > offset:
                        offset = end
        offsets[i] = offset
        position = bisect_right(starts, offset)
        starts.insert(position, offset)
        placed.insert(position, (offset, offset + size, first, last))
    return offsets


def _place_many(buffers: Sequence[Buffer], order: Sequence[int]) -> list[int]:
    offsets = [0] * len(buffers)
    # Rows: start, end, first, last of what is placed, by ascending start.
    table = np.empty((4, len(buffers)), np.int64)
    for count, i in enumerate(order):
        buffer = buffers[i]
        start, end, first, last = table[:, :count]
        offset = buffer.offline_bytes
        if offset is None:
            alive = np.flatnonzero((first <= buffer.last) & (last >= buffer.first))
            # Below each neighbour the space is free from the highest end so far.
            ends = np.maximum.accumulate(np.concatenate(([0], end[alive])))
            fits = np.flatnonzero(start[alive] - ends[:-1] >= buffer.size_bytes)
            offset = int(ends[fits[0]] if fits.size else ends[-1])
        offsets[i] = offset
        position = int(np.searchsorted(start, offset, side="right"))
        table[:, position + 1 : count + 1] = table[:, position:count]
        table[:, position] = offset, offset + buffer.size_bytes, buffer.first, buffer.last
    return offsets
