"""Offsets for buffers with known lifetimes: the smallest arena that can be found, and what no arena can undercut.

Greedy placement in several orders comes first, among them TFLite Micro's (by size) and the GPU delegate's (by breadth;
Pisarchyk and Lee 2020), so that the result is never worse than theirs. Where none of them reaches the lower
bound, branch and bound tries to, and a search that moves the topmost buffers to earlier places in the order repairs
what is left (after the hill climbing of Vela's allocator). All budgets are counts: the same buffers give the same
offsets on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tflm_mcunet.schedule.first_fit import Instance, first_fit, instance
from tflm_mcunet.schedule.place_exact import place_within
from tflm_mcunet.schedule.schedule import Buffer, aligned

#: Placements of one buffer that the branch and bound and the repair may try; about a second of Python together.
EFFORT = 300_000

#: Above this many buffers the branch and bound is not tried: it would run out of budget.
EXACT_BUFFERS = 300


@dataclass(frozen=True)
class Placement:
    """Buffers with offsets.

    Args:
        buffers: tuple of Buffer. In the order given, placed.
        arena_bytes: int. The end of the highest buffer, aligned.
        lower_bound_bytes: int. No placement is smaller; equal to `arena_bytes` where that is proven.
    """

    buffers: tuple[Buffer, ...]
    arena_bytes: int
    lower_bound_bytes: int


def allocate(
    buffers: Sequence[Buffer], *, nested: Sequence[tuple[int, int, int]] = (), effort: int = EFFORT
) -> tuple[Buffer, ...]:
    """Place buffers so that none that are in use at a common step share bytes.

    Offsets are multiples of 16. Buffers that have an offset already stay there.

    Args:
        buffers: sequence of Buffer.
        nested: sequence of (inner, outer, shift): indices of buffers without offset, of which the inner lies `shift`
            bytes, a multiple of 16, behind the beginning of the outer (see `Lifetimes.nested`).
        effort: int. Placements of one buffer that may be tried beyond the greedy ones.

    Example:
        >>> placed = allocate([Buffer(0, 100, 0, 1), Buffer(1, 50, 1, 2), Buffer(2, 100, 2, 3)])
        >>> [b.offset for b in placed], arena_bytes(placed)
        ([0, 112, 0], 176)
    """
    return place(buffers, nested=nested, effort=effort).buffers


def arena_bytes(buffers: Sequence[Buffer]) -> int:
    """The end of the highest placed buffer, aligned; 0 for none."""
    return max((aligned(b.offset + b.size_bytes) for b in buffers), default=0)


def lower_bound_bytes(buffers: Sequence[Buffer]) -> int:
    """The largest sum of aligned sizes in use at one step, and the end of the highest fixed buffer, if larger.

    Fixed buffers may share bytes among each other; at each step the bytes that they cover count once.
    """
    change: dict[int, int] = {}
    fixed = [b for b in buffers if b.offset >= 0]
    for b in buffers:
        if b.offset < 0:
            change[b.first_step] = change.get(b.first_step, 0) + aligned(b.size_bytes)
            change[b.last_step + 1] = change.get(b.last_step + 1, 0) - aligned(b.size_bytes)
    for b in fixed:
        change.setdefault(b.first_step, 0)
        change.setdefault(b.last_step + 1, 0)
    highest, live = arena_bytes(fixed), 0
    for step in sorted(change):
        live += change[step]
        covered = _covered([b for b in fixed if b.first_step <= step <= b.last_step]) if fixed else 0
        highest = max(highest, live + covered)
    return highest


def place(
    buffers: Sequence[Buffer], *, nested: Sequence[tuple[int, int, int]] = (), effort: int = EFFORT
) -> Placement:
    """`allocate` with the arena's size and its lower bound."""
    problem, bound = instance(buffers, nested), lower_bound_bytes(buffers)
    free = [i for i in range(len(buffers)) if i not in problem.fixed and problem.leaders.get(i, i) == i]
    if not free:
        return Placement(tuple(buffers), arena_bytes(buffers), bound)
    best, best_order, top = None, free, -1
    for order in _greedy_orders(problem, free):
        offsets = first_fit(problem, order)
        reached = _top(problem, offsets)
        if best is None or reached < top:
            best, best_order, top = offsets, order, reached
        if top == bound:
            break
    assert best is not None
    if top > bound and problem.neighbours is not None and effort > 0:
        best, top, bound = _improve(problem, best_order, best, bound, effort)
    placed = tuple(b if b.offset >= 0 else replace(b, offset=best[i]) for i, b in enumerate(buffers))
    return Placement(placed, arena_bytes(placed), bound)


def _covered(fixed: Sequence[Buffer]) -> int:
    """Bytes covered by at least one of the buffers, counted in aligned blocks."""
    total, end = 0, 0
    for start, stop in sorted((b.offset - b.offset % 16, aligned(b.offset + b.size_bytes)) for b in fixed):
        total += max(0, stop - max(start, end))
        end = max(end, stop)
    return total


