"""Partition a graph into stages with the lowest peak, and place every byte of them.

1. `rows.row_graph` reads the graph as nodes. Cuts lie where one tensor is live, and beside every node that does not
   stream.
2. Every run of streaming nodes between two cuts is a candidate stage. Its cost is the arena that it really takes,
   packed (`stream_pack`); its live bytes bound that from below, and only candidates that can lie on the best path are
   packed (best-first: a path of bounds is refined until it is a path of packed stages).
3. Ties in peak go to fewer recomputed MACs, then to fewer stages.
4. The maps between the stages are placed over one another as far as the order allows (`stages_maps`), the rows of each
   stage around them, as contiguous rings where these fit under the peak, else row by row.
5. With a MAC budget above 1, stages may be cut into strips of columns (`patch`): the path then is the one of lowest
   peak among those whose recomputed MACs stay within the budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tflm_mcunet.errors import UsageError
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.rows import RowGraph, row_graph
from tflm_mcunet.schedule.schedule import ALIGNMENT, Buffer, Schedule, Stage, aligned
from tflm_mcunet.schedule.stages_build import Placement, covered_ops, stage_plan
from tflm_mcunet.schedule.stages_maps import gaps, map_orders, place_maps
from tflm_mcunet.schedule.stages_place import Hints, PositionSearch, place_stage
from tflm_mcunet.schedule.stages_search import Candidate, Planner
from tflm_mcunet.schedule.stages_wide import wide_maps
from tflm_mcunet.schedule.stages_work import StageWork, size_of
from tflm_mcunet.schedule.stream_pack import Effort

KINDS = ("layer", "stream", "patch")

#: How often a partition is chosen anew because its stages do not fit together as low as each alone.
CHARGES = 3

#: MAC budgets of a frontier.
FACTORS = (1.0, 1.005, 1.01, 1.02, 1.05, 1.1, 1.2, 1.35, 1.5, 2.0)


def plan_stages(
    graph: Graph,
    *,
    kinds: Sequence[str] = KINDS,
    max_mac_overhead: float = 1.0,
    input: str = "resident",
    prefer: str = "sram",
    row_alignment: int = 4,
    map_alignment: int = ALIGNMENT,
    effort: int = 250_000,
    spread_maps: bool = False,
) -> Schedule:
    """Plan the stages of a graph with the lowest peak.

    Args:
        graph: Graph.
        kinds: sequence of str. Out of "layer", "stream", "patch"; "layer" is always there to fall back on.
        max_mac_overhead: float, at least 1. The most MACs a plan may take, as a factor of the graph's own.
        input: str. "resident": the input lies in the arena. "rows": the caller feeds its rows, none is kept longer
            than needed.
        prefer: str. "sram" or "speed"; both give the same plan of int8 rows today, wider layouts are the engine's.
        row_alignment: int. Offsets of rows that are held inside a stage are multiples of it.
        map_alignment: int. Offsets of whole maps are multiples of it.
        effort: int. Block placements to spend on getting nearer to the bound (about 10 µs each); 0 for a quick plan.
        spread_maps: bool. Whether the rows of maps between stages may lie apart (`pitch_bytes` above `row_bytes`, a
            Buffer larger than its tensor), which lets strips write over their input. Our own engine runs that; the
            tensors of TFLite Micro are dense.

    Returns:
        Schedule. Each "stream" stage holds a `StreamPlan`; `buffers` lists the maps between stages, which may share
        bytes within the stage that reads the one and writes the other.

    Raises:
        UsageError: an argument is outside its values.
    """
    unknown = [k for k in kinds if k not in KINDS]
    if (
        unknown
        or input not in ("resident", "rows")
        or prefer not in ("sram", "speed")
        or max_mac_overhead < 1
    ):
        raise UsageError(
            f"Expected kinds out of {KINDS}, input 'resident' or 'rows', prefer 'sram' or 'speed' and "
            f"max_mac_overhead of at least 1, got {tuple(kinds)}, {input!r}, {prefer!r}, {max_mac_overhead}"
        )
    if row_alignment < 1 or map_alignment % row_alignment:
        raise UsageError(
            f"Expected map_alignment to be a multiple of row_alignment, got {map_alignment}, {row_alignment}"
        )
    rows = row_graph(graph)
    notes = [f"{graph.describe(n.op)} runs as a layer: {n.reason}" for n in rows.nodes if not n.streams]
    fed = -1
    if input == "rows":
        fed, why = _fed_tensor(rows, kinds)
        if why:
            notes.append(f"input='rows' is not possible, the input stays resident: {why}")
    chosen = ("layer", *(k for k in kinds if k != "layer"))
    alignments = (row_alignment, map_alignment)
    if not rows.nodes:
        return _empty(rows, map_alignment, notes)
    plans = _plans(rows, chosen, fed, alignments, notes, effort)
    plan = plans.within(0)
    assert plan is not None
    spare = int((max_mac_overhead - 1) * sum(n.macs for n in rows.nodes))
    if "patch" in chosen and spare:
        spread = _wide_plans(plans, chosen, fed, alignments, notes, effort) if spread_maps else []
        for ways in (plans, *spread):
            plan = ways.within(spare, plan.arena_bytes) or plan
    if fed < 0 and "stream" in chosen:
        layers = _plans(rows, ("layer",), fed, alignments, notes, effort).within(0)
        if layers is not None and layers.arena_bytes <= plan.arena_bytes:
            note = f"streaming does not lower the peak of {layers.arena_bytes} bytes; every operator runs as a layer"
            return replace(layers, notes=(*layers.notes, note))
    return plan


def frontier(
    graph: Graph,
    *,
    input: str = "resident",
    factors: Sequence[float] = FACTORS,
    row_alignment: int = 4,
    map_alignment: int = ALIGNMENT,
    effort: int = 250_000,
    spread_maps: bool = True,
) -> list[tuple[float, int, Schedule]]:
    """Peak SRAM against recomputed MACs.

    Args:
        graph, input, row_alignment, map_alignment, effort, spread_maps: as for `plan_stages`.
        factors: sequence of float. MAC budgets to try, as factors of the graph's own MACs; 1.0 is always tried.

    Returns:
        list of (MAC factor that the plan takes, arena bytes, Schedule), MACs rising and bytes falling strictly.
    """
    first = plan_stages(
        graph, input=input, row_alignment=row_alignment, map_alignment=map_alignment, effort=effort
    )
    found = [(1.0, first.arena_bytes, first)]
    rows = row_graph(graph)
    fed = _fed_tensor(rows, KINDS)[0] if input == "rows" else -1
    total = sum(n.macs for n in rows.nodes)
    if not total:
        return found
    alignments = (row_alignment, map_alignment)
    plans = _plans(rows, KINDS, fed, alignments, first.notes, effort)
    ways = [plans]
    if spread_maps:
        ways += _wide_plans(plans, KINDS, fed, alignments, first.notes, effort)
    for factor in sorted({f for f in factors if f > 1}):
        spare = int((factor - 1) * total)
        better: Schedule | None = None
        for way in ways:
            better = way.within(spare, better.arena_bytes if better else found[-1][1]) or better
        if better is not None:
            found.append((sum(s.macs for s in better.stages) / total, better.arena_bytes, better))
    return found


def _fed_tensor(rows: RowGraph, kinds: Sequence[str]) -> tuple[int, str]:
    """The tensor that the caller can feed, or -1 and why there is none."""
    if "stream" not in kinds:
        return -1, "kinds does not allow 'stream'"
    if len(rows.inputs) != 1:
        return -1, f"the graph has {len(rows.inputs)} inputs"
    tensor = rows.inputs[0]
    if tensor in rows.outputs:
        return -1, "the input is an output"
    readers = [i for i, node in enumerate(rows.nodes) if tensor in node.inputs]
    if not readers or not all(n.streams for n in rows.nodes[: readers[-1] + 1]):
        return -1, "an operator that reads it, or comes before one that does, does not stream"
    if rows.shape[tensor][0] < 2:
        return -1, "it has one row"
    return tensor, ""


@dataclass
class _Plans:
    """Schedules of one graph at several MAC budgets; what one has found out serves the next."""

    rows: RowGraph
    planner: Planner
    notes: Sequence[str]
    effort: int

    def within(self, spare: int, below: int = 1 << 60) -> Schedule | None:
        """The best partition with at most `spare` recomputed MACs, placed; None where it cannot be below `below`.

        Where the maps cannot lie so that every stage takes what it takes alone, the stage that ends highest is charged
        what it took, and the partition is chosen anew.
        """
        best: Schedule | None = None
        charged: list[tuple[Candidate, int | None, int]] = []
        for _ in range(1 + (CHARGES if spare else 0)):
            path = self.planner.best_path(spare)
            goal = max(c.known for c in path)
            if goal >= (below if best is None else min(below, best.arena_bytes)):
                break
            plan = self._schedule(path, goal)
            if best is None or plan.arena_bytes < best.arena_bytes:
                best = plan
            if plan.arena_bytes <= aligned(goal):
                break
            for candidate, stage in zip(path, plan.stages):
                if aligned(stage.peak_bytes) == plan.arena_bytes:
                    charged.append((candidate, candidate.cost, candidate.level))
                    candidate.cost, candidate.level = stage.peak_bytes, 9
        for candidate, cost, level in reversed(charged):
            candidate.cost, candidate.level = cost, level
        return best if best is not None and best.arena_bytes < below else None

    def _schedule(self, path: Sequence[Candidate], goal: int) -> Schedule:
        rows = self.rows
        works = [c.best for c in path if c.best is not None]
        life, _ = gaps(works)
        sizes = {t: size_of(rows, t) for t in life}
        grain = self.planner.map_alignment
        at, placements = _placed(works, goal, sizes, grain, Effort(self.effort), self.planner.hints)
        stages, end = [], 0
        for candidate, work, placement in zip(path, works, placements):
            maps_end = max((at[t] + sizes[t] for t in work.maps), default=0)
            stage_end = max(maps_end, placement.end if placement else 0)
            plan = stage_plan(work, at, placement, candidate.macs) if placement else None
            ops = covered_ops(rows, work.first, work.last)
            stages.append(Stage(work.kind, ops, stage_end, plan, candidate.macs))
            end = max(end, stage_end)
        buffers = [Buffer(t, sizes[t], *life[t], at[t]) for t in sorted(life)]
        for t in sorted({t for t in rows.graph.outputs if t in rows.alias}):
            source = rows.alias[t]
            buffers.append(Buffer(t, sizes[source], *life[source], at[source]))
        bound = max(c.bound for c in path)
        return Schedule(rows.graph, tuple(stages), tuple(buffers), aligned(end), bound, tuple(self.notes))


def _wide_plans(
    plans: _Plans,
    kinds: Sequence[str],
    fed: int,
    alignments: tuple[int, int],
    notes: Sequence[str],
    effort: int,
) -> list[_Plans]:
    """The same graph with the rows of some maps apart, for strips that write over their input."""
    wide = wide_maps(plans.rows, plans.planner.live, alignments[1])
    return [_plans(replace(plans.rows, wide=w), kinds, fed, alignments, notes, effort) for w in wide]


def _plans(
    rows: RowGraph,
    kinds: Sequence[str],
    fed: int,
    alignments: tuple[int, int],
    notes: Sequence[str],
    effort: int,
) -> _Plans:
    return _Plans(
        rows, Planner(rows, tuple(kinds), fed, *alignments, Effort(effort // 2)), notes, effort // 2
    )


def _placed(
    works: Sequence[StageWork],
    goal: int,
    sizes: dict[int, int],
    alignment: int,
    effort: Effort,
    hints: Hints,
) -> tuple[dict[int, int], list[Placement | None]]:
    """Positions under the lowest peak that the search finds, from `goal` up; never fails."""
    life, pairs = gaps(works)
    greedy: tuple[int, dict[int, int], list[Placement | None]] | None = None
    for order in map_orders(life, sizes):
        at = place_maps(sizes, pairs, order, alignment)
        top = max((at[t] + sizes[t] for t in at), default=0)
        placements = []
        for work in works:
            placement = place_stage(work, {t: at[t] for t in work.maps}, max(top, goal), effort)
            placements.append(placement)
            top = max(top, placement.end if placement else 0)
        if greedy is None or top < greedy[0]:
            greedy = (top, at, placements)
        if top <= goal:
            break
    assert greedy is not None
    ceiling, at, placements = greedy
    peak = goal
    for _ in range(4):
        if peak >= ceiling:
            break
        found = PositionSearch(works, peak, alignment, effort, hints).run()
        if found is not None:
            return found
        peak += max(alignment, (ceiling - peak) // 3 // alignment * alignment)
    return at, placements


def _empty(rows: RowGraph, map_alignment: int, notes: Sequence[str]) -> Schedule:
    """A graph without operators: its inputs side by side."""
    buffers, end = [], 0
    for t in dict.fromkeys((*rows.inputs, *rows.outputs)):
        end = aligned(end, map_alignment)
        buffers.append(Buffer(t, size_of(rows, t), 0, 0, end))
        end += size_of(rows, t)
    return Schedule(rows.graph, (), tuple(buffers), aligned(end), end, tuple(notes))
