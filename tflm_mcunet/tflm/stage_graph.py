"""A Schedule as a `.tflite` for TFLite Micro: stages through which rows flow are custom operators.

Every place of a Schedule is an offset in one arena, and TFLite Micro's offline plan takes offsets that overlap. So the
maps between operators lie where the Schedule says, and each custom operator has one more output, its workspace, from
the beginning of the arena to the last byte that its stages touch. Stages that follow each other are one operator. What
runs as a layer stays a stock operator. With the kernels of a core's family only what these do not compute does: layers
beside streams join their operator, and all run as in the C++ program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tflm_mcunet.codegen.family import PORTABLE
from tflm_mcunet.codegen.lower import lower
from tflm_mcunet.codegen.program import Program, build_program
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import Graph, Op, Tensor
from tflm_mcunet.schedule.rows import row_graph
from tflm_mcunet.schedule.schedule import Buffer, Schedule, Stage
from tflm_mcunet.schedule.stream import StreamPlan
from tflm_mcunet.tflite import prune, without_metadata
from tflm_mcunet.tflm.in_place import in_place_operands
from tflm_mcunet.tflm.offline_plan import METADATA_NAME, with_offline_plan
from tflm_mcunet.tflm.stage_check import require_apart
from tflm_mcunet.tflm.stage_kernels import stage_kernels
from tflm_mcunet.tflm.stage_op import STAGE, PackedStage, Run, Tables, pack_stage

#: Operators that give their operand another name, which TFLite Micro does without a copy where both lie at one place.
_NAMES = ("EXPAND_DIMS", "RESHAPE", "SQUEEZE")


def has_stages(graph: Graph) -> bool:
    """Whether a graph holds stages as custom operators."""
    return any(op.type == "CUSTOM" and op.custom_code == STAGE for op in graph.ops)


def is_fed(schedule: Schedule) -> bool:
    """Whether the caller feeds the input's rows, so that no buffer holds it."""
    return any(plan.fed >= 0 for stage in schedule.stages for plan in _passes(stage))


