"""The proof of a placement: no two rows that live at the same time share a byte, unless one is written in place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tflm_mcunet.schedule.stream_pack import Block

#: Blocks whose pairs are looked at together.
CHUNK = 512


def collisions(blocks: Sequence[Block], offsets: Sequence[int]) -> list[tuple[int, int]]:
    """Pairs of blocks that share bytes while both live, and may not.

    Independent of the way in which the offsets were found: every placement goes through it before it becomes a plan.
    """
    start = np.array(offsets, np.int64)
    size = np.array([b.size for b in blocks], np.int64)
    birth = np.array([b.birth for b in blocks], np.int64)
    death = np.array([b.death for b in blocks], np.int64)
    rank = np.argsort(start, kind="stable")
    start, size, birth, death = start[rank], size[rank], birth[rank], death[rank]
    # Block n shares bytes with those after it that start before its end.
    ends = np.searchsorted(start, start + size)
    found = []
    for first in range(0, len(rank), CHUNK):
        n = np.arange(first, min(first + CHUNK, len(rank)))
        counts = np.maximum(ends[n] - n - 1, 0)
        one = np.repeat(n, counts)
        other = one + 1 + np.arange(len(one)) - np.repeat(counts.cumsum() - counts, counts)
        clash = (birth[other] <= death[one]) & (death[other] >= birth[one]) & (size[other] > 0)
        for i, j in zip(rank[one[clash]].tolist(), rank[other[clash]].tolist()):
            if offsets[i] == offsets[j] and (i in blocks[j].partners or j in blocks[i].partners):
                continue
            found.append((i, j))
    return found
