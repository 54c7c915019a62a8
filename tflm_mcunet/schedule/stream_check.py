"""The proof of a placement: no two rows that live at the same time share a byte, unless one is written in place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tflm_mcunet.schedule.stream_pack import Block


def collisions(blocks: Sequence[Block], offsets: Sequence[int]) -> list[tuple[int, int]]:
    """Pairs of blocks that share bytes while both live, and may not.

    Independent of the way in which the offsets were found: every placement goes through it before it becomes a plan.
    """
    start = np.array(offsets, np.int64)
    size = np.array([b.size for b in blocks], np.int64)
    birth = np.array([b.birth for b in blocks], np.int64)
    death = np.array([b.death for b in blocks], np.int64)
    rank = np.argsort(start, kind="stable")
    found = []
    for n, i in enumerate(rank):
        rest = rank[n + 1 :]
        rest = rest[: np.searchsorted(start[rest], start[i] + size[i])]
        clash = (birth[rest] <= death[i]) & (death[rest] >= birth[i]) & (size[rest] > 0)
        for j in rest[clash]:
            a, b = (int(i), int(j))
            if start[a] == start[b] and (a in blocks[b].partners or b in blocks[a].partners):
                continue
            found.append((a, b))
    return found
