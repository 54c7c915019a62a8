"""A Schedule as the engine's tables: kernel calls with every tensor's place in memory, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from tflm_mcunet.codegen.call import Call, View
from tflm_mcunet.codegen.lower import lower
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.schedule import Schedule


@dataclass(frozen=True)
class Rows:
    """Where the rows of a tensor lie: `Rows` of `engine/program.h`.

    Args:
        tensor: int. Index in the graph.
        offset: int. In the arena, or 0 in a constant.
        row_bytes, height: int.
        ring: int. Rows held.
        is_constant: bool. The rows lie in flash.
    """

    tensor: int
    offset: int
    row_bytes: int
    height: int
    ring: int
    is_constant: bool


@dataclass(frozen=True, eq=False)
class Step:
    """A kernel call of a stage with its operands' places.

    Args:
        op: int. Operator index in the graph.
        call: Call.
        tensors: tuple of int. Indices into Program.tensors: the inputs, then the outputs.
        scratch_offset: int. In the arena.
    """

    op: int
    call: Call
    tensors: tuple[int, ...]
    scratch_offset: int = 0


@dataclass(frozen=True, eq=False)
class Program:
    """What the engine runs.

    Args:
        graph: Graph.
        tensors: tuple of Rows.
        stages: tuple of tuples of Step.
        arena_bytes: int.
        input_offsets, output_offsets: tuple of int. In the arena, in the graph's order.
    """

    graph: Graph
    tensors: tuple[Rows, ...]
    stages: tuple[tuple[Step, ...], ...]
    arena_bytes: int
    input_offsets: tuple[int, ...]
    output_offsets: tuple[int, ...]

    @property
    def window_rows(self) -> int:
        """Row pointers that the largest operator needs at once."""
        needs = [
            len(s.call.inputs) * (1 if s.call.whole else s.call.window.kernel_h)
            for stage in self.stages
            for s in stage
        ]
        return max(needs, default=1)


def scratch_bytes(graph: Graph) -> list[int]:
    """The scratch that each operator's kernel needs, in bytes: what a Schedule has to place.

    Raises:
        UnsupportedOpError: for the first operator that has no kernel.
    """
    return [lower(graph, i).scratch_bytes for i in range(len(graph.ops))]


def build_program(schedule: Schedule) -> Program:
    """Lower every operator of a Schedule and give each operand its place.

    Raises:
        UnsupportedOpError: for the first operator that has no kernel; nothing is built then.
    """
    graph, offsets = schedule.graph, schedule.offsets
    tensors: dict[Rows, int] = {}

    def place(view: View) -> int:
        is_constant = graph.tensors[view.tensor].is_constant
        offset = 0 if is_constant else offsets[view.tensor]
        rows = Rows(view.tensor, offset, view.row_bytes, view.height, view.height, is_constant)
        return tensors.setdefault(rows, len(tensors))

    scratch = {b.first_step: b.offset for b in schedule.buffers if b.tensor < 0}
    stages = []
    for number, stage in enumerate(schedule.stages):
        steps = []
        for index in stage.ops:
            call = lower(graph, index)
            if call.is_copy and _is_in_place(call, schedule):
                continue
            operands = tuple(place(view) for view in (*call.inputs, *call.outputs))
            steps.append(Step(index, call, operands, scratch.get(number, 0)))
        if steps:
            stages.append(tuple(steps))
    return Program(
        graph,
        tuple(tensors),
        tuple(stages),
        schedule.arena_bytes,
        tuple(offsets[i] for i in graph.inputs),
        tuple(offsets[i] for i in graph.outputs),
    )


def _is_in_place(call: Call, schedule: Schedule) -> bool:
    """Whether a copy's only input lies where its only output will."""
    source, target = call.inputs[0].tensor, call.outputs[0].tensor
    is_constant = schedule.graph.tensors[source].is_constant
    return not is_constant and schedule.offsets[source] == schedule.offsets[target]
