"""The live bytes of every possible stage of a run at once, from one order of its row steps.

Whether a stage begins at one cut or another, its operators take their steps in the same sequence: all that follows a
cut comes to rest before anything ahead of it runs again. So one order of a whole run of streaming nodes tells, for each
step, how many rows of each tensor are there; what differs from stage to stage is only which tensors are whole maps.
(Where two branches read a stage's whole input map, the sequence may differ, and the figure is an estimate; `exact` says
where that cannot be.)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tflm_mcunet.schedule.rows import RowGraph, RowNode
from tflm_mcunet.schedule.stages_work import shortcuts, size_of
from tflm_mcunet.schedule.stream_order import RowOrder, row_order

#: Nodes times row steps of a run; the networks of the MCUNet zoo take a tenth of it.
MOST_CELLS = 1_000_000

#: Tensor -> (births, deaths) of its rows.
Times = dict[int, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Run:
    """Streaming nodes [first, last) with what is in use at each row step.

    Args:
        rows: RowGraph.
        first, last: int.
        live: sequence of frozenset. For each cut of the graph, the tensors that exist before it and are needed after.
        fed: int. The tensor whose rows the caller feeds, or -1.
        held: int array [last - first + 1, steps]. Bytes of rows and sums that the run's first n nodes made, and of fed
            rows.
        left: mapping. Tensor -> bytes of its rows that are still to be read, at each step.
        whole: mapping. Tensor made in the run -> bytes by which its map, row by row as it is written, exceeds its
            rows in use.
        in_use: mapping. Tensor made in the run, or fed -> bytes of its rows in use.
    """

    rows: RowGraph
    first: int
    last: int
    live: Sequence[frozenset[int]]
    fed: int
    held: np.ndarray
    left: dict[int, np.ndarray]
    whole: dict[int, np.ndarray]
    in_use: dict[int, np.ndarray]

    @property
    def exact(self) -> bool:
        """Whether the figures are exact: of the readers of a tensor, at most one does not wait for another operand.

        Gates do not count: they are there from the start.
        """
        nodes = self.rows.nodes[self.first : self.last]
        gates = {n.inputs[i] for n in nodes for i in n.gates}
        flowing = [[t for t in n.inputs if t not in gates] for n in nodes]
        alone = [inputs[0] for inputs in flowing if len(inputs) == 1]
        return len(alone) == len(set(alone)) and len(self.live[self.first] - gates) <= 1

    def stage_bytes(self, starts: Sequence[int], end: int) -> np.ndarray:
        """The most bytes in use in each of the stages [start, end) of this run."""
        after = self.live[end]
        bytes_ = self.held[end - self.first] - self.held[[s - self.first for s in starts]]
        resting = np.zeros(len(starts), np.int64)
        for n, start in enumerate(starts):
            for t in self.live[start]:
                if t == self.fed:
                    continue
                if t in after or t not in self.left:
                    resting[n] += size_of(self.rows, t)
                else:
                    bytes_[n] += self.left[t]
            for t in after - self.live[start]:
                bytes_[n] += self.whole[t]
        return bytes_.max(axis=1) + resting


def runs(
    rows: RowGraph, live: Sequence[frozenset[int]], cuts: Sequence[int], fed: int, alignment: int
) -> list[Run]:
    """The runs of streaming nodes of a graph; long ones in pieces, which no stage crosses here.

    Args:
        rows: RowGraph.
        live: sequence of frozenset. For each cut, the tensors that exist before it and are needed after it.
        cuts: sequence of int. Where stages may begin and end, ascending.
        fed: int. The tensor whose rows the caller feeds, or -1.
        alignment: int. Bytes of rows inside a stage are multiples of it.
    """
    found, nodes, first = [], rows.nodes, 0
    while first < len(nodes):
        last, steps = first, 0
        for end in cuts[bisect_right(cuts, first) :]:
            steps += sum(rows.shape[t][0] for n in nodes[last:end] for t in n.outputs)
            if (
                not all(n.streams for n in nodes[last:end])
                or (last > first and last in rows.barriers)
                or (steps * (end - first) > MOST_CELLS and last > first)
            ):
                break
            last = end
        if last > first:
            found.append(_run(rows, live, first, last, fed if first == 0 else -1, alignment))
        first = max(last, first + 1)
    return found


def _run(
    rows: RowGraph, live: Sequence[frozenset[int]], first: int, last: int, fed: int, alignment: int
) -> Run:
    nodes = rows.nodes[first:last]
    order = row_order(nodes, rows.shape, fed, live[last], dict(shortcuts(nodes)))
    steps = len(order.steps)
    times: Times = {
        t: (np.array(b, np.int64), np.minimum(np.array(order.death[t], np.int64), steps))
        for t, b in order.birth.items()
    }
    rows_in_use, left, whole = {}, {}, {}
    for t, (birth, death) in times.items():
        height, width = rows.shape[t]
        gone = np.bincount(death + 1, minlength=steps + 2)[:steps].cumsum()
        # Of a whole map, rows that nothing reads are gone before the first step.
        read = np.bincount(np.where(death > birth, death, -1) + 1, minlength=steps + 2)[:steps].cumsum()
        left[t] = (height - read) * width
        if birth[0] >= 0:
            here = np.bincount(birth, minlength=steps)[:steps].cumsum()
            rows_in_use[t] = (here - gone) * (-(-width // alignment) * alignment)
            whole[t] = here * width - rows_in_use[t]
    held = np.zeros((len(nodes) + 1, steps), np.int64)
    for i, node in enumerate(nodes):
        output = node.outputs[0]
        beside = _beside(rows, order, i, node, times, alignment)
        held[i + 1] = held[i] + rows_in_use[output] + beside
        whole[output][beside < 0] += -rows.shape[output][1] % alignment  # rows of a map are not padded
    if fed in rows_in_use:
        held[1:] += rows_in_use[fed]
    return Run(rows, first, last, live, fed, held, left, whole, rows_in_use)


def _beside(
    rows: RowGraph, order: RowOrder, i: int, node: RowNode, times: Times, alignment: int
) -> np.ndarray:
    """What a node takes besides its rows: int32 sums, less the rows that it writes over dying ones."""
    output = node.outputs[0]
    change = np.zeros(len(order.steps), np.int64)
    written = times[output][0]
    padded = -(-rows.shape[output][1] // alignment) * alignment
    if i in order.began:
        size = -(-4 * rows.graph.tensors[output].elements // alignment) * alignment
        change[order.began[i] : written[0] + 1] = size
        change[written[0]] -= padded
    for p in node.in_place:
        death, window = times[node.inputs[p]][1], node.windows[p]
        over = np.arange(len(written)) * window.stride_h - window.pad_top
        inside = (over >= 0) & (over < len(death))
        change[written[inside][death[over[inside]] == written[inside]]] = -padded
    return change
