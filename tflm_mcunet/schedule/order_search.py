"""The order of a segment's operators with the smallest peak: best-first search over the sets that may have run.

A state is a downset: a set of operators closed under "must run before", held as a bitmask. What is in use after it
does not depend on the order within it, so the smallest peak over all orders is a shortest path under "maximum"
instead of "sum", and Dijkstra's algorithm finds it (the dynamic program over downsets of Serenity, Ahn et al.,
MLSys 2020, section 3, visited in the order of the peak). Two rules keep it small:

- *Bound.* Whatever must be in use while an operator runs, in every order, bounds the peak from below (the floor).
  No state is worth splitting as long as its peak is below the floor.
- *Dominance.* An operator that can run without exceeding the peak already paid, and leaves no more bytes in use than
  before, may run at once; and so may a run of operators, each the only one that the one before made ready, at the
  first point where no more is in use than at its start. What is in use is a submodular function of the set
  that ran, so moving such a run to the front of any completion raises no step of it.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Segment:
    """Operators between two points that every order passes, numbered from 0 in the model's order; sizes in bytes.

    Args:
        before: tuple of int. Mask of the operators that must run before each.
        made, kept: tuple of int. As in `OpMemory`.
        frees: per operator, bytes of operands that die at it whatever the order.
        frees_after: per operator, (mask, bytes) of operands that die at it if all of the mask has run.
        shares: per operator, bytes that its outputs take over whatever the order.
        shares_after: per operator, (masks of the operands' other readers, outputs, bytes of one).
        live_bytes: int. In use before the segment.
        first_bytes: int. In use besides during the segment's first step.
        floor_bytes: int. In every order some step needs this many bytes.
    """

    before: tuple[int, ...]
    made: tuple[int, ...]
    kept: tuple[int, ...]
    frees: tuple[int, ...]
    frees_after: tuple[tuple[tuple[int, int], ...], ...]
    shares: tuple[int, ...]
    shares_after: tuple[tuple[tuple[tuple[int, ...], int, int], ...], ...]
    live_bytes: int
    first_bytes: int
    floor_bytes: int

    def step(self, i: int, mask: int, live: int) -> tuple[int, int]:
        """Bytes in use while operator `i` runs after the operators of `mask`, and after it."""
        after = live + self.kept[i] - self.frees[i]
        for others, size in self.frees_after[i]:
            if others & mask == others:
                after -= size
        during = live + self.made[i] - self.shares[i]
        for masks, outputs, size in self.shares_after[i]:
            during -= min(sum(others & mask == others for others in masks), outputs) * size
        return (during if mask else during + self.first_bytes), after

    def followers(self) -> list[list[int]]:
        """For every operator, those that wait for it."""
        result: list[list[int]] = [[] for _ in self.before]
        for j, mask in enumerate(self.before):
            while mask:
                low = mask & -mask
                result[low.bit_length() - 1].append(j)
                mask ^= low
        return result


@dataclass(frozen=True)
class Found:
    """What a search has found.

    Args:
        order: tuple of int or None. An order below the ceiling, None if none was found.
        peak_bytes: int. Its peak; the ceiling where there is none.
        bound_bytes: int. No order of the segment has a smaller peak.
        evaluations: int. Operators tried.
    """

    order: tuple[int, ...] | None
    peak_bytes: int
    bound_bytes: int
    evaluations: int


def evaluation_cost(segment: Segment) -> int:
    """What one try of an operator counts against the budget: long bitmasks cost more."""
    return 1 + len(segment.before) // 1000


def best_order(segment: Segment, floor: int, ceiling: int, budget: int) -> Found:
    """Search an order whose peak is below `ceiling`, the smallest there is.

    Args:
        segment: Segment.
        floor: int. Peaks below this many bytes are as good as this.
        ceiling: int. The peak to undercut.
        budget: int. Operators to try at most.
    """
    followers, full = segment.followers(), (1 << len(segment.before)) - 1
    floor = max(floor, segment.floor_bytes)
    if floor >= ceiling:
        return Found(None, ceiling, floor, 0)
    start_ready = sum(1 << i for i, mask in enumerate(segment.before) if not mask)
    seen: dict[int, tuple[int, int, tuple[int, ...]]] = {0: (floor, 0, ())}
    heap = [(floor, 0, segment.live_bytes, 0, 0, start_ready)]
    closed: set[int] = set()
    used, counter, cost = 0, 0, evaluation_cost(segment)
    while heap:
        peak, depth, live, _, mask, ready = heapq.heappop(heap)
        if seen[mask][0] != peak or mask in closed:
            continue
        if used >= budget:
            return Found(None, ceiling, peak, used)
        origin, path = mask, []
        while True:
            tried, run, count = _free_run(segment, followers, mask, ready, live, peak)
            used += count * cost
            if not run:
                break
            for i, after in run:
                mask, ready = _advance(segment, followers, mask, ready, i)
                live = after
                path.append(i)
        if mask == full:
            return Found(_trace(seen, origin, path), peak, peak, used)
        if mask in closed:
            continue
        closed.update((origin, mask))
        for i, during, after in tried:
            reached = mask | 1 << i
            through = max(peak, during)
            if through >= ceiling or (reached in seen and seen[reached][0] <= through):
                continue
            seen[reached] = (through, origin, (*path, i))
            _, follow = _advance(segment, followers, mask, ready, i)
            counter += 1
            heapq.heappush(heap, (through, depth - len(path) - 1, after, counter, reached, follow))
    return Found(None, ceiling, ceiling, used)


def beam_order(segment: Segment, ceiling: int, width: int, budget: int) -> Found:
    """An order below `ceiling` from a search that keeps the `width` best states of every length, if it finds one."""
    followers = segment.followers()
    start_ready = sum(1 << i for i, mask in enumerate(segment.before) if not mask)
    # One state: (peak, live, mask, ready, link), where a link is (operator, link before it).
    states: list[tuple[int, int, int, int, tuple | None]] = [(0, segment.live_bytes, 0, start_ready, None)]
    used, cost, bound = 0, evaluation_cost(segment), segment.floor_bytes
    for _ in segment.before:
        best: dict[int, tuple[int, int, int, int, tuple | None]] = {}
        for peak, live, mask, ready, link in states:
            if used >= budget:
                return Found(None, ceiling, bound, used)
            rest = ready
            while rest:
                low = rest & -rest
                rest ^= low
                i = low.bit_length() - 1
                used += cost
                during, after = segment.step(i, mask, live)
                through, reached = max(peak, during), mask | low
                if through >= ceiling or (reached in best and best[reached][0] <= through):
                    continue
                best[reached] = (
                    through,
                    after,
                    reached,
                    _advance(segment, followers, mask, ready, i)[1],
                    (i, link),
                )
        states = sorted(best.values(), key=lambda s: s[:3])[:width]
        if not states:
            return Found(None, ceiling, bound, used)
    order: list[int] = []
    link = states[0][4]
    while link is not None:
        order.append(link[0])
        link = link[1]
    return Found(tuple(reversed(order)), states[0][0], bound, used)


def depth_first_order(segment: Segment, ceiling: int) -> Found:
    """The order that always goes on with what was made ready last, if its peak is below `ceiling`: linear in time."""
    followers = segment.followers()
    stack = [i for i in reversed(range(len(segment.before))) if not segment.before[i]]
    waiting = [mask.bit_count() for mask in segment.before]
    order: list[int] = []
    mask, live, peak = 0, segment.live_bytes, 0
    while stack:
        i = stack.pop()
        during, live = segment.step(i, mask, live)
        peak = max(peak, during)
        mask |= 1 << i
        order.append(i)
        for j in reversed(followers[i]):
            waiting[j] -= 1
            if not waiting[j]:
                stack.append(j)
    used = len(order) * evaluation_cost(segment)
    if peak >= ceiling:
        return Found(None, ceiling, segment.floor_bytes, used)
    return Found(tuple(order), peak, segment.floor_bytes, used)


def _advance(
    segment: Segment, followers: Sequence[Sequence[int]], mask: int, ready: int, i: int
) -> tuple[int, int]:
    """The mask and the ready operators after operator `i` has run."""
    mask |= 1 << i
    ready ^= 1 << i
    for j in followers[i]:
        if segment.before[j] & mask == segment.before[j]:
            ready |= 1 << j
    return mask, ready


def _free_run(
    segment: Segment, followers: Sequence[Sequence[int]], mask: int, ready: int, live: int, peak: int
) -> tuple[list[tuple[int, int, int]], list[tuple[int, int]], int]:
    """Operators that may run at once by dominance, as (operator, bytes in use after it).

    Returns the ready operators tried as (operator, bytes during, bytes after), that run (empty if there is none,
    and then every ready operator has been tried), and the number of tries.
    """
    tried = []
    rest = ready
    while rest:
        low = rest & -rest
        rest ^= low
        i = low.bit_length() - 1
        during, after = segment.step(i, mask, live)
        tried.append((i, during, after))
        if during <= peak and after <= live:
            return tried, [(i, after)], len(tried)
    count = len(tried)
    for i, during, after in tried:
        if during > peak:
            continue
        run = [(i, after)]
        inner_mask, inner_ready = _advance(segment, followers, mask, ready, i)
        while True:
            fresh = inner_ready & ~ready
            if not fresh or fresh & (fresh - 1):
                break
            j = fresh.bit_length() - 1
            during, after = segment.step(j, inner_mask, run[-1][1])
            count += 1
            if during > peak:
                break
            run.append((j, after))
            if after <= live:
                return tried, run, count
            inner_mask, inner_ready = _advance(segment, followers, inner_mask, inner_ready, j)
    return tried, [], count


def _trace(
    seen: dict[int, tuple[int, int, tuple[int, ...]]], mask: int, path: Sequence[int]
) -> tuple[int, ...]:
    """The whole order that led to a state, then `path`."""
    parts = [tuple(path)]
    while mask:
        _, mask, ops = seen[mask]
        parts.append(ops)
    return tuple(i for part in reversed(parts) for i in part)
