"""Patches as strips: a stage is executed in several passes, each on some columns of its output map, over all rows.

A pass holds, of every tensor inside the stage, only the columns that its output columns need: halo included, so that
the columns where two passes meet are computed twice. Rows still flow through rolling buffers, so a pass recomputes no
row: of MCUNetV2's p x p patches only the vertical cuts are left, and the p² patches become p strips at a smaller
overlap. The maps before and after the stage stay whole; rows that the caller feeds are fed once a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.rows import RowNode
from tflm_mcunet.schedule.stages_work import StageWork

#: A range of columns: (first, count).
Columns = tuple[int, int]


def needed_columns(
    graph: Graph, nodes: Sequence[RowNode], output: int, columns: Columns
) -> dict[int, Columns]:
    """For each tensor of a run of nodes: the columns that the columns (first, count) of `output` need."""
    need = {output: columns}
    for node in reversed(nodes):
        if node.outputs[0] not in need:
            continue
        first, count = need[node.outputs[0]]
        for t, window in zip(node.inputs, node.windows):
            width = graph.tensors[t].shape[2]
            start = first * window.stride_w - window.pad_left
            end = start + (count - 1) * window.stride_w + window.extent_w
            start, end = max(start, 0), min(end, width)
            if t in need:
                start, end = min(start, need[t][0]), max(end, sum(need[t]))
            # A window that lies in the padding altogether reads nothing; hold one column so that a row has bytes.
            start = min(start, width - 1)
            need[t] = (start, max(end - start, 1))
    return need


def can_strip(work: StageWork) -> bool:
    """Whether a stage can be cut into strips: maps of several columns, one output map, no sum over columns."""
    tensors = work.rows.graph.tensors
    shapes = [tensors[t].shape for n in work.nodes for t in (*n.inputs, *n.outputs)]
    return (
        work.kind == "stream"
        and len(work.outs) == 1
        and all(len(s) == 4 and s[0] == 1 for s in shapes)
        and not any(n.accumulate for n in work.nodes)
        and tensors[work.outs[0]].shape[2] > 1
        and all(_reaches(work, n.outputs[0]) for n in work.nodes)
    )


def _reaches(work: StageWork, tensor: int) -> bool:
    """Whether something after reads the tensor: a pass computes nothing that its output does not need."""
    return tensor in work.outs or any(tensor in n.inputs for n in work.nodes)


def strip_macs(work: StageWork, count: int) -> int:
    """MACs of a stage in `count` strips, columns that are computed twice included."""
    graph, output, macs = work.rows.graph, work.outs[0], 0
    for columns in _cuts(graph.tensors[output].shape[2], count):
        need = needed_columns(graph, work.nodes, output, columns)
        for node in work.nodes:
            macs += node.macs * need[node.outputs[0]][1] // graph.tensors[node.outputs[0]].shape[2]
    return macs


def _cuts(width: int, count: int) -> list[Columns]:
    """`count` ranges that cover the columns of a map."""
    edges = [n * width // count for n in range(count + 1)]
    return [(a, b - a) for a, b in pairwise(edges)]


def strips(work: StageWork, count: int) -> StageWork:
    """A stage in `count` strips of its output map.

    Args:
        work: StageWork of kind "stream" that `can_strip`.
        count: int. Strips, at least 2 and at most the columns of the output map.
    """
    graph, output = work.rows.graph, work.outs[0]
    width = graph.tensors[output].shape[2]
    whole = set(work.maps)
    passes = []
    needs = [needed_columns(graph, work.nodes, output, columns) for columns in _cuts(width, count)]
    for number, need in enumerate(needs):
        later = (
            {t: min(n[t][0] for n in needs[number + 1 :]) for t in work.ins} if needs[number + 1 :] else {}
        )
        narrow = {}
        for t, (_, held) in need.items():
            if t not in whole:
                shape = graph.tensors[t].shape
                narrow[t] = held * (graph.tensors[t].size_bytes // (shape[1] * shape[2]))
        rows = replace(work.rows, narrow=narrow)
        passes.append(replace(work, rows=rows, columns=need, later=later))
    return replace(work, kind="patch", passes=tuple(passes))
