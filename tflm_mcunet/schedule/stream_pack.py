"""Packing: offsets for blocks with lifetimes, around blocks that are already placed.

Every block is a rectangle of bytes by steps. Two that overlap in time must not overlap in bytes, with one exception:
an output row may start exactly where the row lies that its kernel consumes in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """Bytes over a span of steps.

    Args:
        size: int. Bytes, already a multiple of the alignment.
        birth, death: int. First and last step (inclusive) at which the bytes are in use.
        partners: tuple of int. Blocks at whose exact offset this one may lie although the spans touch: the dying
            operands of the kernel that writes it in place.
    """

    size: int
    birth: int
    death: int
    partners: tuple[int, ...] = ()


@dataclass
class Effort:
    """How many blocks may still be placed in search of something better; counted, not timed, so that plans repeat."""

    left: int


Span = tuple[int, int]


def _merged(spans: list[Span]) -> list[Span]:
    """Sorted spans with those that touch joined."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            if end > joined[-1][1]:
                joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


class Packer:
    """Places the loose blocks of a stage around its fixed ones.

    Args:
        blocks: sequence of Block.
        loose: sequence of int. The blocks to place, ascending; the others have an offset that `pack` is given.
        alignment: int. Offsets of loose blocks are multiples of it.
    """

    def __init__(self, blocks: Sequence[Block], loose: Sequence[int], alignment: int = 1) -> None:
        self.blocks = blocks
        self.alignment = alignment
        self.loose = list(loose)
        inside = set(loose)
        self.fixed = [i for i in range(len(blocks)) if i not in inside]
        friends: dict[int, list[int]] = {}
        for i, block in enumerate(blocks):
            for p in block.partners:
                friends.setdefault(i, []).append(p)
                friends.setdefault(p, []).append(i)
        self.friends = friends
        self.near = self._neighbours()
        self.best_order: list[int] | None = None

    def _neighbours(self) -> dict[int, list[int]]:
        """Loose blocks that overlap each loose block in time."""
        near: dict[int, list[int]] = {i: [] for i in self.loose}
        active: list[int] = []
        for i in sorted(self.loose, key=lambda i: self.blocks[i].birth):
            birth = self.blocks[i].birth
            active = [j for j in active if self.blocks[j].death >= birth]
            for j in active:
                near[i].append(j)
                near[j].append(i)
            active.append(i)
        return near

    def obstacles(self, offsets: Sequence[int]) -> dict[int, tuple[list[Span], list[tuple[int, list[Span]]]]]:
        """For each loose block: the spans that fixed blocks take while it lives, and its places over a fixed partner."""
        blocks = self.blocks
        fixed = [(blocks[f].birth, blocks[f].death, offsets[f], offsets[f] + blocks[f].size, f) for f in self.fixed]
        found = {}
        for i in self.loose:
            birth, death = blocks[i].birth, blocks[i].death
            spans = [(s, e, f) for b, d, s, e, f in fixed if b <= death and d >= birth]
            places = []
            for p in self.friends.get(i, ()):
                if any(f == p for _, _, f in spans):
                    places.append((offsets[p], _merged([(s, e) for s, e, f in spans if f != p])))
            found[i] = (_merged([(s, e) for s, e, _ in spans]), places)
        return found

    def pack(self, offsets: list[int], order: Sequence[int], obstacles) -> int:
        """Place in `order`, each at the lowest offset free for its whole life, into `offsets`; the end of the highest."""
        blocks, friends, near = self.blocks, self.friends, self.near
        grain = self.alignment
        placed: set[int] = set()
        top = 0
        for i in order:
            need = blocks[i].size
            spans, places = obstacles[i]
            mine = [(offsets[j], offsets[j] + blocks[j].size, j) for j in near[i] if j in placed]
            taken = sorted([(s, e) for s, e, _ in mine] + spans)
            reach = 0
            for start, end in taken:
                if start - reach >= need:
                    break
                if end > reach:
                    reach = -(-end // grain) * grain
            mates = friends.get(i)
            if mates:
                for p in mates:
                    if p in placed and p in near[i]:
                        at, others = offsets[p], spans
                        if at < reach and self._fits(at, at + need, grain, mine, others, mates):
                            reach = at
                for at, others in places:
                    if at < reach and self._fits(at, at + need, grain, mine, others, mates):
                        reach = at
            offsets[i] = reach
            placed.add(i)
            if reach + need > top:
                top = reach + need
        return top

    @staticmethod
    def _fits(at: int, end: int, grain: int, mine: list[tuple[int, int, int]], spans: list[Span], mates: list[int]) -> bool:
        if at % grain or any(s < end and e > at for s, e in spans):
            return False
        return all(s >= end or e <= at or (s == at and j in mates) for s, e, j in mine)

    def orders(self) -> list[list[int]]:
        """Orders worth trying: as they are born, long-lived ones first, large ones first, by area."""
        b = self.blocks
        return [
            sorted(self.loose, key=lambda i: (b[i].birth, -b[i].size)),
            sorted(self.loose, key=lambda i: (b[i].birth - b[i].death, -b[i].size, b[i].birth)),
            sorted(self.loose, key=lambda i: (-b[i].size, b[i].birth)),
            sorted(self.loose, key=lambda i: (-(b[i].death - b[i].birth + 1) * b[i].size, b[i].birth)),
        ]

    def best(
        self, offsets: Sequence[int], goal: int, repairs: int = 0, effort: Effort | None = None
    ) -> tuple[list[int], int]:
        """The lowest of several placements, repaired: what sits highest is placed earlier, again and again.

        Args:
            offsets: sequence of int. Offsets of the fixed blocks.
            goal: int. Stop as soon as no loose block ends above it.
            repairs: int. Repairs for each starting order.
            effort: Effort or None. Ends the search; at least one placement is made.

        Returns:
            (offsets of all blocks, end of the highest loose block).
        """
        obstacles = self.obstacles(offsets)
        best: tuple[list[int], int] | None = None
        for start in self.orders():
            order = start
            seen: set[tuple[int, int]] = set()
            for _ in range(repairs + 1):
                if effort is not None and best is not None:
                    effort.left -= len(order)
                    if effort.left < 0:
                        return best
                trial = list(offsets)
                top = self.pack(trial, order, obstacles)
                if best is None or top < best[1]:
                    best = (trial, top)
                if top <= goal or not order:
                    return best
                if not repairs:
                    break
                worst = max(order, key=lambda i: (trial[i] + self.blocks[i].size, -i))
                at = order.index(worst)
                if at == 0 or (worst, at) in seen:
                    break
                seen.add((worst, at))
                order = list(order)
                order.insert(at // 2, order.pop(at))
        assert best is not None
        return best
