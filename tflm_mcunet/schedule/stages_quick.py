"""A quick plan, for architecture searches: the same stages and proofs as `stages`, with little search.

The live bytes of all candidate stages come from one order of the row steps of the whole graph (`stages_live`). The path
of lowest live bytes is placed: maps greedily, each stage as rings, or row by row where the rings end too high. A stage
that ends above its live bytes is charged what it took, and the path is chosen anew, a few times at most. What comes out
is a plan like any other, checked byte by byte; so its arena is what a device needs, and only the careful planner can
need less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tflm_mcunet import ops
from tflm_mcunet.schedule.rows import RowGraph
from tflm_mcunet.schedule.schedule import Schedule, aligned
from tflm_mcunet.schedule.stages_assemble import assembled
from tflm_mcunet.schedule.stages_build import Placement, place_rings, place_rows
from tflm_mcunet.schedule.stages_live import runs
from tflm_mcunet.schedule.stages_maps import gaps, map_orders, place_maps
from tflm_mcunet.schedule.stages_search import cut_positions, live_sets
from tflm_mcunet.schedule.stages_work import StageWork, shortcuts, size_of, stage_work
from tflm_mcunet.schedule.stream_pack import Effort

#: Paths that are placed at most.
TRIES = 2

#: Orders in which the rows of a stage are packed one by one.
STARTS = 2

#: (first node, end, kind).
Span = tuple[int, int, str]


@dataclass(frozen=True)
class Placed:
    """Stages in place: the end of the highest byte, where each map lies, and each stage's rows."""

    end: int
    works: Sequence[StageWork]
    at: Mapping[int, int]
    placements: Sequence[Placement | None]


@dataclass
class QuickPlanner:
    """The candidates of one graph with their cost as far as it is known.

    Args:
        rows: RowGraph.
        streams: bool. Whether stages may stream.
        fed: int. The tensor whose rows the caller feeds, or -1.
        row_alignment, map_alignment: int.
    """

    rows: RowGraph
    streams: bool
    fed: int
    row_alignment: int
    map_alignment: int
    cost: dict[Span, int] = field(default_factory=dict)
    works: dict[Span, StageWork] = field(default_factory=dict)
    placements: dict[tuple[int, ...], Placement] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.live = live_sets(self.rows)
        cuts = cut_positions(self.rows, self.live)
        for run in runs(self.rows, self.live, cuts, self.fed, self.row_alignment) if self.streams else ():
            inside = [c for c in cuts if run.first <= c <= run.last]
            for n, end in enumerate(inside):
                if n and self.fed not in self.live[end]:
                    for start, bytes_ in zip(inside[:n], run.stage_bytes(inside[:n], end).tolist()):
                        self.cost[start, end, "stream"] = bytes_
        for i, node in enumerate(self.rows.nodes):
            if self.fed not in node.inputs and (i, i + 1, "stream") not in self.cost:
                self.cost[i, i + 1, "layer"] = self._layer(i)

    def _layer(self, i: int) -> int:
        work = self.work((i, i + 1, "layer"))
        life, pairs = gaps([work])
        sizes = {t: size_of(self.rows, t) for t in life}
        at = place_maps(
            sizes, pairs, [*work.outs, *(t for t in life if t not in work.outs)], self.map_alignment
        )
        return max((at[t] + sizes[t] for t in at), default=0)

    def work(self, span: Span) -> StageWork:
        """The stage of a span; of two orders of a branched one, that with the fewest live bytes."""
        if span not in self.works:
            first, last, kind = span
            nodes = self.rows.nodes[first:last]
            held = shortcuts(nodes) if kind == "stream" and any(len(n.inputs) > 1 for n in nodes) else ()
            fed = self.fed if first == 0 and kind == "stream" else -1
            ways = [
                stage_work(self.rows, first, last, kind, self.live, fed, holds, self.row_alignment)
                for holds in ([(), held] if held else [()])
            ]
            self.works[span] = ways[0] if len(ways) == 1 else min(ways, key=lambda w: w.live_bytes)
        return self.works[span]

    def charge(self, path: Sequence[Span], peak: int) -> None:
        """Let the stages of a path that ended above its peak cost the least that they ever took."""
        for span in path:
            work = self.works[span]
            ends = [p.end for k, p in self.placements.items() if k[0] == id(work)]
            if ends and min(ends) > peak:
                self.cost[span] = min(ends)

    def path(self) -> tuple[int, list[Span]]:
        """The path of lowest peak, then of fewest stages."""
        count = len(self.rows.nodes)
        into: dict[int, list[tuple[int, Span]]] = {}
        for span, bytes_ in self.cost.items():
            into.setdefault(span[1], []).append((bytes_, span))
        far = 1 << 60
        peaks = [0] + [far] * count
        for end in range(1, count + 1):
            peaks[end] = min((max(peaks[s[0]], b) for b, s in into.get(end, ())), default=far)
        peak = peaks[count]
        stages, last = [0] + [far] * count, dict[int, Span]()
        for end in range(1, count + 1):
            for bytes_, span in into.get(end, ()):
                if bytes_ <= peak and stages[span[0]] + 1 < stages[end]:
                    stages[end], last[end] = stages[span[0]] + 1, span
        found: list[Span] = []
        at = count
        while at:
            found.append(last[at])
            at = last[at][0]
        return peak, found[::-1]

    def placed(self, works: Sequence[StageWork], goal: int, limit: int) -> Placed | None:
        """Maps in the best of a few orders, the stages around them; None where nothing ends below `limit`."""
        life, pairs = gaps(works)
        sizes = {t: size_of(self.rows, t) for t in life}
        ways: list[tuple[int, dict[int, int]]] = []
        for order in map_orders(life, sizes):
            at = place_maps(sizes, pairs, order, self.map_alignment)
            if at not in [a for _, a in ways]:
                ways.append((max((at[t] + sizes[t] for t in at), default=0), at))
        best: Placed | None = None
        for top, at in sorted(ways, key=lambda w: w[0]):
            if top >= limit or limit <= goal:
                break
            found = self._around(works, at, max(goal, top), limit)
            end = max((top, *(p.end for p in found if p is not None)))
            if end < limit:
                best, limit = Placed(end, works, at, found), end
        return best

    def _around(
        self, works: Sequence[StageWork], at: dict[int, int], goal: int, limit: int
    ) -> list[Placement | None]:
        """All stages as rings; then, while one ends above the goal, the highest row by row, as long as that helps."""
        found = [self._stage(w, at, goal, True) if w.kind == "stream" else None for w in works]
        while True:
            end, i = max((p.end, -i) for i, p in enumerate(found) if p is not None) if any(found) else (0, 0)
            if end <= goal:
                return found
            rows = self._stage(works[-i], at, goal, False)
            if rows.end >= end:
                return found
            found[-i] = rows
            if rows.end >= limit:
                return found

    def _stage(self, work: StageWork, at: dict[int, int], goal: int, as_rings: bool) -> Placement:
        """A stage around its maps; memoised."""
        mine = {t: at[t] for t in work.maps}
        key = (id(work), as_rings, *mine.values())
        if key not in self.placements:
            if as_rings:
                self.placements[key] = place_rings(work, mine, 0, 0, Effort(0))
            else:
                self.placements[key] = place_rows(work, mine, goal, 0, Effort(1 << 60), starts=STARTS)
        return self.placements[key]


