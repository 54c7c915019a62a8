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
        groups: mapping. Index of a leader -> (index, offset from the leader's) of the buffers that move with it,
            itself among them. The leaders' offsets are the smallest of their groups.
        leaders: mapping. Index -> its leader, for the buffers of all groups.
    """

    sizes: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    fixed: dict[int, tuple[int, int]]
    neighbours: tuple[tuple[int, ...], ...] | None
    groups: dict[int, tuple[tuple[int, int], ...]]
    leaders: dict[int, int]


def instance(buffers: Sequence[Buffer], nested: Sequence[tuple[int, int, int]] = ()) -> Instance:
    """The placement problem of some buffers; those with an offset stay where they are.

    Args:
        buffers: sequence of Buffer.
        nested: sequence of (inner, outer, shift in bytes): the inner's offset is the outer's plus the shift.
    """
    sizes = tuple(aligned(b.size_bytes) for b in buffers)
    spans = tuple((b.first_step, b.last_step) for b in buffers)
    fixed = {
        i: (b.offset - b.offset % ALIGNMENT, aligned(b.offset + b.size_bytes))
        for i, b in enumerate(buffers)
        if b.offset >= 0
    }
    groups, leaders = _groups(nested)
    return Instance(sizes, spans, fixed, _neighbours(spans), groups, leaders)


def _groups(
    nested: Sequence[tuple[int, int, int]],
) -> tuple[dict[int, tuple[tuple[int, int], ...]], dict[int, int]]:
    outer_of = {inner: (outer, shift) for inner, outer, shift in nested}
    leaders: dict[int, int] = {}
    members: dict[int, list[tuple[int, int]]] = {}
    for i in sorted({index for inner, outer, _ in nested for index in (inner, outer)}):
        leader, offset = i, 0
        while leader in outer_of:
            leader, shift = outer_of[leader]
            offset += shift
        leaders[i] = leader
        members.setdefault(leader, []).append((i, offset))
    return {leader: tuple(group) for leader, group in members.items()}, leaders


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
    """Offsets of all buffers, placed in `order` (of those that are not fixed, and that lead their group)."""
    if problem.neighbours is None:
        return _first_fit_dense(problem, order)
    sizes, neighbours = problem.sizes, problem.neighbours
    starts, ends = [-1] * len(sizes), [0] * len(sizes)
    for i, (start, end) in problem.fixed.items():
        starts[i], ends[i] = start, end
    for i in order:
        if i in problem.groups:
            group = problem.groups[i]
            # Where the leader may not begin: less than a member's size before, or within, what lives with the member.
            barred = sorted(
                (starts[j] - shift - sizes[m], ends[j] - shift)
                for m, shift in group
                for j in neighbours[m]
                if starts[j] >= 0
            )
            offset = 0
            for low, high in barred:
                if low < offset < high:
                    offset = high
            for m, shift in group:
                starts[m], ends[m] = offset + shift, offset + shift + sizes[m]
            continue
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
        group = problem.groups.get(i, ((i, 0),))
        barred_from: list[np.ndarray] = []
        barred_to: list[np.ndarray] = []
        for m, shift in group:
            beside = (columns[2, :placed] <= last[m]) & (columns[3, :placed] >= first[m])
            barred_from.append(columns[0, :placed][beside] - (shift // ALIGNMENT + sizes[m]))
            barred_to.append(columns[1, :placed][beside] - shift // ALIGNMENT)
        starts, ends = barred_from[0], barred_to[0]
        if len(group) > 1:
            starts, ends = np.concatenate(barred_from), np.concatenate(barred_to)
            by_start = np.argsort(starts, kind="stable")
            starts, ends = starts[by_start], ends[by_start]
        offset = 0
        if len(starts):
            free_from = np.maximum(np.concatenate(([0], np.maximum.accumulate(ends))), 0)
            fits = np.flatnonzero(starts >= free_from[:-1])
            offset = int(free_from[fits[0]] if len(fits) else free_from[-1])
        for m, shift in group:
            start = offset + shift // ALIGNMENT
            put(m, start, start + int(sizes[m]))
    return [int(offset) * ALIGNMENT for offset in result]
