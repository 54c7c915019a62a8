"""A segment of a graph as a search problem over orders, and quick searches for good ones (`order_exact`: the best)."""

from __future__ import annotations

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

    def step_back(self, i: int, mask: int, live: int) -> tuple[int, int]:
        """Bytes in use while operator `i` runs after the operators of `mask`, and before it, from those after it."""
        before = live - self.kept[i] + self.frees[i]
        for others, size in self.frees_after[i]:
            if others & mask == others:
                before += size
        return self.step(i, mask, before)[0], before

    def end_bytes(self) -> int:
        """Bytes in use after the segment."""
        mask, live = 0, self.live_bytes
        for i in range(len(self.before)):
            _, live = self.step(i, mask, live)
            mask |= 1 << i
        return live

    def shared_operand_readers(self) -> int:
        """Mask of the operators that read an operand whose bytes another operator takes if it reads it last."""
        mask = 0
        for groups in self.shares_after:
            for masks, _, _ in groups:
                for others in masks:
                    mask |= others
        return mask

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


def bits(mask: int) -> list[int]:
    """The indices of the bits that are set, ascending."""
    result = []
    while mask:
        low = mask & -mask
        result.append(low.bit_length() - 1)
        mask ^= low
    return result


def evaluation_cost(segment: Segment) -> int:
    """What one try of an operator counts against the budget: long bitmasks cost more."""
    return 1 + len(segment.before) // 1000


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