def least_layer_bytes(rows: RowGraph) -> int:
    """No plan of layers needs less: what an operator reads and writes, less what it may write over its operand."""
    live, most = live_sets(rows), 0
    for i, node in enumerate(rows.nodes):
        facts = ops.OPS.get(rows.graph.ops[node.op].type)
        there = sum(size_of(rows, t) for t in live[i])
        if facts is None or not facts.in_place:
            there += sum(size_of(rows, t) for t in set(node.outputs) - live[i])
        most = max(most, there)
    return most


def quick_plan(
    rows: RowGraph,
    streams: bool,
    fed: int,
    alignments: tuple[int, int],
    notes: Sequence[str],
    sram: int = 0,
) -> Schedule:
    """Plan the stages of a graph quickly.

    Args:
        rows: RowGraph, with at least one node.
        streams: bool. Whether stages may stream.
        fed: int. The tensor whose rows the caller feeds, or -1.
        alignments: (int, int). Of rows inside a stage, of whole maps.
        notes: sequence of str. What was not done, and why.
        sram: int. Bytes that are good enough, 0 for the lowest: the search ends as soon as a plan needs no more, or
            its bound is above.
    """
    bound, best = _searched(QuickPlanner(rows, streams, fed, *alignments), sram)
    if rows.barriers and streams and best.end > max(aligned(bound), sram):
        # Where a product can lie over its whole map, a layer that stands alone is placed more easily.
        _, other = _searched(QuickPlanner(rows.with_gates_as_layers(), streams, fed, *alignments), sram)
        best = min(best, other, key=lambda placed: placed.end)
    macs = [sum(n.macs for n in w.nodes) for w in best.works]
    return assembled(rows, best.works, best.at, best.placements, macs, bound, notes)


def _searched(planner: QuickPlanner, sram: int) -> tuple[int, Placed]:
    """The live bytes of the best path, and the best of the paths that were placed."""
    best: Placed | None = None
    bound, path = planner.path()
    peak = bound
    for _ in range(TRIES if bound <= (sram or bound) else 1):
        goal = max(aligned(peak), sram)
        found = planner.placed([planner.work(s) for s in path], goal, best.end if best else 1 << 60)
        best = found or best
        if best is None or best.end <= goal:
            break
        planner.charge(path, peak)
        peak, path = planner.path()
        if peak >= best.end:
            break
    assert best is not None
    return bound, best
