"""Partition a graph into stages with the lowest peak, and place every byte of them.

1. `rows.row_graph` reads the graph as nodes. Cuts lie where one tensor is live, beside every node that does not stream,
   and before every node that reads a gate (squeeze-and-excite).
2. Every run of streaming nodes between two cuts is a candidate stage. Its cost is the arena that it really takes,
   packed (`stream_pack`); its live bytes bound that from below, and only candidates that can lie on the best path are
   packed (best-first: a path of bounds is refined until it is a path of packed stages).
3. Ties in peak go to fewer recomputed MACs, then to fewer stages.
4. The maps between the stages are placed over one another as far as the order allows (`stages_maps`), the rows of each
   stage around them, as contiguous rings where these fit under the peak, else row by row.
5. With a MAC budget above 1, stages may be cut into tiles of rows and columns (`patch`): the path then is the one of
   lowest peak among those whose recomputed MACs stay within the budget.
6. `effort="quick"` (`stages_quick`) is the same with little search, for those who plan thousands of graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tflm_mcunet.errors import UsageError
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.rows import RowGraph, row_graph
from tflm_mcunet.schedule.schedule import ALIGNMENT, Buffer, Schedule, aligned
from tflm_mcunet.schedule.stages_cost import StreamCosts, costs_of, with_operators_in_rows
from tflm_mcunet.schedule.stages_plans import plans_of, wide_plans
from tflm_mcunet.schedule.stages_quick import least_layer_bytes, quick_plan
from tflm_mcunet.schedule.stages_speed import within_bytes, within_cost
from tflm_mcunet.schedule.stages_work import size_of

KINDS = ("layer", "stream", "patch")

#: Block placements of a careful plan.
CAREFUL = 250_000

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
    effort: int | str = CAREFUL,
    spread_maps: bool = False,
    sram: int = 0,
    longest: int = 0,
    family: str = "",
) -> Schedule:
    """Plan the stages of a graph with the lowest peak.

    Args:
        graph: Graph.
        kinds: sequence of str. Out of "layer", "stream", "patch"; "layer" is always there to fall back on.
        max_mac_overhead: float, at least 1. The most MACs a plan may take, as a factor of the graph's own.
        input: str. "resident": the input lies in the arena. "rows": the caller feeds its rows, none is kept longer
            than needed.
        prefer: str. "sram" for the lowest peak; "speed" for streams that cost few instructions more than layers: with
            `sram` the fewest in the larger of that and the lowest peak, without it the plan of fewest bytes in which
            they cost 3.1 % (modelled, `stages_cost`), or layers where none is so cheap.
        row_alignment: int. Offsets of rows that are held inside a stage are multiples of it.
        map_alignment: int. Offsets of whole maps are multiples of it.
        effort: int or str. Block placements to spend on getting nearer to the bound (about 10 µs each), or "quick": for
            architecture searches, some 20 plans a second and a few percent above the careful plan; it takes no strips.
        spread_maps: bool. Whether the rows of maps between stages may lie apart (`pitch_bytes` above `row_bytes`, a
            Buffer larger than its tensor), which lets strips write over their input. Our own engine runs that; the
            tensors of TFLite Micro are dense.
        sram: int. Bytes that are good enough: with effort "quick" the search may end there, with prefer "speed" a plan
            may take them; 0 for the lowest, with prefer "speed" for as many as few instructions take.
        longest: int. The most operators of a stage (those that vanish into others not counted), 0 for any number. With
            1, operators run one after the other, some of them row by row over their own input.
        family: str. The kernels whose costs prefer "speed" goes by ("arm_dsp", "arm_mve" or "riscv"); any other: a plan
            that is cheap with each of them.

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
        or (isinstance(effort, str) and effort != "quick")
    ):
        raise UsageError(
            f"Expected kinds out of {KINDS}, input 'resident' or 'rows', prefer 'sram' or 'speed', max_mac_overhead of "
            f"at least 1 and effort 'quick' or a number, got {tuple(kinds)}, {input!r}, {prefer!r}, "
            f"{max_mac_overhead}, {effort!r}"
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
    if isinstance(effort, str):
        plan = quick_plan(rows, "stream" in chosen, fed, alignments, notes, sram)
        return _or_layers(rows, plan, fed, lambda: quick_plan(rows, False, fed, alignments, notes, sram))
    most = longest or 1 << 60
    plans = plans_of(rows, chosen, fed, alignments, notes, effort, longest=most)
    plan = plans.lowest()
    if rows.barriers and "stream" in chosen:
        other = plans_of(rows.with_gates_as_layers(), chosen, fed, alignments, notes, effort, longest=most)
        plan = min(plan, other.lowest(), key=lambda p: p.arena_bytes)
    spare = int((max_mac_overhead - 1) * sum(n.macs for n in rows.nodes))
    if "patch" in chosen and spare:
        spread = wide_plans(plans, chosen, fed, alignments, notes, effort) if spread_maps else []
        # What is found with rows apart, mostly lower, bounds the search among dense maps.
        for ways in (*reversed(spread), plans):
            plan = ways.within(spare, plan.arena_bytes) or plan
    plan = _or_layers(rows, plan, fed, plans_of(rows, ("layer",), fed, alignments, notes, effort).lowest)
    if prefer == "speed" and "stream" in chosen and plan.kind != "layer":

        def plan_in(floor: int, costs: Sequence[StreamCosts]) -> Schedule:
            kinds_of = ("layer", "stream")
            return plans_of(
                rows, kinds_of, fed, alignments, notes, effort, floor, most, tuple(costs)
            ).lowest()

        if sram:
            return within_bytes(rows, plan, sram, plan_in, costs_of(family))
        layers = None if fed >= 0 else plans_of(rows, ("layer",), fed, alignments, notes, effort).lowest()
        return within_cost(rows, plan, layers, plan_in, costs_of(family))
    return plan


def with_cheaper_streams(
    plan: Schedule, *, input: str = "resident", family: str = "", in_rows: frozenset[int] = frozenset()
) -> Schedule:
    """The plan whose streams cost least (modelled, `stages_cost`) in no more bytes than `plan` takes.

    Away from its highest stage a plan has bytes to spare, in which operators run whole instead of row by row. The plan
    itself where none costs less, where nothing streams, and where MACs are recomputed: without that it would be higher.

    Args:
        plan: Schedule. Of `plan_stages` with rows of 4 bytes.
        input, family: str. As for `plan_stages`.
        in_rows: set of int. Operators that are to stay in a stage with others, if they can.
    """
    rows = row_graph(plan.graph)
    recomputes = sum(s.macs for s in plan.stages) > sum(n.macs for n in rows.nodes)
    if recomputes or not any(stage.plan is not None for stage in plan.stages):
        return plan
    kinds = ("layer", "stream")
    fed = _fed_tensor(rows, kinds)[0] if input == "rows" else -1

    def plan_in(floor: int, costs: Sequence[StreamCosts]) -> Schedule:
        alignments = (4, ALIGNMENT)
        ways = plans_of(rows, kinds, fed, alignments, plan.notes, CAREFUL, floor, costs=tuple(costs))
        return ways.lowest()

    costs = with_operators_in_rows(costs_of(family), in_rows)
    return within_bytes(rows, plan, plan.arena_bytes, plan_in, costs)


def streamed_macs(plan: Schedule) -> int:
    """The MACs of a Schedule's operators that run row by row."""
    return sum(stage.macs for stage in plan.stages if stage.plan is not None)


def _or_layers(rows: RowGraph, plan: Schedule, fed: int, layers: Callable[[], Schedule]) -> Schedule:
    """A plan, or that of layers where it needs no more."""
    if fed >= 0 or plan.kind == "layer" or least_layer_bytes(rows) > plan.arena_bytes:
        return plan
    other = layers()
    if other.arena_bytes > plan.arena_bytes:
        return plan
    note = f"streaming does not lower the peak of {other.arena_bytes} bytes; every operator runs as a layer"
    return replace(other, notes=(*other.notes, note))


def frontier(
    graph: Graph,
    *,
    input: str = "resident",
    factors: Sequence[float] = FACTORS,
    row_alignment: int = 4,
    map_alignment: int = ALIGNMENT,
    effort: int = CAREFUL,
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
    plans = plans_of(rows, KINDS, fed, alignments, first.notes, effort)
    spread = wide_plans(plans, KINDS, fed, alignments, first.notes, effort) if spread_maps else []
    ways = [*reversed(spread), plans]
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
    if any(0 < p <= readers[-1] for p in rows.barriers):
        return -1, "a gate must be whole before an operator that comes before its last reader"
    if rows.shape[tensor][0] < 2:
        return -1, "it has one row"
    return tensor, ""


def _empty(rows: RowGraph, map_alignment: int, notes: Sequence[str]) -> Schedule:
    """A graph without operators: its inputs side by side."""
    buffers, end = [], 0
    for t in dict.fromkeys((*rows.inputs, *rows.outputs)):
        end = aligned(end, map_alignment)
        buffers.append(Buffer(t, size_of(rows, t), 0, 0, end))
        end += size_of(rows, t)
    return Schedule(rows.graph, (), tuple(buffers), aligned(end), end, tuple(notes))