def _top(problem: Instance, offsets: Sequence[int]) -> int:
    fixed = max((end for _, end in problem.fixed.values()), default=0)
    return max(fixed, max(offset + size for offset, size in zip(offsets, problem.sizes, strict=True)))


def _greedy_orders(problem: Instance, free: Sequence[int]) -> Iterator[list[int]]:
    """Orders for first fit, each from another idea of which buffer is hardest to place."""
    sizes, spans = problem.sizes, problem.spans
    # TFLite Micro sorts by size, and places the later one first where sizes are equal.
    yield sorted(free, key=lambda i: (-sizes[i], -i))
    yield sorted(free, key=lambda i: (-sizes[i], spans[i], i))
    yield _breadth_order(problem, free)
    yield sorted(free, key=lambda i: (-sizes[i] * (spans[i][1] - spans[i][0] + 1), i))
    if problem.neighbours is not None:
        yield sorted(free, key=lambda i: (spans[i][0] - spans[i][1], -sizes[i], i))
        yield sorted(free, key=lambda i: (spans[i][0], -sizes[i], i))
        yield sorted(free, key=lambda i: (-spans[i][1], -sizes[i], i))


def _breadth_order(problem: Instance, free: Sequence[int]) -> list[int]:
    """The steps by the bytes in use, descending; at each, the buffers not placed yet by size, descending."""
    steps = 1 + max(last for _, last in problem.spans)
    change = [0] * (steps + 1)
    for (first, last), size in zip(problem.spans, problem.sizes, strict=True):
        change[first] += size
        change[last + 1] -= size
    live, total = [], 0
    for step in range(steps):
        total += change[step]
        live.append(total)
    rank = np.empty(steps, dtype=np.int64)
    rank[sorted(range(steps), key=lambda s: (-live[s], s))] = np.arange(steps)
    # tables[k][s] is the smallest rank of the steps s ... s + 2^k - 1.
    tables = [rank]
    while 2 << (len(tables) - 1) <= steps:
        half = 1 << (len(tables) - 1)
        tables.append(np.minimum(tables[-1][:-half], tables[-1][half:]))

    def earliest(i: int) -> int:
        first, last = problem.spans[i]
        k = (last - first + 1).bit_length() - 1
        return int(min(tables[k][first], tables[k][last + 1 - (1 << k)]))

    return sorted(free, key=lambda i: (earliest(i), -problem.sizes[i], i))


def _improve(
    problem: Instance, order: Sequence[int], offsets: list[int], bound: int, effort: int
) -> tuple[list[int], int, int]:
    """Better offsets, their top and a better bound, from branch and bound and repair."""
    top = _top(problem, offsets)
    # The branch and bound knows no groups.
    exact = len(order) <= EXACT_BUFFERS and not problem.groups
    if exact:
        answer = place_within(problem, bound, effort // 2 // len(order))
        if answer.offsets is not None:
            return answer.offsets, bound, bound
        if answer.decided:
            bound += 16
    offsets = _repair(problem, order, offsets, bound, effort // 4)
    top = _top(problem, offsets)
    # Push down from above until a proof or the budget ends it.
    nodes = effort // 4 // len(order) if exact else 0
    while top > bound and nodes > 0:
        answer = place_within(problem, top - 16, nodes)
        nodes -= answer.nodes
        if answer.offsets is None:
            bound = top if answer.decided else bound
            break
        offsets, top = answer.offsets, _top(problem, answer.offsets)
    return offsets, top, bound


def _repair(
    problem: Instance, order: Sequence[int], offsets: list[int], bound: int, effort: int
) -> list[int]:
    """Move a topmost buffer, or one that it rests on, to an earlier place in the order, and keep what is not worse."""
    assert problem.neighbours is not None
    rng = random.Random(len(order))
    current, best, top = list(order), offsets, _top(problem, offsets)
    current_offsets, current_top = offsets, top
    for _ in range(effort // len(order)):
        if top == bound:
            break
        place_of = {i: p for p, i in enumerate(current)}
        ends = enumerate(zip(current_offsets, problem.sizes))
        peaks = [i for i, (offset, size) in ends if offset + size == current_top and i not in problem.fixed]
        if not peaks:
            break
        peak = rng.choice(peaks)
        beside = [problem.leaders.get(j, j) for j in (peak, *problem.neighbours[peak])]
        moved = rng.choice([j for j in beside if j in place_of])
        changed = list(current)
        changed.remove(moved)
        changed.insert(rng.randrange(place_of[moved] + 1), moved)
        tried = first_fit(problem, changed)
        reached = _top(problem, tried)
        if reached <= current_top:
            current, current_offsets, current_top = changed, tried, reached
        if reached < top:
            best, top = tried, reached
    return best
