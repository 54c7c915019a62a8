"""A Schedule as the engine's tables: kernel calls with every operand's place in memory, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from tflm_mcunet.codegen.call import Call, View
from tflm_mcunet.codegen.family import PORTABLE, reads_constants, specialised, specialised_in_place
from tflm_mcunet.codegen.lower import lower, lower_sum
from tflm_mcunet.codegen.scratch_places import Span, first_free, taken_spans
from tflm_mcunet.codegen.stream_state import WaitingState, waiting_state
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.schedule.rows import RowNode, row_graph
from tflm_mcunet.schedule.schedule import Schedule, Stage, aligned
from tflm_mcunet.schedule.stream import PatchPlan, RowOperator, RowStorage, StreamPlan

#: What scratch may take more where operators run whole, of small arenas.
LEAST_MORE_BYTES = 512

#: Operators into whose window a padding can be folded.
_PADDED = ("CONV_2D", "DEPTHWISE_CONV_2D")


@dataclass(frozen=True)
class Rows:
    """Where the rows of a tensor lie: `Rows` of `engine/program.h`.

    Args:
        tensor: int. Index in the graph.
        offset: int. Of slot 0, in the arena or in a constant.
        pitch_bytes: int. From slot to slot.
        height: int. Rows of the whole tensor; where a stage computes some rows only, one past the last of them.
        slots: int. Rows held.
        step, phase: int. Row y lies in slot (y·step + phase) mod slots.
        row_offsets: tuple of int. The offset of each row where no such rule holds, or empty.
        is_constant: bool. The rows lie in flash.
    """

    tensor: int
    offset: int
    pitch_bytes: int
    height: int
    slots: int
    step: int = 1
    phase: int = 0
    row_offsets: tuple[int, ...] = ()
    is_constant: bool = False


@dataclass(frozen=True, eq=False)
class Step:
    """A kernel call of a stage with its operands' places.

    Args:
        op: int. Operator index in the graph.
        call: Call.
        tensors: tuple of int. Indices into Program.tensors: the inputs, then the outputs.
        scratch_offset: int. In the arena or behind it; of the int32 sums where the call is a sum.
        hold: int. Index of the tensor whose row y must exist before row y is computed, or -1.
        columns: (int, int, int). The output columns [first, last) that are computed, and the input column at
            which the input rows begin.
        shifts: tuple of int. Bytes from each operand's row to the column that the kernel takes, or empty.
        first_row: int. Of the output, at which the stage begins; it ends at the height of the output's Rows.
        scratch_bytes: int. Of scratch that the Schedule has no buffer for.
    """

    op: int
    call: Call
    tensors: tuple[int, ...]
    scratch_offset: int = 0
    hold: int = -1
    columns: tuple[int, int, int] = (0, 1, 0)
    shifts: tuple[int, ...] = ()
    first_row: int = 0
    scratch_bytes: int = 0

    @property
    def scratch_end(self) -> int:
        """One past the last byte of scratch that the Schedule has no buffer for; 0 without."""
        return self.scratch_offset + self.scratch_bytes if self.scratch_bytes else 0


@dataclass(frozen=True, eq=False)
class ProgramStage:
    """A run of steps.

    Args:
        steps: tuple of Step.
        fed: int. The tensor whose rows the caller feeds, an index into Program.tensors; or -1.
        fed_skip_bytes, fed_bytes: int. What the stage leaves out at the start of a fed row, and what it takes.
    """

    steps: tuple[Step, ...]
    fed: int = -1
    fed_skip_bytes: int = 0
    fed_bytes: int = 0


@dataclass(frozen=True, eq=False)
class Program:
    """What the engine runs.

    Args:
        graph: Graph.
        tensors: tuple of Rows.
        stages: tuple of ProgramStage.
        arena_bytes: int. As planned.
        inputs, outputs: tuple of int. Their offsets in the arena in the graph's order; -1 for a fed input.
        state: WaitingState. What is kept from one call to the next; empty for most models.
    """

    graph: Graph
    tensors: tuple[Rows, ...]
    stages: tuple[ProgramStage, ...]
    arena_bytes: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    state: WaitingState = field(default_factory=WaitingState)

    @property
    def scratch_bytes(self) -> int:
        """What scratch takes behind the arena."""
        ends = (s.scratch_end for stage in self.stages for s in stage.steps)
        return max(0, max(ends, default=0) - aligned(self.arena_bytes))

    @property
    def most_bytes(self) -> int:
        """What `convert` stays within where it runs operators whole: a sixteenth more, and no more than all scratch
        behind the arena."""
        arena = aligned(self.arena_bytes)
        sizes = (s.scratch_bytes for stage in self.stages for s in stage.steps)
        more = max(arena // 16, LEAST_MORE_BYTES)
        return min(arena + self.scratch_bytes + more, arena + max(sizes, default=0))

    @property
    def window_rows(self) -> int:
        """Row pointers that the largest operator needs at once."""
        needs = [
            len(s.call.inputs) * (1 if s.call.whole or s.call.is_sum else s.call.window.kernel_h)
            for stage in self.stages
            for s in stage.steps
        ]
        return max(needs, default=1)

    @property
    def fed_rows(self) -> Rows | None:
        """The input that the caller feeds by rows."""
        fed = self.stages[0].fed if self.stages else -1
        return self.tensors[fed] if fed >= 0 else None

    @property
    def fed_passes(self) -> int:
        """How often the caller feeds the whole input."""
        return sum(stage.fed >= 0 for stage in self.stages)


def scratch(graph: Graph, op: Op) -> tuple[int, ...]:
    """The scratch buffers that an operator's kernel needs when it runs as a layer, in bytes: for `plan_layer`.

    Raises:
        UnsupportedOpError: the operator has no kernel.
    """
    size_bytes = lower(graph, next(i for i, other in enumerate(graph.ops) if other is op)).scratch_bytes
    return (size_bytes,) if size_bytes else ()


def build_program(schedule: Schedule, family: str = PORTABLE, *, scratch_behind: bool = False) -> Program:
    """Lower every operator of a Schedule and give each operand its place.

    Args:
        schedule: Schedule.
        family: str. The kernels: "portable", "arm_dsp", "arm_mve" or "riscv" (`family_of` tells).
        scratch_behind: bool. Whether scratch lies behind the arena although there may be room in it.

    Raises:
        UnsupportedOpError: for the first operator that has no kernel; nothing is built then.
    """
    places = _Places(schedule, family)
    stages = []
    fed = set()
    for number, stage in enumerate(schedule.stages):
        if stage.plan is None:
            built = [_layer(places, number, stage)]
        else:
            passes = stage.plan.passes if isinstance(stage.plan, PatchPlan) else (stage.plan,)
            built = [_stream(places, plan) for plan in passes]
            fed |= {plan.fed for plan in passes}
        taken = [(0, schedule.arena_bytes)] if scratch_behind else taken_spans(schedule, number)
        stages += [_with_scratch(b, taken) for b in built if b.steps]
    graph = schedule.graph
    inputs = tuple(-1 if i in fed else schedule.offsets[i] for i in graph.inputs)
    outputs = tuple(places.output_offset(i) for i in graph.outputs)
    return Program(
        graph,
        tuple(places.tensors),
        tuple(stages),
        schedule.arena_bytes,
        inputs,
        outputs,
        waiting_state(
            graph, inputs, outputs
        ),  # rows are fed to models with one input only: to none with state
    )


def _with_scratch(stage: ProgramStage, taken: Sequence[Span]) -> ProgramStage:
    """The stage whose scratch has a place; its steps share it, since they run one at a time."""
    placed = (
        replace(s, scratch_offset=first_free(taken, s.scratch_bytes)) if s.scratch_bytes else s
        for s in stage.steps
    )
    return replace(stage, steps=tuple(placed))


class _Places:
    """Numbers the places of operands as they come up."""

    def __init__(self, schedule: Schedule, family: str) -> None:
        self.schedule = schedule
        self.family = family
        self.graph = schedule.graph
        self.tensors: dict[Rows, int] = {}
        self.scratch = {b.first_step: b.offset for b in schedule.buffers if b.tensor < 0}

    @cached_property
    def folded(self) -> Graph:
        """The graph in which every operator reads what lies before a folded padding or behind another name."""
        ops = list(self.graph.ops)
        for index, node in self.nodes.items():
            computed = [t for t in ops[index].inputs if t >= 0 and not self.graph.tensors[t].is_constant]
            real = dict(zip(dict.fromkeys(computed), node.inputs, strict=True))
            ops[index] = replace(ops[index], inputs=tuple(real.get(t, t) for t in ops[index].inputs))
        return self.graph.with_ops(ops)

    def folded_call(self, index: int, *, as_sum: bool = False) -> Call:
        """An operator as its node sees it: with the padding before it in its window."""
        windows = self.nodes[index].windows
        if as_sum:
            return lower_sum(self.folded, index, windows[0])
        is_padded = self.graph.ops[index].type in _PADDED
        return lower(self.folded, index, windows[0] if is_padded else None, checked=self.graph)

    @cached_property
    def nodes(self) -> dict[int, RowNode]:
        """Operator index -> the node that it computes, with paddings folded."""
        return {node.op: node for node in row_graph(self.graph).nodes}

    def has(self, tensor: int) -> bool:
        """Whether a tensor has a place of its own."""
        return tensor in self.schedule.offsets

    def is_folded(self, op: Op) -> bool:
        """Whether an operand has no place because the operator before it vanished."""
        computed = [t for t in op.inputs if t >= 0 and not self.graph.tensors[t].is_constant]
        return not all(self.has(t) for t in computed)

    def is_a_name(self, index: int) -> bool:
        """Whether an operator only names again what has no place under its first name."""
        return self.is_folded(self.graph.ops[index]) and index not in self.nodes

    def number(self, rows: Rows) -> int:
        return self.tensors.setdefault(rows, len(self.tensors))

    def whole(self, view: View) -> int:
        """A whole map, or a constant."""
        is_constant = self.graph.tensors[view.tensor].is_constant
        offset = 0 if is_constant else self.schedule.offsets[view.tensor]
        height = view.height
        pitch = 0 if view.is_repeated else view.row_bytes
        return self.number(Rows(view.tensor, offset, pitch, height, height, is_constant=is_constant))

    def stored(self, storage: RowStorage) -> int:
        """Rows as a stage holds them."""
        phase, height = storage.phase % storage.slots, storage.end_row
        if storage.row_offsets:
            # The engine counts rows as those of the whole tensor: what lies before the first is never looked up.
            listed = (storage.row_offsets[0],) * storage.first_row + storage.row_offsets
            rows = Rows(storage.tensor, 0, storage.row_bytes, height, height, row_offsets=listed)
        else:
            rows = Rows(
                storage.tensor, storage.offset, storage.pitch_bytes, height, storage.slots,
                storage.step, phase,
            )  # fmt: skip
        return self.number(rows)

    def specialised(self, call: Call, *, is_layer: bool, overlaps: bool = False) -> Call:
        """The family's call; most may read a few bytes behind their inputs, so these must lie in the arena."""
        has_constant = any(self.graph.tensors[v.tensor].is_constant for v in call.inputs)
        if has_constant and not reads_constants(call, self.family):
            return call
        return specialised(call, self.family, is_layer=is_layer, overlaps=overlaps)

    def output_offset(self, tensor: int) -> int:
        if tensor not in self.schedule.offsets:
            name = self.graph.tensors[tensor].name
            raise UnsupportedOpError(f"output {name!r} is a constant: there is nothing to compute")
        return self.schedule.offsets[tensor]


