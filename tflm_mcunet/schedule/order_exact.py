"""The order of a segment's operators with the smallest peak, exactly: best-first search from both ends.

A state is a downset: a set of operators closed under "must run before", held as a bitmask. What is in use between two
steps depends on the set that has run and on nothing else, so the smallest peak over all orders is a shortest path
from the empty to the full set under "maximum" instead of "sum", and Dijkstra's algorithm finds it (the dynamic
program over downsets of Serenity, Ahn et al., MLSys 2020, section 3, visited in the order of the peak). Three
things keep it small:

- *Bound.* Whatever must be in use while an operator runs, in every order, bounds the peak from below (the floor). No
  state is worth splitting as long as its peak is below the floor.
- *Dominance.* An operator that can run without exceeding the peak already paid, and leaves no more bytes in use than
  before, may run at once; and so may a run of operators, each the only one that the one before made ready, at the
  first point where no more is in use than at its start. What is in use is a submodular function of the set
  that ran, so moving such a run to the front of any completion raises no step of it. From the other end the same
  holds for moving a run to the back, but for operators that share an operand with one that could take its bytes:
  who reads it last decides who may.
- *Both ends.* No order has a peak of at most k if the states within k that can be reached from the empty set do not
  reach the full one, or the other way round. The searches take turns, and the one that is exhausted first proves it.
"""

from __future__ import annotations

import heapq

from tflm_mcunet.schedule.order_search import Found, Segment, bits, evaluation_cost


class _Side:
    """The search from one end: the states it has seen, and those it still has to split."""

    def __init__(self, segment: Segment, floor: int, backwards: bool) -> None:
        self.segment, self.backwards = segment, backwards
        count = len(segment.before)
        full = (1 << count) - 1
        after = [0] * count
        for j, mask in enumerate(segment.before):
            for i in bits(mask):
                after[i] |= 1 << j
        #: What must have run (forwards) or been taken back (backwards) before each operator can be.
        self.waits = after if backwards else list(segment.before)
        self.frees = [bits(mask) for mask in (segment.before if backwards else after)]
        self.start, self.goal = (full, 0) if backwards else (0, full)
        self.full = full
        ready = sum(1 << i for i, mask in enumerate(self.waits) if not mask)
        live = segment.end_bytes() if backwards else segment.live_bytes
        #: State -> (peak on the way, state before, operators between), final once it has been split.
        self.seen: dict[int, tuple[int, int, tuple[int, ...]]] = {self.start: (floor, self.start, ())}
        self.heap = [(floor, 0, live, 0, self.start, ready)]
        self.closed: set[int] = set()
        self.pinned = segment.shared_operand_readers() if backwards else 0
        if backwards and segment.first_bytes:
            # Which operator runs first decides who pays for the unread inputs: nothing may be moved behind it.
            self.pinned = full

    def step(self, i: int, mask: int, live: int) -> tuple[int, int]:
        """Bytes in use while operator `i` runs, and on its other side."""
        if not self.backwards:
            return self.segment.step(i, mask, live)
        return self.segment.step_back(i, mask ^ (1 << i), live)

    def advance(self, mask: int, ready: int, i: int) -> tuple[int, int]:
        """The state and the ready operators behind operator `i`."""
        mask ^= 1 << i
        ready ^= 1 << i
        gone = self.full ^ mask if self.backwards else mask
        for j in self.frees[i]:
            if self.waits[j] & gone == self.waits[j]:
                ready |= 1 << j
        return mask, ready

    def key(self) -> int | None:
        """The smallest peak of a state that is still to be split; None where there is none."""
        while self.heap:
            peak, _, _, _, mask, _ = self.heap[0]
            if self.seen[mask][0] == peak and mask not in self.closed:
                return peak
            heapq.heappop(self.heap)
        return None

    def free_run(
        self, mask: int, ready: int, live: int, peak: int
    ) -> tuple[list[tuple[int, int, int]], list[tuple[int, int]], int]:
        """Operators that may go at once by dominance, as (operator, bytes in use behind it).

        Returns the ready operators tried as (operator, bytes during, bytes behind), that run (empty if there is
        none, and then every ready operator has been tried), and the number of tries.
        """
        tried = []
        for i in bits(ready):
            during, behind = self.step(i, mask, live)
            tried.append((i, during, behind))
            if during <= peak and behind <= live and not self.pinned >> i & 1:
                return tried, [(i, behind)], len(tried)
        count = len(tried)
        for i, during, behind in tried:
            if during > peak or self.pinned >> i & 1:
                continue
            run = [(i, behind)]
            inner_mask, inner_ready = self.advance(mask, ready, i)
            while True:
                fresh = inner_ready & ~ready
                if not fresh or fresh & (fresh - 1) or fresh & self.pinned:
                    break
                j = fresh.bit_length() - 1
                during, behind = self.step(j, inner_mask, run[-1][1])
                count += 1
                if during > peak:
                    break
                run.append((j, behind))
                if behind <= live:
                    return tried, run, count
                inner_mask, inner_ready = self.advance(inner_mask, inner_ready, j)
        return tried, [], count

    def split(self, ceiling: int) -> tuple[list[int], int]:
        """Split the best state: returns the states newly seen, and the number of tries."""
        peak, depth, live, _, mask, ready = heapq.heappop(self.heap)
        origin, path, used = mask, [], 0
        while True:
            tried, run, count = self.free_run(mask, ready, live, peak)
            used += count
            if not run:
                break
            for i, _ in run:
                mask, ready = self.advance(mask, ready, i)
                path.append(i)
            live = run[-1][1]
        self.closed.add(origin)
        if mask in self.closed and mask != origin:
            return [], used
        self.closed.add(mask)
        new = []
        if mask != origin and (mask not in self.seen or self.seen[mask][0] > peak):
            self.seen[mask] = (peak, origin, tuple(path))
            new.append(mask)
        for i, during, behind in tried:
            reached, through = mask ^ (1 << i), max(peak, during)
            if through >= ceiling or (reached in self.seen and self.seen[reached][0] <= through):
                continue
            self.seen[reached] = (through, mask, (i,))
            _, follow = self.advance(mask, ready, i)
            heapq.heappush(
                self.heap, (through, depth - len(path) - 1, behind, len(self.seen), reached, follow)
            )
            new.append(reached)
        return new, used

    def path(self, mask: int) -> list[int]:
        """The operators on the way from this side's end to a state, in the order of the search."""
        parts = []
        while mask != self.start:
            _, mask, ops = self.seen[mask]
            parts.append(ops)
        return [i for part in reversed(parts) for i in part]


