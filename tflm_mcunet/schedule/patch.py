"""Patches: a stage is executed in several passes, each on one tile of its output map.

A pass holds, of every tensor inside the stage, only the rows and columns that its tile needs: halo included, so that
what lies where two tiles meet is computed twice (MCUNetV2's patches). Within a tile rows still flow through rolling
buffers. Tiles of full height (strips) recompute columns only; cuts between rows pay where the output map can then lie
over rows of the input map that no later tile reads. The maps before and after the stage stay whole; rows that the
caller feeds are fed once a pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.rows import RowGraph, RowNode
from tflm_mcunet.schedule.stages_work import StageWork
from tflm_mcunet.schedule.stream_order import RowOrder, row_order

#: A range of rows or columns: (first, count).
Range = tuple[int, int]

#: Axes of a map.
ROWS, COLUMNS = 1, 2


class Tiling(NamedTuple):
    """How an output map is cut: into `bands` of rows, each into `strips` of columns."""

    bands: int
    strips: int


def needed(
    graph: Graph, nodes: Sequence[RowNode], output: int, span: Range, axis: int = COLUMNS
) -> dict[int, Range]:
    """For each tensor of a run of nodes: the rows or columns that the rows or columns `span` of `output` need."""
    need = {output: span}
    for node in reversed(nodes):
        if node.outputs[0] not in need:
            continue
        first, count = need[node.outputs[0]]
        for t, window in zip(node.inputs, node.windows):
            size = graph.tensors[t].shape[axis]
            if axis == COLUMNS:
                stride, pad, extent = window.stride_w, window.pad_left, window.extent_w
            else:
                stride, pad, extent = window.stride_h, window.pad_top, window.extent_h
            start = first * stride - pad
            end = start + (count - 1) * stride + extent
            start, end = max(start, 0), min(end, size)
            if t in need:
                start, end = min(start, need[t][0]), max(end, sum(need[t]))
            # A window that lies in the padding altogether reads nothing; hold one so that a row has bytes.
            start = min(start, size - 1)
            need[t] = (start, max(end - start, 1))
    return need


def can_tile(rows: RowGraph, first: int, last: int, output: int) -> bool:
    """Whether nodes [first, last) with the one output map can be cut into tiles: several columns, no sum or gate."""
    nodes, tensors = rows.nodes[first:last], rows.graph.tensors
    read = {t for n in nodes for t in n.inputs}
    return (
        output not in read
        and all(n.streams and not n.accumulate and not n.gates for n in nodes)
        and all(
            len(tensors[t].shape) == 4 and tensors[t].shape[0] == 1
            for n in nodes
            for t in (*n.inputs, *n.outputs)
        )
        and tensors[output].shape[COLUMNS] > 1
        # A pass computes nothing that its output does not need.
        and all(n.outputs[0] == output or n.outputs[0] in read for n in nodes)
    )


def ranges(size: int, count: int) -> list[Range]:
    """`count` ranges that cover the rows or columns of a map."""
    edges = [n * size // count for n in range(count + 1)]
    return [(a, b - a) for a, b in pairwise(edges)]


def tiled_macs(work: StageWork, tiling: Tiling) -> int:
    """MACs of a stage in tiles, what is computed twice included."""
    graph, output, macs = work.rows.graph, work.outs[0], 0
    shape = graph.tensors[output].shape
    across = [needed(graph, work.nodes, output, r) for r in ranges(shape[COLUMNS], tiling.strips)]
    down = [needed(graph, work.nodes, output, r, ROWS) for r in ranges(shape[ROWS], tiling.bands)]
    for node in work.nodes:
        t = node.outputs[0]
        _, height, width, _ = graph.tensors[t].shape
        macs += node.macs * sum(n[t][1] for n in across) * sum(n[t][1] for n in down) // (height * width)
    return macs


def tiled(work: StageWork, tiling: Tiling) -> StageWork:
    """A stage in tiles of its output map, from the top left by rows.

    Args:
        work: StageWork of kind "stream" that `can_tile`.
        tiling: Tiling. At most as many bands and strips as the output map has rows and columns.
    """
    graph, output = work.rows.graph, work.outs[0]
    shape = graph.tensors[output].shape
    across = [needed(graph, work.nodes, output, r) for r in ranges(shape[COLUMNS], tiling.strips)]
    passes: list[StageWork] = []
    # The first column of each row of an input map that a later tile reads: found from the last tile back.
    later = {t: np.full(graph.tensors[t].shape[ROWS], graph.tensors[t].shape[COLUMNS]) for t in work.ins}
    is_last = True
    for rows in reversed(ranges(shape[ROWS], tiling.bands)):
        down = needed(graph, work.nodes, output, rows, ROWS)
        band = _band(work, down) if tiling.bands > 1 else work
        for columns in reversed(across):
            left = {} if is_last else {t: tuple(v.tolist()) for t, v in later.items()}
            passes.append(_pass(band, columns, left))
            for t, firsts in later.items():
                start, count = down[t]
                part = firsts[start : start + count]
                np.minimum(part, columns[t][0], out=part)
            is_last = False
    return replace(work, kind="patch", passes=tuple(passes[::-1]))


def _pass(work: StageWork, columns: dict[int, Range], later: dict[int, tuple[int, ...]]) -> StageWork:
    """A stage that holds and writes some columns."""
    graph, whole = work.rows.graph, set(work.maps)
    narrow = {}
    for t, (_, held) in columns.items():
        if t not in whole:
            shape = graph.tensors[t].shape
            narrow[t] = held * (graph.tensors[t].size_bytes // (shape[ROWS] * shape[COLUMNS]))
    return replace(work, rows=replace(work.rows, narrow=narrow), columns=columns, later=later)


def _band(work: StageWork, down: Mapping[int, Range]) -> StageWork:
    """A stage that computes some rows of its output map.

    Rows inside the stage are counted from the first that the band needs; whole maps and fed rows keep their numbers.
    """
    output = work.outs[0]
    given = {*work.ins, *work.through, work.fed}
    spans = {t: span for t, span in down.items() if t not in given}
    nodes = []
    for node in work.nodes:
        start = spans[node.outputs[0]][0]
        windows = [
            replace(w, pad_top=w.pad_top - start * w.stride_h + (spans[t][0] if t in spans else 0))
            for t, w in zip(node.inputs, node.windows)
        ]
        nodes.append(replace(node, windows=tuple(windows)))
    few = {t: count for t, (_, count) in spans.items() if t != output}
    everything = (*work.rows.nodes[: work.first], *nodes, *work.rows.nodes[work.last :])
    rows = replace(work.rows, nodes=everything, few=few)
    first, count = spans[output]
    local = dict(rows.shape) | {output: (count, rows.shape[output][1])}
    order = row_order(nodes, local, work.fed, frozenset({output}) | _kept(work), {})
    height, end = rows.shape[output][0], len(order.steps)
    # Rows of the map that the band does not write: never born in it.
    before, after = [end] * first, [end] * (height - first - count)
    birth = dict(order.birth) | {output: [*before, *order.birth[output], *after]}
    death = dict(order.death) | {output: [end] * height}
    return replace(
        work, rows=rows, order=RowOrder(order.steps, birth, death, order.began), holds=(), spans=spans
    )


def _kept(work: StageWork) -> frozenset[int]:
    """Inputs of the stage that something after it reads."""
    return frozenset(t for t in work.ins if work.order.death[t] and max(work.order.death[t]) >= work.end)