def _layer(places: _Places, number: int, stage: Stage) -> ProgramStage:
    """Operators executed whole, one after the other."""
    calls = []
    for index in stage.ops:
        op = places.graph.ops[index]
        if not any(places.has(t) for t in op.outputs) or places.is_a_name(index):
            continue  # A padding or another name for a tensor, which the operator that reads it takes over.
        call = places.folded_call(index) if places.is_folded(op) else lower(places.graph, index)
        if not (call.is_copy and _is_in_place(call, places.schedule)):
            calls.append((index, call))
    steps = []
    for index, call in calls:
        scratch, scratch_bytes = places.scratch.get(number, 0), 0
        overlaps = _is_overlapping(call, places.schedule)
        special = places.specialised(call, is_layer=len(calls) == 1, overlaps=overlaps)
        if special is not call:
            call, scratch, scratch_bytes = special, 0, special.scratch_bytes
        operands = tuple(places.whole(view) for view in (*call.inputs, *call.outputs))
        columns = (0, call.width, 0)
        steps.append(Step(index, call, operands, scratch, columns=columns, scratch_bytes=scratch_bytes))
    return ProgramStage(tuple(steps))


def _stream(places: _Places, plan: StreamPlan) -> ProgramStage:
    """Operators through which rows flow."""
    alone = _in_place_layer(places, plan)
    if alone is not None:
        return ProgramStage((alone,))
    places_of = {s.tensor: places.stored(s) for s in plan.storages}
    steps = []
    for operator in plan.operators:
        call = places.folded_call(operator.op, as_sum=operator.accumulator >= 0)
        scratch, scratch_bytes = max(operator.accumulator, 0), 0
        special = places.specialised(call, is_layer=False)
        if special.is_sum:
            call = special
        elif special is not call:
            call, scratch, scratch_bytes = special, 0, special.scratch_bytes
        elif operator.in_place and call.in_place_scratch_bytes:
            scratch_bytes = call.in_place_scratch_bytes
        computed = [v.tensor for v in call.inputs if not places.graph.tensors[v.tensor].is_constant]
        assert set(computed) == set(operator.inputs), (operator, computed)
        # A gate is whole before the stage begins; its one row counts as every row.
        operands = [
            places_of[v.tensor] if v.tensor in places_of and not v.is_repeated else places.whole(v)
            for v in call.inputs
        ]
        hold = places_of[operator.hold] if operator.hold >= 0 else -1
        columns, shifts = _columns(places.graph, operator, call, plan)
        operands.append(places_of[operator.output])
        first_row = 0 if call.is_sum else plan.storage_of[operator.output].first_row
        places_of_step = (tuple(operands), scratch, hold, columns, shifts, first_row, scratch_bytes)
        steps.append(Step(operator.op, call, *places_of_step))
    if plan.fed < 0:
        return ProgramStage(tuple(steps))
    fed = plan.storage_of[plan.fed]
    skip = fed.first_column * _pixel_bytes(places.graph, plan.fed)
    return ProgramStage(tuple(steps), places_of[plan.fed], skip, fed.row_bytes)


