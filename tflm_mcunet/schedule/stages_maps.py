"""Where the whole maps lie that cross from stage to stage, and how far one may lie over another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tflm_mcunet import ops
from tflm_mcunet.schedule.stages_work import StageWork, size_of


@dataclass(frozen=True)
class Gap:
    """Which distances offset(b) - offset(a) would let two maps destroy each other.

    Args:
        low, high: int. Every distance strictly between them is forbidden.
        exact: bool. Yet distance 0 is allowed, row over row in place.
    """

    low: int
    high: int
    exact: bool = False

    def allows(self, distance: int) -> bool:
        return distance <= self.low or distance >= self.high or (self.exact and distance == 0)


def overlay(work: StageWork, a: int, b: int) -> Gap:
    """How the map `b` that a stage writes may lie over the map `a` that it reads for the last time."""
    rows, order = work.rows, work.order
    (height_a, width_a), (height_b, width_b) = rows.shape[a], rows.shape[b]
    apart = Gap(-height_b * width_b, height_a * width_a)
    if work.kind == "patch":
        return apart  # the last pass still reads what the first has to leave alone
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
    from_a = np.arange(height_a)[:, None] * width_a - np.arange(height_b)[None, :] * width_b
    low, high = from_a - width_b, from_a + width_a
    writer = next(n for n in work.nodes if b in n.outputs)
    exact = False
    if a in writer.inputs and writer.inputs.index(a) in writer.in_place and width_a == width_b:
        window = writer.windows[writer.inputs.index(a)]
        y = np.arange(height_b)
        over = y * window.stride_h - window.pad_top
        at_zero = clash & (low < 0) & (high > 0)
        rest = at_zero.copy()
        hit = (over >= 0) & (over < height_a) & (over == y)
        rest[over[hit], y[hit]] &= death[over[hit], 0] != birth[0, y[hit]]
        exact = not rest.any()
    return Gap(int(low[clash].min()), int(high[clash].max()), exact)


def gaps(works: Sequence[StageWork]) -> tuple[dict[int, tuple[int, int]], dict[tuple[int, int], Gap]]:
    """The life of each map in stages, and the forbidden distance of every pair that meets."""
    life: dict[int, tuple[int, int]] = {}
    for i, work in enumerate(works):
        for t in work.maps:
            life[t] = (life[t][0] if t in life else i, i)
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
            pairs[b, a] = Gap(-gap.high, -gap.low, gap.exact)
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