def best_order(segment: Segment, floor: int, ceiling: int, budget: int) -> Found:
    """Search an order whose peak is below `ceiling`, the smallest there is.

    Args:
        segment: Segment.
        floor: int. Peaks below this many bytes are as good as this.
        ceiling: int. The peak to undercut.
        budget: int. Operators to try at most.

    Returns:
        Found. The best order below the ceiling; its bound equals its peak where that is proven to be the smallest,
        and the ceiling where there is no such order.
    """
    bound = max(floor, segment.floor_bytes)
    best: tuple[int, ...] | None = None
    if bound >= ceiling:
        return Found(None, ceiling, bound, 0)
    sides = (_Side(segment, bound, backwards=False), _Side(segment, bound, backwards=True))
    used, turn, cost = 0, 0, evaluation_cost(segment)
    while bound < ceiling:
        keys = [side.key() for side in sides]
        if None in keys:
            return Found(best, ceiling, ceiling, used)
        bound = min(max(bound, *(key for key in keys if key is not None)), ceiling)
        if bound == ceiling:
            break
        if used >= budget:
            break
        turn = 1 - turn
        # A side whose next state is above the other's has proven its level; the other one need not.
        side, other = sides[turn], sides[1 - turn]
        new, count = side.split(ceiling)
        used += count * cost
        for mask in new:
            if mask in other.seen and (through := max(side.seen[mask][0], other.seen[mask][0])) < ceiling:
                ceiling = through
                forwards, backwards = sides[0].path(mask), sides[1].path(mask)
                best = (*forwards, *reversed(backwards))
    return Found(best, ceiling, min(bound, ceiling), used)