def stage_graph(schedule: Schedule, family: str = PORTABLE) -> Graph:
    """The graph in which stages with a plan are operators, with the Schedule as its offline plan.

    Args:
        schedule: Schedule. Its input resident.
        family: str. Whose kernels the stages name, as for `build_program`; weights are packed for them.

    Returns:
        Graph. For TFLite Micro with the operator of `tflm_mcunet/tflm_ops.h`; outputs as the Schedule's own graph.

    Raises:
        UnsupportedOpError: the Schedule has no such form, and why.
    """
    graph = schedule.graph
    _require(schedule)
    builder = _Builder(schedule, family)
    for number in range(len(schedule.stages)):
        builder.add(number)
    for t in graph.outputs:
        builder.name(t)
    offsets = {t: o for t, o in builder.offsets.items() if not builder.tensors[t].is_constant}
    misplaced = [t for t, o in offsets.items() if o % 16]
    if misplaced:
        raise UnsupportedOpError(f"tensor {misplaced[0]} does not lie at a multiple of 16")
    tensors = list(builder.tensors)
    data = builder.tables.data or bytes(4)
    tensors[builder.tables.tensor] = Tensor("tflm_mcunet/tables", (len(data) // 4,), "int32", data=data)
    staged = replace(graph, tensors=tuple(tensors), ops=tuple(builder.ops))
    require_apart(staged, offsets, frozenset(builder.workspaces))
    return prune(with_offline_plan(without_metadata(staged, METADATA_NAME), offsets))


def _require(schedule: Schedule) -> None:
    """Refuse what has no form in TFLite Micro."""
    graph = schedule.graph
    if is_fed(schedule):
        raise UnsupportedOpError("TFLite Micro holds the whole input: rows cannot be fed to it")
    for tensor in graph.tensors:
        if tensor.is_variable:
            raise UnsupportedOpError(f"variable {tensor.name!r} cannot lie in an arena that stages share")


class _Builder:
    """Puts together the operators of the new graph, stage by stage."""

    def __init__(self, schedule: Schedule, family: str) -> None:
        self.schedule = schedule
        self.family = family
        self.graph = schedule.graph
        self.rows = row_graph(self.graph)
        self.tables = Tables(len(self.graph.tensors))
        self.tensors: list[Tensor] = [*self.graph.tensors, Tensor("tflm_mcunet/tables", (1,), "int32")]
        self.offsets: dict[int, int] = dict(schedule.offsets)
        self.ops: list[Op] = []
        self.workspaces: list[int] = []
        self.made = {*self.graph.inputs}
        self.needed = {*self.graph.outputs, *self.graph.consumers()}
        self.groups = self._groups()
        self.packed = self._packed()

    def _groups(self) -> list[list[int]]:
        """The positions of the stages that are one operator each, with at least one that stock kernels cannot run."""
        groups: list[list[int]] = [[]]
        wanted = set()
        for i, stage in enumerate(self.schedule.stages):
            if stage.plan is not None or not self._is_stock(stage):
                wanted.add(i)
            elif not self._joins(stage):
                groups.append([])
                continue
            groups[-1].append(i)
        return [group for group in groups if wanted.intersection(group)]

    def _packed(self) -> Mapping[int, PackedStage | None]:
        """Position of a stage -> its operator; None for those that came with one before."""
        schedule = self.schedule
        taken = {i for group in self.groups for i in group}
        kept = [s if i in taken else replace(s, ops=(), plan=None) for i, s in enumerate(schedule.stages)]
        # An input that nothing reads has no place in a Schedule; here the runtime gives it one.
        unread = [t for t in self.graph.inputs if t not in schedule.offsets]
        buffers = (*schedule.buffers, *(Buffer(t, 0, 0, 0, 0) for t in unread))
        kept_schedule = replace(schedule, stages=tuple(kept), buffers=buffers)
        program = build_program(kept_schedule, self.family, scratch_behind=True)
        runs = _runs_by_stage(program, schedule)
        stock = {t for i, s in enumerate(schedule.stages) if i not in taken for t in self._read_by(s)}
        needed = stock | {self.rows.alias.get(t, t) for t in self.graph.outputs}
        found: dict[int, PackedStage | None] = {}
        for group in self.groups:
            own = [run for i in group for run in runs.get(i, ())]
            read = _read(program, [run for i in runs if i not in group for run in runs[i]])
            packed = pack_stage(
                self.graph, own, program.tensors, schedule.offsets, needed | read, self.tables
            )
            found |= {group[0]: packed, **dict.fromkeys(group[1:])}
        return found

    def _read_by(self, stage: Stage) -> set[int]:
        """The tensors that stock operators read, under the names that have a place."""
        read = {t for i in stage.ops for t in self.graph.ops[i].inputs if t >= 0}
        return read | {self.rows.alias[t] for t in read if t in self.rows.alias}

    def _joins(self, stage: Stage) -> bool:
        """Whether a layer that stock kernels can run is computed by the stages' operator beside it."""
        ops = [i for i in stage.ops if not self._is_name(self.graph.ops[i])]
        return not ops or (self.family != PORTABLE and all(self._is_ours(i) for i in ops))

    def _is_ours(self, index: int) -> bool:
        try:
            call = lower(self.graph, index)
        except UnsupportedOpError:
            return False
        return not call.whole and call.batch == 1 and call.kernel in stage_kernels()

    def _is_stock(self, stage: Stage) -> bool:
        """Whether TFLite Micro's own kernels can run a layer where the Schedule placed its maps."""
        for index in stage.ops:
            op = self.graph.ops[index]
            if self._is_name(op):
                continue
            if not all(t < 0 or self._has_place(t) for t in (*op.inputs, *op.outputs)):
                return False
            if not self._is_apart(op):
                return False
        return True

    def _is_name(self, op: Op) -> bool:
        return op.type in _NAMES and bool(op.outputs) and op.outputs[0] in self.rows.alias

    def _has_place(self, tensor: int) -> bool:
        """Whether a stock kernel finds a tensor: what nothing reads is placed by the runtime."""
        is_needed = tensor in self.needed and not self.graph.tensors[tensor].is_constant
        return not is_needed or self._place(tensor) is not None

    def _place(self, tensor: int) -> int | None:
        return self.offsets.get(tensor, self.offsets.get(self.rows.alias.get(tensor, tensor)))

    def _is_apart(self, op: Op) -> bool:
        """Whether no output lies over an operand, but where TFLite Micro's kernel allows that."""
        allowed = [op.inputs[p] for p in in_place_operands(self.graph, op)]
        for output in op.outputs:
            start = self._place(output)
            for operand in op.inputs:
                if start is None or operand < 0 or self.graph.tensors[operand].is_constant:
                    continue
                other = self._place(operand)
                assert other is not None
                size, length = (self.graph.tensors[t].size_bytes for t in (output, operand))
                is_over = start < other + length and other < start + size
                if is_over and not (operand in allowed and start == other):
                    return False
        return True

    def add(self, number: int) -> None:
        """Add the operators of a stage."""
        if number in self.packed:
            packed = self.packed[number]
            if packed is not None:
                self._add_packed(packed)
            return
        stage = self.schedule.stages[number]
        for index in stage.ops:
            op = self.graph.ops[index]
            if self._is_name(op):
                continue  # Added before the operator that reads it, if any does.
            for t in op.inputs:
                self.name(t)
            self.ops.append(op)
            self.made.update(op.outputs)

    def _add_packed(self, packed: PackedStage) -> None:
        workspace = len(self.tensors)
        name = f"tflm_mcunet/workspace_{len(self.workspaces)}"
        self.tensors.append(Tensor(name, (packed.workspace_bytes,), "int8"))
        self.offsets[workspace] = 0
        self.workspaces.append(workspace)
        inputs, outputs = (*packed.inputs, *packed.constants), (*packed.outputs, workspace)
        self.ops.append(Op("CUSTOM", inputs, outputs, custom_code=STAGE, custom_options=packed.options))
        self.made.update(packed.outputs)

    def name(self, tensor: int) -> None:
        """Make sure that a tensor is there which is another name for one that is."""
        if tensor < 0 or tensor in self.made or tensor not in self.rows.alias:
            return
        maker = self.graph.ops[self.graph.producers()[tensor]]
        if maker.type not in _NAMES:
            raise UnsupportedOpError(f"TFLite Micro has no {maker.type} that moves nothing")
        self.name(maker.inputs[0])
        self.ops.append(maker)
        self.offsets.setdefault(tensor, self.offsets[self.rows.alias[tensor]])
        self.made.add(tensor)


def _runs_by_stage(program: Program, schedule: Schedule) -> dict[int, list[Run]]:
    """Position of a stage in the Schedule -> what the engine runs of it, one after the other."""
    stage_of = {op: i for i, stage in enumerate(schedule.stages) for op in stage.ops}
    found: dict[int, list[Run]] = {}
    for built in program.stages:
        number = stage_of[built.steps[0].op]
        runs = found.setdefault(number, [])
        passes = _passes(schedule.stages[number])
        held = {s.tensor: s.row_bytes for s in passes[len(runs)].storages} if passes else {}
        runs.append(Run(built.steps, held, schedule.stages[number].peak_bytes))
    return found


def _read(program: Program, runs: Sequence[Run]) -> set[int]:
    """The tensors of the graph that runs read."""
    return {program.tensors[t].tensor for run in runs for step in run.steps for t in step.tensors[:-1]}


def _passes(stage: Stage) -> tuple[StreamPlan, ...]:
    if stage.plan is None:
        return ()
    return (stage.plan,) if isinstance(stage.plan, StreamPlan) else stage.plan.passes
