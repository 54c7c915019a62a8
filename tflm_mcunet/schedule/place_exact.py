"""Branch and bound over placements: finds one that fits a capacity, or proves that none does.

Every placement can be pushed down until each buffer rests on another or on the bottom, so it is enough to try the
buffers in ascending order of their offset, each on top of what lies below it (the canonical solutions of MiniMalloc,
Moffitt, ASPLOS 2024, section 4). Cut off are: a step at which what lies there and what is still to come exceeds
the capacity; and a buffer laid so high that another one would fit below it, because the placement with the smallest
sum of offsets, which is one of those tried, has no such hole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tflm_mcunet.schedule.first_fit import Instance


@dataclass(frozen=True)
class Answer:
    """What the search says about one capacity.

    Args:
        offsets: list of int or None. A placement of all buffers within the capacity.
        decided: bool. False where the node budget ran out before a placement or a proof.
        nodes: int. Buffers tried.
    """

    offsets: list[int] | None
    decided: bool
    nodes: int


#: Span of steps and bytes of a buffer -> what to sort by.
_Rank = Callable[[range, int], tuple[int, ...]]

#: The large and long-lived first; those that live last; the long-lived.
_RANKS: tuple[_Rank, ...] = (
    lambda span, size: (-len(span) * size,),
    lambda span, size: (-span.stop, -size),
    lambda span, size: (-len(span), -size),
)


class _Search:
    """The search's mutable state: heights and remaining bytes of every step that can be the fullest."""

    def __init__(self, problem: Instance, capacity: int, budget: int, rank_by: _Rank) -> None:
        self.problem, self.capacity, self.budget, self.nodes = problem, capacity, budget, 0
        free = [i for i in range(len(problem.sizes)) if i not in problem.fixed and problem.sizes[i]]
        steps = _deciding_steps([problem.spans[i] for i in free])
        self.spans: dict[int, range] = {}
        for i in free:
            first, last = problem.spans[i]
            inside = [s for s, step in enumerate(steps) if first <= step <= last]
            self.spans[i] = range(inside[0], inside[-1] + 1)
        self.heights = [0] * len(steps)
        self.remaining = [0] * len(steps)
        for i in free:
            for s in self.spans[i]:
                self.remaining[s] += problem.sizes[i]
        self.offsets = [
            start for start, _ in (problem.fixed.get(i, (0, 0)) for i in range(len(problem.sizes)))
        ]
        self.failed: dict[tuple, tuple[int, int]] = {}
        self.blocked = {i: self._blocks(i) for i in free}
        self.free = sorted(free, key=lambda i: (rank_by(self.spans[i], problem.sizes[i]), i))
        self.rank = {i: rank for rank, i in enumerate(self.free)}

    def _blocks(self, i: int) -> list[tuple[int, int]]:
        """What the fixed buffers that live with buffer i take, ascending."""
        first, last = self.problem.spans[i]
        others = self.problem.fixed.items()
        spans = self.problem.spans
        return sorted(block for j, block in others if spans[j][0] <= last and first <= spans[j][1])

    def lowest(self, i: int) -> int:
        """The lowest offset of buffer i on top of what is placed."""
        span = self.spans[i]
        offset = max(self.heights[span.start : span.stop])
        for start, end in self.blocked[i]:
            if start - offset >= self.problem.sizes[i]:
                break
            offset = max(offset, end)
        return offset

    def run(self, unplaced: tuple[int, ...], floor: tuple[int, int]) -> bool | None:
        """Place the rest at (offset, rank) above `floor`: True if done, False if impossible, None if out of budget."""
        groups = self._groups(unplaced)
        if len(groups) <= 1:
            return self._one_group(unplaced, floor) if unplaced else True
        # Buffers that no chain of common steps connects do not disturb each other.
        heights, remaining = list(self.heights), list(self.remaining)
        for group in groups:
            result = self._one_group(group, floor)
            if not result:
                self.heights, self.remaining = heights, remaining
                return result
        return True

    def _groups(self, unplaced: tuple[int, ...]) -> list[tuple[int, ...]]:
        """The buffers by connected runs of steps, the smallest group first."""
        groups: list[list[int]] = []
        end = -1
        for i in sorted(unplaced, key=lambda i: self.spans[i].start):
            if self.spans[i].start >= end:
                groups.append([])
            groups[-1].append(i)
            end = max(end, self.spans[i].stop)
        return [tuple(sorted(g, key=self.rank.__getitem__)) for g in sorted(groups, key=len)]

    def _one_group(self, unplaced: tuple[int, ...], floor: tuple[int, int]) -> bool | None:
        # What is below the steps that nothing still needs does not matter: many ways lead to one state.
        steps = range(min(self.spans[i].start for i in unplaced), max(self.spans[i].stop for i in unplaced))
        state = (unplaced, *(self.heights[s] for s in steps))
        if state in self.failed and self.failed[state] <= floor:
            return False
        sizes = self.problem.sizes
        options = [(self.lowest(i), self.rank[i], i) for i in unplaced]
        ceiling = min(offset + sizes[i] for offset, _, i in options)
        decided = True
        seen: set[tuple[range, int, int]] = set()
        for offset, rank, i in sorted(options):
            if (offset, rank) < floor or offset >= ceiling or offset + sizes[i] > self.capacity:
                continue
            twin = (self.spans[i], sizes[i], offset)
            if twin in seen and not self.blocked[i]:
                continue
            seen.add(twin)
            if self.nodes >= self.budget:
                return None
            self.nodes += 1
            result = self._place(i, offset, rank, unplaced)
            if result:
                return True
            decided = decided and result is not None
        if decided:
            self.failed[state] = floor
        return False if decided else None

    def _place(self, i: int, offset: int, rank: int, unplaced: tuple[int, ...]) -> bool | None:
        span, size = self.spans[i], self.problem.sizes[i]
        before = self.heights[span.start : span.stop]
        for s in span:
            self.heights[s] = offset + size
            self.remaining[s] -= size
        result: bool | None = False
        steps = range(min(self.spans[j].start for j in unplaced), max(self.spans[j].stop for j in unplaced))
        if all(
            not self.remaining[s] or max(self.heights[s], offset) + self.remaining[s] <= self.capacity
            for s in steps
        ):
            result = self.run(tuple(j for j in unplaced if j != i), (offset, rank))
        if result:
            self.offsets[i] = offset
            return True
        self.heights[span.start : span.stop] = before
        for s in span:
            self.remaining[s] += size
        return result


def place_within(problem: Instance, capacity: int, budget: int) -> Answer:
    """Try to place all buffers within `capacity` bytes, trying at most `budget` buffers.

    Which buffer is tried first among those that could lie at one height decides between a straight way and a long one,
    and no rank is good for all instances: they take turns with growing shares of the budget.
    """
    nodes, share = 0, 2 * len(problem.sizes)
    while True:
        for rank_by in _RANKS:
            search = _Search(problem, capacity, min(share, budget - nodes), rank_by)
            if any(rest > capacity for rest in search.remaining):
                return Answer(None, True, nodes)
            result = search.run(tuple(search.free), (0, -1))
            nodes += search.nodes
            if result is not None:
                return Answer(search.offsets if result else None, True, nodes)
            if nodes >= budget:
                return Answer(None, False, nodes)
        share *= 8


def _deciding_steps(spans: Sequence[tuple[int, int]]) -> list[int]:
    """One step for every largest set of buffers that live together: the last starts before an end."""
    events = sorted([(first, 0) for first, _ in spans] + [(last, 1) for _, last in spans])
    steps, started = [], None
    for step, kind in events:
        if kind == 0:
            started = step
        elif started is not None:
            steps.append(started)
            started = None
    return steps
