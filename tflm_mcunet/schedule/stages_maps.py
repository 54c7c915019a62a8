"""Where the whole maps lie that cross from stage to stage, and how far one may lie over another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tflm_mcunet import ops
from tflm_mcunet.schedule.schedule import ALIGNMENT
from tflm_mcunet.schedule.stages_work import StageWork, size_of

#: Distances that are kept of those at which two maps of a stage in passes may overlap.
MOST_FREE = 4


@dataclass(frozen=True)
class Gap:
    """Which distances offset(b) - offset(a) would let two maps destroy each other.

    Args:
        low, high: int. Every distance strictly between them is forbidden.
        exact: bool. Yet distance 0 is allowed, row over row in place.
        free: tuple of int. Distances between them that are allowed as well.
    """

    low: int
    high: int
    exact: bool = False
    free: tuple[int, ...] = ()

    def allows(self, distance: int) -> bool:
        return (
            distance <= self.low
            or distance >= self.high
            or (self.exact and distance == 0)
            or distance in self.free
        )


def overlay(work: StageWork, a: int, b: int) -> Gap:
    """How the map `b` that a stage writes may lie over the map `a` that it reads for the last time."""
    rows, order = work.rows, work.order
    (height_a, width_a), (height_b, width_b) = rows.shape[a], rows.shape[b]
    pitch_a, pitch_b = rows.pitch(a), rows.pitch(b)
    apart = Gap(-size_of(rows, b), size_of(rows, a))
    if work.kind == "patch":
        return Gap(apart.low, apart.high, False, _free_in_passes(work, a, b, apart))
    if work.kind == "layer":
        node = work.nodes[0]
        facts = ops.OPS.get(rows.graph.ops[node.op].type)
        same = rows.graph.tensors[a].dtype == rows.graph.tensors[b].dtype and size_of(rows, a) == size_of(
            rows, b
        )
        positions = [rows.graph.ops[node.op].inputs[p] for p in facts.in_place] if facts else []
        reads = [rows.alias.get(t, t) for t in positions if t >= 0]
        is_free = a in reads and a not in rows.outputs
        return Gap(apart.low, apart.high, same and is_free and node.outputs == (b,))
    death = np.array(order.death[a])[:, None]
    birth = np.array(order.birth[b])[None, :]
    clash = birth <= death
    if not clash.any():
        return Gap(0, 0)
    from_a = np.arange(height_a)[:, None] * pitch_a - np.arange(height_b)[None, :] * pitch_b
    low, high = from_a - width_b, from_a + width_a
    writer = next(n for n in work.nodes if b in n.outputs)
    exact = False
    if a in writer.inputs and writer.inputs.index(a) in writer.in_place and pitch_a == pitch_b:
        window = writer.windows[writer.inputs.index(a)]
        y = np.arange(height_b)
        over = y * window.stride_h - window.pad_top
        at_zero = clash & (low < 0) & (high > 0)
        rest = at_zero.copy()
        hit = (over >= 0) & (over < height_a) & (over == y)
        rest[over[hit], y[hit]] &= death[over[hit], 0] != birth[0, y[hit]]
        exact = not rest.any()
    return Gap(int(low[clash].min()), int(high[clash].max()), exact)


def _free_in_passes(work: StageWork, a: int, b: int, apart: Gap) -> tuple[int, ...]:
    """Distances at which what each pass writes of `b` lies over parts of `a` that no pass reads again.

    Every pair of parts that meet in time bars a span of distances; what is left between the spans is free. Of each
    free span the ends are taken, so many that the maps can lie as close as they may: the largest distances first.
    """
    rows = work.rows
    spans, starts = [], set()
    for part in work.passes:
        sides = []
        for t in (a, b):
            mine = [(start, start + k.size, k.birth, k.death) for o, start, k in part.segments if o == t]
            sides.append(np.array(mine, np.int64).reshape(-1, 4))
        one, other = sides[0][:, None, :], sides[1][None, :, :]
        meet = (one[..., 2] <= other[..., 3]) & (other[..., 2] <= one[..., 3])
        low, high = (one[..., 0] - other[..., 1])[meet], (one[..., 1] - other[..., 0])[meet]
        # As one number each, which sorts faster: distances are below 2^31.
        joined = np.unique((low << 32) + (high + (1 << 31)))
        spans.append(np.stack([joined >> 32, (joined & 0xFFFFFFFF) - (1 << 31)], 1))
        starts |= {
            row * rows.pitch(a) - y * rows.pitch(b) - part.written_from(b)
            for (t, y), (source, row) in part.false_starts
            if t == b and source == a
        }
    barred = np.concatenate([*spans, [[apart.low - 1, apart.low], [apart.high, apart.high + 1]]])
    barred = barred[np.argsort(barred[:, 0], kind="stable")]
    reach = np.maximum.accumulate(barred[:, 1])
    # Strictly between low and high is barred, so ends that touch leave the one distance between them.
    gap = np.flatnonzero(reach[:-1] <= barred[1:, 0])
    free = list(zip(reach[gap].tolist(), barred[gap + 1, 0].tolist()))
    ends = {
        d for low, high in free for d in (high // ALIGNMENT * ALIGNMENT, -(-low // ALIGNMENT) * ALIGNMENT)
    }
    # Where rows lie further apart than they are long, a few rows and that distance are what a chain of maps repeats.
    pitch = rows.pitch(a)
    apart_by = max(0, pitch - rows.shape[a][1])
    chain = {-(lines * pitch + shift) for lines in (0, 1, 2, 3) for shift in (0, apart_by)}
    tries = (*sorted(chain, reverse=True), *sorted(ends - chain, reverse=True)[:MOST_FREE])
    return tuple(
        d
        for d in tries
        if apart.low < d < apart.high and d not in starts and any(low <= d <= high for low, high in free)
    )


def map_lives(works: Sequence[StageWork]) -> dict[int, tuple[int, int]]:
    """The first and the last stage, in number, at which each map exists."""
    life: dict[int, tuple[int, int]] = {}
    for i, work in enumerate(works):
        for t in work.maps:
            life[t] = (life[t][0] if t in life else i, i)
    return life


def gaps(works: Sequence[StageWork]) -> tuple[dict[int, tuple[int, int]], dict[tuple[int, int], Gap]]:
    """The life of each map in stages, and the forbidden distance of every pair that meets."""
    life = map_lives(works)
    pairs: dict[tuple[int, int], Gap] = {}
    rows = works[0].rows
    for a, (a_first, a_last) in life.items():
        for b, (b_first, b_last) in life.items():
            if a == b or (a, b) in pairs or b_first > a_last or a_first > b_last:
                continue
            meets = works[a_last]
            if a_last == b_first and a in meets.ins and b in meets.outs:
                gap = overlay(meets, a, b)
            elif b_last == a_first and b in works[b_last].ins and a in works[b_last].outs:
                continue  # comes the other way round
            else:
                gap = Gap(-size_of(rows, b), size_of(rows, a))
            pairs[a, b] = gap
            pairs[b, a] = Gap(-gap.high, -gap.low, gap.exact, tuple(-f for f in gap.free))
    return life, pairs


def place_maps(
    sizes: Mapping[int, int], pairs: Mapping[tuple[int, int], Gap], order: Sequence[int], alignment: int
) -> dict[int, int]:
    """Place maps one after the other, each at the lowest offset that its distance to the placed ones allows."""
    at: dict[int, int] = {}
    for t in order:
        rivals = [(o, pairs[o, t]) for o in at if (o, t) in pairs]
        candidates = {0}
        for other, gap in rivals:
            base = at[other]
            up = base + gap.high
            candidates.add(-(-up // alignment) * alignment)
            if gap.exact:
                candidates.add(base)
            candidates.update(base + f for f in gap.free)
        at[t] = min(
            c
            for c in candidates
            if c >= 0 and c % alignment == 0 and all(gap.allows(c - at[o]) for o, gap in rivals)
        )
    return at


def map_orders(life: Mapping[int, tuple[int, int]], sizes: Mapping[int, int]) -> list[list[int]]:
    """Orders worth trying: from the last stage back (each input just above what its output needs), by size, forward."""
    maps = sorted(life)
    return [
        sorted(maps, key=lambda t: (-life[t][1], -life[t][0], -sizes[t])),
        sorted(maps, key=lambda t: (-sizes[t], -life[t][1])),
        sorted(maps, key=lambda t: (life[t][0], -sizes[t])),
    ]
