"""Places buffers one after another, each at the lowest offset at which nothing that lives with it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tflm_mcunet.schedule.schedule import ALIGNMENT, Buffer, aligned

#: Up to this many pairs of buffers that live together, every buffer knows its neighbours; above, vectors are used.
LISTED_PAIRS = 1_000_000


@dataclass(frozen=True)
class Instance:
    """A placement problem: sizes rounded up to the alignment, spans of steps, and fixed offsets.

    Args:
        sizes: tuple of int. Aligned bytes.
        spans: tuple of (first step, last step), inclusive.
        fixed: mapping. Index -> (offset rounded down, end rounded up) of the buffers that are placed already.
        neighbours: for every buffer, the indices of those that live at a common step; None if there are too many.
    """

    sizes: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    fixed: dict[int, tuple[int, int]]
    neighbours: tuple[tuple[int, ...], ...] | None


def instance(buffers: Sequence[Buffer]) -> Instance:
    """The placement problem of some buffers; those with an offset stay where they are."""
    sizes = tuple(aligned(b.size_bytes) for b in buffers)
    spans = tuple((b.first_step, b.last_step) for b in buffers)
    fixed = {
        i: (b.offset - b.offset % ALIGNMENT, aligned(b.offset + b.size_bytes))
        for i, b in enumerate(buffers)
        if b.offset >= 0
    }
    return Instance(sizes, spans, fixed, _neighbours(spans))


def _neighbours(spans: Sequence[tuple[int, int]]) -> tuple[tuple[int, ...], ...] | None:
    starts = np.sort(np.array([first for first, _ in spans], dtype=np.int64))
    # A pair is counted at its later start: the starts within (own start, own end], and earlier ones alike.
    begun = np.searchsorted(starts, np.array([last for _, last in spans], dtype=np.int64), side="right")
    earlier = np.searchsorted(starts, np.array([first for first, _ in spans], dtype=np.int64), side="left")
    if int((begun - earlier).sum()) > LISTED_PAIRS:
        return None
    result: list[list[int]] = [[] for _ in spans]
    active: list[int] = []
    for i in sorted(range(len(spans)), key=lambda i: spans[i]):
        active = [j for j in active if spans[j][1] >= spans[i][0]]
        for j in active:
            result[i].append(j)
            result[j].append(i)
        active.append(i)
    return tuple(tuple(n) for n in result)


def first_fit(problem: Instance, order: Sequence[int]) -> list[int]:
    """Offsets of all buffers, placed in `order` (indices of those that are not fixed)."""
    if problem.neighbours is None:
        return _first_fit_dense(problem, order)
    sizes, neighbours = problem.sizes, problem.neighbours
    starts, ends = [-1] * len(sizes), [0] * len(sizes)
    for i, (start, end) in problem.fixed.items():
        starts[i], ends[i] = start, end
    for i in order:
        taken = sorted([(starts[j], ends[j]) for j in neighbours[i] if starts[j] >= 0])
        offset, size = 0, sizes[i]
        for start, end in taken:
            if start - offset >= size:
                break
            if end > offset:
                offset = end
        starts[i], ends[i] = offset, offset + size
    return starts


def _first_fit_dense(problem: Instance, order: Sequence[int]) -> list[int]:
    """`first_fit` where almost everything lives together: the placed buffers in vectors, sorted by offset."""
    count = len(problem.sizes)
    # Python's integers have no limit, numpy's do: 16-byte units leave room for 2**67 bytes.
    sizes = np.array([s // ALIGNMENT for s in problem.sizes], dtype=np.int64)
    first = np.array([a for a, _ in problem.spans], dtype=np.int64)
    last = np.array([b for _, b in problem.spans], dtype=np.int64)
    result = np.full(count, -1, dtype=np.int64)
    columns = np.zeros((4, count), dtype=np.int64)  # start, end, first step, last step of what is placed
    placed = 0

    def put(i: int, start: int, end: int) -> None:
        nonlocal placed
        at = int(np.searchsorted(columns[0, :placed], start, side="right"))
        columns[:, at + 1 : placed + 1] = columns[:, at:placed].copy()
        columns[:, at] = start, end, first[i], last[i]
        placed += 1
        result[i] = start

    for i, (low, high) in problem.fixed.items():
        put(i, low // ALIGNMENT, high // ALIGNMENT)
    for i in order:
        beside = (columns[2, :placed] <= last[i]) & (columns[3, :placed] >= first[i])
        starts, ends = columns[0, :placed][beside], columns[1, :placed][beside]
        offset = 0
        if len(starts):
            free_from = np.concatenate(([0], np.maximum.accumulate(ends)))
            fits = np.flatnonzero(starts - free_from[:-1] >= sizes[i])
            offset = int(free_from[fits[0]] if len(fits) else free_from[-1])
        put(i, offset, offset + int(sizes[i]))
    return [int(offset) * ALIGNMENT for offset in result]
