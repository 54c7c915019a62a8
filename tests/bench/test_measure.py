"""A measurement attributes every executed instruction once, to the operator that executes it."""

from __future__ import annotations

import numpy as np
import pytest

from tflm_mcunet.bench.measure import Measurement, by_class
from tflm_mcunet.bench.models import BUILT
from tflm_mcunet.bench.suite import drawn_input, run_suite
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen.emit import emit, write
from tflm_mcunet.codegen.family import family_of
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.convert import convert
from tflm_mcunet.deploy.run import run_program
from tflm_mcunet.errors import ToolError, UsageError
from tflm_mcunet.graph import Graph

BOARDS = ("qemu:cortex-m4", "qemu:cortex-m7", "qemu:cortex-m55", "qemu:rv32")


def measured(graph: Graph, on: str, schedule: str = "layer", input: str = "resident") -> Measurement:
    return run_suite([("net", graph)], boards=[on], schedules=[schedule], input=input)[0]


def dense(units: list[int]) -> Graph:
    """Fully connected layers; the weights of each do not depend on how many follow."""
    b = GraphBuilder(3)
    x = b.input((1, 64), scale=0.05, zero_point=3)
    for n in units:
        x = b.fully_connected(x, n, scale=0.05, zero_point=-5)
    return b.finish([x])


@pytest.mark.parametrize("on", BOARDS)
@pytest.mark.parametrize(
    "schedule, input", [("layer", "resident"), ("stream", "resident"), ("stream", "rows")]
)
def test_every_instruction_is_some_kernels_or_the_engines(on: str, schedule: str, input: str) -> None:
    m = measured(BUILT["built_bottlenecks"](), on, schedule, input)
    attributed = sum(op.instructions for op in m.ops) + m.engine_instructions
    fed = 8 * 32 if input == "rows" else 0  # the harness's own, a few for each row that it passes
    assert m.instructions - fed <= attributed <= m.instructions
    assert all(op.instructions > 0 for op in m.ops)
    # The driver is the larger a part, the faster the kernels and the narrower the rows.
    assert 0 < m.engine_instructions < 0.3 * m.instructions
    assert sum(c.instructions for c in by_class([m])) == sum(op.instructions for op in m.ops)


@pytest.mark.parametrize("on", BOARDS)
def test_a_program_prepares_in_less_than_2_percent_of_a_small_inference(on: str) -> None:
    """All that kernels read is a constant, so there is next to nothing to prepare."""
    m = measured(dense([48, 32]), on)
    assert 0 < m.init_instructions < 0.02 * m.instructions


@pytest.mark.parametrize("on", BOARDS)
def test_an_operator_counts_what_it_counts_alone(on: str) -> None:
    """The first layer of two executes what a network of that layer executes, and so what remains is the second's."""
    one, two = measured(dense([48]), on), measured(dense([48, 32]), on)
    assert one.ops[0].instructions == two.ops[0].instructions
    assert two.ops[1].instructions == (two.instructions - two.engine_instructions) - one.ops[0].instructions


def test_profiling_changes_no_count_and_no_output(tmp_path) -> None:
    conversion = convert(BUILT["built_residual"](), schedule="stream")
    program = build_program(conversion.schedule, family_of(BOARDS[0]))
    write(emit(program), tmp_path)
    x = drawn_input(conversion.graph.tensors[conversion.graph.inputs[0]])
    steps = sum(len(stage.steps) for stage in program.stages)
    plain = run_program(tmp_path, [[x]], on=BOARDS[0])
    profiled = run_program(tmp_path, [[x]], on=BOARDS[0], profiled_ops=steps)
    assert plain.profile is None
    assert profiled.instructions == plain.instructions
    assert profiled.outputs == plain.outputs
    assert profiled.stack_bytes == plain.stack_bytes


def test_only_emulated_boards_are_profiled(tmp_path) -> None:
    conversion = convert(dense([8]), schedule="layer")
    write(emit(build_program(conversion.schedule)), tmp_path)
    with pytest.raises(UsageError, match="emulated"):
        run_program(tmp_path, [[np.zeros((1, 64), np.int8)]], on="host", profiled_ops=1)


def test_a_table_that_is_not_there_is_an_error(tmp_path) -> None:
    from deploy_programs import write_program

    folder = write_program(tmp_path)
    with pytest.raises(ToolError, match="table of operators"):
        run_program(folder, [[np.zeros(16, np.uint8)]], on=BOARDS[0], profiled_ops=3)


def test_cycles_are_modelled_where_the_manual_gives_them_and_absent_elsewhere() -> None:
    m4, m7 = measured(dense([8]), BOARDS[0]), measured(dense([8]), BOARDS[1])
    assert m4.cycles is not None
    assert m4.instructions < m4.cycles.total < 4 * m4.instructions
    assert m7.cycles is None
    assert m7.to_dict()["modelled_cycles"] is None
