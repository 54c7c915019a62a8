"""Packing: offsets for blocks with lifetimes, around blocks that are already placed.

Every block is a rectangle of bytes by steps. Two that overlap in time must not overlap in bytes, with one exception:
an output row may start exactly where the row lies that its kernel consumes in place.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np


class Block(NamedTuple):
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


#: From so many runs of fixed blocks on, they are looked at as vectors.
MANY_RUNS = 32

Span = tuple[int, int]
Obstacles = dict[int, tuple[list[Span], list[tuple[int, list[Span]]]]]


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


def _without(part: range, block: int) -> list[range]:
    """A part of a run without one block."""
    if block not in part:
        return [part]
    return [r for r in (range(part[0], block), range(block + 1, part[-1] + 1)) if r]


class Packer:
    """Places the loose blocks of a stage around its fixed ones.

    Args:
        blocks: sequence of Block.
        loose: sequence of int. The blocks to place, ascending; the others have an offset that `pack` is given.
        alignment: int. Offsets of loose blocks are multiples of it.
    """

    def __init__(self, blocks: Sequence[Block], loose: Sequence[int], alignment: int = 1) -> None:
        self.blocks = blocks
        self.sizes = [b.size for b in blocks]
        self.alignment = alignment
        self.loose = list(loose)
        inside = set(loose)
        self.fixed = [i for i in range(len(blocks)) if i not in inside]
        self.fixed_set = set(self.fixed)
        friends: dict[int, list[int]] = {}
        for i, block in enumerate(blocks):
            for p in block.partners:
                friends.setdefault(i, []).append(p)
                friends.setdefault(p, []).append(i)
        self.friends = friends
        self.near = self._neighbours()

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

    def obstacles(self, offsets: Sequence[int]) -> Obstacles:
        """For each loose block: the spans of the fixed blocks while it lives, and its places over a fixed partner."""
        blocks, runs = self.blocks, self._runs(offsets)
        if len(runs) > MANY_RUNS and not any(
            p in self.fixed_set for i in self.loose for p in self.friends.get(i, ())
        ):
            return self._obstacles_of_many(offsets)
        found = {}
        for i in self.loose:
            birth, death = blocks[i].birth, blocks[i].death
            alive = []
            for births, deaths, members in runs:
                low, high = bisect_left(deaths, birth), bisect_right(births, death)
                if low < high:
                    alive.append(members[low:high])
            places = []
            for p in self.friends.get(i, ()):
                if any(part[0] <= p <= part[-1] for part in alive):
                    parts = [q for part in alive for q in _without(part, p)]
                    places.append((offsets[p], self._spans(parts, offsets)))
            found[i] = (self._spans(alive, offsets), places)
        return found

    def _obstacles_of_many(self, offsets: Sequence[int]) -> Obstacles:
        """`obstacles` where the fixed blocks are many and in no order, and no loose one may lie over any."""
        blocks = self.blocks
        start = np.array([offsets[f] for f in self.fixed], np.int64)
        rank = np.argsort(start, kind="stable")
        start = start[rank]
        fixed = [self.fixed[n] for n in rank]
        end = start + np.array([blocks[f].size for f in fixed], np.int64)
        birth = np.array([blocks[f].birth for f in fixed], np.int64)
        death = np.array([blocks[f].death for f in fixed], np.int64)
        found: Obstacles = {}
        spans_of: dict[tuple[int, int], list[Span]] = {}
        for i in self.loose:
            life = blocks[i].birth, blocks[i].death
            if life not in spans_of:
                alive = (birth <= life[1]) & (death >= life[0])
                low, high = start[alive], np.maximum.accumulate(end[alive])
                if len(low):
                    begins = np.flatnonzero(np.concatenate(([True], low[1:] > high[:-1])))
                    ends = high[np.concatenate((begins[1:] - 1, [len(high) - 1]))]
                    spans_of[life] = list(zip(low[begins].tolist(), ends.tolist()))
                else:
                    spans_of[life] = []
            found[i] = (spans_of[life], [])
        return found

    def _runs(self, offsets: Sequence[int]) -> list[tuple[list[int], list[int], range]]:
        """The fixed blocks as runs that follow one another in number, place and life: (births, deaths, blocks)."""
        blocks = self.blocks
        found: list[tuple[list[int], list[int], range]] = []
        for f in self.fixed:
            block = blocks[f]
            if found:
                births, deaths, run = found[-1]
                before = f - 1
                if (
                    run[-1] == before
                    and offsets[f] == offsets[before] + blocks[before].size
                    and births[-1] <= block.birth
                    and deaths[-1] <= block.death
                ):
                    births.append(block.birth)
                    deaths.append(block.death)
                    found[-1] = (births, deaths, range(run[0], f + 1))
                    continue
            found.append(([block.birth], [block.death], range(f, f + 1)))
        return found

    def _spans(self, parts: Sequence[range], offsets: Sequence[int]) -> list[Span]:
        """The bytes of parts of runs."""
        last = [part[-1] for part in parts]
        return _merged([(offsets[part[0]], offsets[e] + self.blocks[e].size) for part, e in zip(parts, last)])

    def pack(self, offsets: list[int], order: Sequence[int], obstacles: Obstacles) -> int:
        """Place in `order`, each at the lowest offset free all its life, into `offsets`; the end of the highest."""
        sizes, friends, near, grain = self.sizes, self.friends, self.near, self.alignment
        ends = [0] * len(sizes)  # of what is placed so far
        top = 0
        for i in order:
            need = sizes[i]
            spans, places = obstacles[i]
            taken = [(offsets[j], ends[j]) for j in near[i] if ends[j]]
            taken += spans
            taken.sort()
            reach = 0
            for start, end in taken:
                if start - reach >= need:
                    break
                if end > reach:
                    reach = -(-end // grain) * grain
            mates = friends.get(i)
            if mates and reach:
                at_mates = [(offsets[p], spans) for p in mates if ends[p] and p in near[i]]
                for at, others in (*at_mates, *places):
                    if at < reach and not at % grain and self._fits(i, at, offsets, ends, others, mates):
                        reach = at
            offsets[i] = reach
            ends[i] = reach + need
            if reach + need > top:
                top = reach + need
        return top

    def _fits(
        self,
        i: int,
        at: int,
        offsets: Sequence[int],
        ends: Sequence[int],
        spans: list[Span],
        mates: list[int],
    ) -> bool:
        """Whether block `i` can lie at `at`, where nothing but those that it may lie over begins there."""
        end = at + self.sizes[i]
        for start, stop in spans:
            if start < end and stop > at:
                return False
        for j in self.near[i]:
            if ends[j] > at and offsets[j] < end and not (offsets[j] == at and j in mates):
                return False
        return True

    def orders(self) -> Iterator[list[int]]:
        """Orders worth trying: as they are born, large ones first (from either end of time), long-lived ones first, by
        area; then all from some size up before all below it, each as they are born."""
        b = self.blocks
        yield sorted(self.loose, key=lambda i: (b[i].birth, -b[i].size))
        yield sorted(self.loose, key=lambda i: (-b[i].size, b[i].birth))
        yield sorted(self.loose, key=lambda i: (-b[i].size, -b[i].death))
        yield sorted(self.loose, key=lambda i: (b[i].birth - b[i].death, -b[i].size, b[i].birth))
        yield sorted(self.loose, key=lambda i: (-(b[i].death - b[i].birth + 1) * b[i].size, b[i].birth))
        for cut in sorted({b[i].size for i in self.loose}, reverse=True)[:8]:
            yield sorted(self.loose, key=lambda i: (b[i].size < cut, b[i].birth, -b[i].size))

    def best(
        self,
        offsets: Sequence[int],
        goal: int,
        repairs: int = 0,
        effort: Effort | None = None,
        every_start: bool = False,
        starts: int = 99,
        avoided: Mapping[int, Sequence[int]] | None = None,
    ) -> tuple[list[int], int]:
        """The lowest of several placements, repaired: what sits highest is placed earlier, again and again.

        Args:
            offsets: sequence of int. Offsets of the fixed blocks.
            goal: int. Stop as soon as no loose block ends above it.
            repairs: int. Repairs in a row.
            effort: Effort or None. Ends the search; at least one placement is made.
            every_start: bool. Repair each order, not only the best one.
            starts: int. How many orders to try.
            avoided: mapping or None. Loose block -> single bytes that it must not cover.

        Returns:
            (offsets of all blocks, end of the highest loose block).
        """
        if not self.loose:
            return list(offsets), 0
        search = _Search(self, list(offsets), goal, effort or Effort(1 << 60))
        for i, bytes_ in (avoided or {}).items():
            spans, places = search.obstacles[i]
            points = [(b, b + 1) for b in bytes_]
            search.obstacles[i] = (
                _merged([*spans, *points]),
                [(at, _merged([*s, *points])) for at, s in places],
            )
        begun: list[tuple[int, int, list[int]]] = []
        for order in islice(self.orders(), starts):
            begun.append((search.place(order), len(begun), order))
            if search.over():
                break
        begun.sort()
        for _, _, order in begun if every_start else begun[:1]:
            search.repair(order, repairs)
        return search.offsets, search.top


class _Search:
    """The best placement so far."""

    def __init__(self, packer: Packer, fixed: list[int], goal: int, effort: Effort) -> None:
        self.packer, self.fixed, self.goal, self.effort = packer, fixed, goal, effort
        self.obstacles = packer.obstacles(fixed)
        self.offsets, self.top = fixed, 1 << 60

    def over(self) -> bool:
        """Whether the goal is reached or the effort spent."""
        return self.top <= self.goal or self.effort.left < 0

    def place(self, order: list[int]) -> int:
        self.effort.left -= len(order)
        self.last = list(self.fixed)
        top = self.packer.pack(self.last, order, self.obstacles)
        if top < self.top:
            self.offsets, self.top = self.last, top
        return top

    def repair(self, order: list[int], repairs: int) -> None:
        if self.over() or not repairs:
            return
        blocks = self.packer.blocks
        self.place(order)
        seen: set[tuple[int, int]] = set()
        for _ in range(repairs):
            if self.over():
                return
            at = max(range(len(order)), key=lambda n: (self.last[order[n]] + blocks[order[n]].size, -n))
            if at == 0 or (order[at], at) in seen:
                return
            seen.add((order[at], at))
            order = list(order)
            order.insert(at // 2, order.pop(at))
            self.place(order)
