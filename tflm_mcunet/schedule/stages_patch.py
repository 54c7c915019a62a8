"""What stages in tiles would cost: MACs exactly, bytes roughly, for every tiling at once.

From one order of a run's row steps (`stages_live`) it is known how many rows of each tensor are there at each step; a
tile holds of each row the columns that it needs. So the bytes inside any stage in tiles are a weighted sum. Only the
candidates that look promising are then made and packed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tflm_mcunet.schedule.patch import COLUMNS, ROWS, Tiling, ranges
from tflm_mcunet.schedule.rows import RowGraph
from tflm_mcunet.schedule.stages_live import Run
from tflm_mcunet.schedule.stages_work import size_of

#: Numbers of strips, and of bands of rows, that are tried.
STRIPS = (2, 3, 4, 5, 6, 8)
BANDS = (1, 2, 3, 4, 6, 8)

#: For each node of a run: what a tensor's parts add up to as a factor of the whole, and the largest part.
Shares = tuple[np.ndarray, np.ndarray]


@dataclass
class PatchCosts:
    """The tilings of the stages of one run.

    Args:
        rows: RowGraph.
        run: Run.
        shares: dict. (end of the stage, axis) -> number of parts -> shares.
    """

    rows: RowGraph
    run: Run
    shares: dict[tuple[int, int], dict[int, Shares]] = field(default_factory=dict)
    weighted: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)

    def options(self, first: int, last: int, spare: int, ceiling: int) -> Iterator[tuple[Tiling, int, int]]:
        """(tiling, MACs, bytes at least or about) of stage [first, last), recomputing at most `spare` MACs."""
        across, down = self._shares(last, COLUMNS), self._shares(last, ROWS)
        macs = np.array([n.macs for n in self.rows.nodes[first:last]], np.float64)
        part = slice(first - self.run.first, last - self.run.first)
        for strips, (columns, _) in across.items():
            wide = macs * columns[part]
            if wide.sum() - macs.sum() > spare:
                break
            ends = self._ends(first, last, strips)
            if ends is None or ends[1] >= ceiling:
                continue
            for bands, (rows, _) in down.items():
                taken = round(float((wide * rows[part]).sum()))
                if taken - macs.sum() > spare:
                    break
                bound = ends[0] if bands == 1 else ends[1] + ends[2] // (2 * bands)
                if bound < ceiling:
                    yield Tiling(bands, strips), taken, bound
                if self.run.fed >= 0 and first == 0:
                    break  # there is no input map to write over

    def _shares(self, last: int, axis: int) -> dict[int, Shares]:
        key = (last, axis)
        if key not in self.shares:
            self.shares[key] = self._parts(last, axis)
        return self.shares[key]

    def _parts(self, last: int, axis: int) -> dict[int, Shares]:
        """Back from the stage's output: the ranges that every tensor needs, for all numbers of parts at once."""
        graph, run = self.rows.graph, self.run
        output = self.rows.nodes[last - 1].outputs[0]
        size = graph.tensors[output].shape[axis]
        counts = [c for c in (STRIPS if axis == COLUMNS else BANDS) if c <= size]
        cuts = np.array([r for c in counts for r in ranges(size, c)], np.int64).reshape(-1, 2)
        starts = np.cumsum([0, *counts])[:-1]
        need: dict[int, tuple[np.ndarray, np.ndarray]] = {output: (cuts[:, 0], cuts.sum(1))}
        total = np.ones((len(run_nodes := self.rows.nodes[run.first : last]), len(counts)))
        most = np.ones_like(total)
        for i in reversed(range(len(run_nodes))):
            node = run_nodes[i]
            if node.outputs[0] not in need:
                continue
            low, high = need[node.outputs[0]]
            whole = graph.tensors[node.outputs[0]].shape
            if len(whole) != 4:
                continue
            total[i] = np.add.reduceat(high - low, starts) / whole[axis]
            most[i] = np.maximum.reduceat(high - low, starts) / whole[axis]
            for t, w in zip(node.inputs, node.windows):
                shape = graph.tensors[t].shape
                if len(shape) != 4:
                    continue
                stride, pad, extent = (
                    (w.stride_w, w.pad_left, w.extent_w)
                    if axis == COLUMNS
                    else (w.stride_h, w.pad_top, w.extent_h)
                )
                begin = np.maximum(low * stride - pad, 0)
                end = np.minimum((high - 1) * stride - pad + extent, shape[axis])
                if t in need:
                    begin, end = np.minimum(begin, need[t][0]), np.maximum(end, need[t][1])
                begin = np.minimum(begin, shape[axis] - 1)
                need[t] = begin, np.maximum(end, begin + 1)
        return {c: (total[:, n], most[:, n]) for n, c in enumerate(counts)}

    def _ends(self, first: int, last: int, strips: int) -> tuple[int, int, int] | None:
        """Bytes in strips at full height; bytes in strips at any height; bytes of the output map."""
        run, rows = self.run, self.rows
        key = (last, strips)
        if key not in self.weighted:
            most = self._shares(last, COLUMNS)[strips][1]
            each = np.diff(run.held[: last - run.first + 1], axis=0)
            fold = (each * most[:, None])[::-1].cumsum(axis=0)[::-1]
            self.weighted[key] = np.concatenate([fold, np.zeros((1, fold.shape[1]))])
        (output,) = run.live[last] - run.live[first]
        inside = self.weighted[key][first - run.first]
        most = self._shares(last, COLUMNS)[strips][1][last - 1 - run.first]
        # The output's own rows are among them, for as long as something later in the run reads them.
        written = run.whole[output] + run.in_use[output]
        inside = inside - run.in_use[output] * most
        resting, left, read = 0, np.zeros_like(inside), 0
        for t in run.live[first]:
            size = size_of(rows, t)
            if t == run.fed:
                continue
            if t in run.live[last] or t not in run.left:
                resting += size
            else:
                left, read = left + run.left[t], read + size
        made, share = size_of(rows, output), 1 / strips
        begin = inside + (1 - share) * read + share * (left + written)
        end = inside + (1 - share) * made + share * (left + written)
        full = max(begin.max(), end.max())
        flowing = (inside + left + written).max()
        return int(full) + resting, int(flowing) + resting, made