def _in_place_layer(places: _Places, plan: StreamPlan) -> Step | None:
    """A stage of one operator as a layer, where that is what it is or the family can write over its input."""
    operator = plan.operators[0]
    is_alone = len(plan.operators) == 1 and len(operator.inputs) == 1 and operator.accumulator < 0
    if not is_alone or plan.fed >= 0:
        return None
    source, target = plan.storage_of[operator.inputs[0]], plan.storage_of[operator.output]
    for storage, role in ((source, "input"), (target, "output")):
        is_dense = storage.slots == storage.height and storage.pitch_bytes == storage.row_bytes
        if storage.role != role or storage.row_offsets or storage.columns or not is_dense:
            return None
    call = places.folded_call(operator.op)
    if len(call.inputs) != 1 or (source.step, source.phase, target.step, target.phase) != (1, 0, 1, 0):
        return None
    ahead_bytes = source.offset - target.offset
    if ahead_bytes >= target.height * target.row_bytes or -ahead_bytes >= source.height * source.row_bytes:
        found = places.specialised(call, is_layer=True)
        special = found if found is not call else None
    else:
        special = specialised_in_place(call, places.family, ahead_bytes)
    if special is None:
        return None
    views = (*special.inputs, *special.outputs)
    if any(
        places.schedule.offsets[v.tensor] != s.offset for v, s in zip(views, (source, target), strict=True)
    ):
        return None
    operands, columns = tuple(places.whole(v) for v in views), (0, special.width, 0)
    scratch_bytes = special.scratch_bytes
    return Step(operator.op, special, operands, columns=columns, scratch_bytes=scratch_bytes)


#: Operators that read other columns than they write; the others take the same columns of every operand.
_WINDOWED = ("AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "PAD", "PADV2")


def _columns(
    graph: Graph, operator: RowOperator, call: Call, plan: StreamPlan
) -> tuple[tuple[int, int, int], tuple[int, ...]]:
    """The columns of a step, and what each operand's rows must be shifted by to begin there."""
    output = plan.storage_of[operator.output]
    if not output.columns:
        return (0, call.width, 0), ()
    first, last = output.first_column, output.first_column + output.columns
    held = [_held_from(plan, v.tensor) for v in call.inputs]
    is_windowed = graph.ops[operator.op].type in _WINDOWED
    shifts = [
        0 if is_windowed or v.is_repeated else (first - begin) * _pixel_bytes(graph, v.tensor)
        for v, begin in zip(call.inputs, held, strict=True)
    ]
    shifts.append((first - _held_from(plan, operator.output)) * _pixel_bytes(graph, operator.output))
    return (first, last, held[0] if is_windowed else first), tuple(shifts) if any(shifts) else ()


def _held_from(plan: StreamPlan, tensor: int) -> int:
    """The column at which a tensor's rows begin in a pass: whole maps and constants have every column."""
    storage = plan.storage_of.get(tensor)
    return storage.first_column if storage and storage.role in ("inner", "fed") else 0


def _pixel_bytes(graph: Graph, tensor: int) -> int:
    shape = graph.tensors[tensor].shape
    return graph.tensors[tensor].size_bytes // (shape[1] * shape[2])


def _is_in_place(call: Call, schedule: Schedule) -> bool:
    """Whether a copy's only input lies where its only output will."""
    source, target = call.inputs[0].tensor, call.outputs[0].tensor
    is_constant = schedule.graph.tensors[source].is_constant
    return not is_constant and schedule.offsets[source] == schedule.offsets[target]


def _is_overlapping(call: Call, schedule: Schedule) -> bool:
    """Whether the output takes bytes of an input."""
    first = schedule.offsets[call.outputs[0].tensor]
    end = first + schedule.graph.tensors[call.outputs[0].tensor].size_bytes
    begins = {v.tensor: schedule.offsets[v.tensor] for v in call.inputs if v.tensor in schedule.offsets}
    return any(b < end and first < b + schedule.graph.tensors[t].size_bytes for t, b in begins.items())
