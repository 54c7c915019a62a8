"""Depthwise and 1x1 layers write over their own input, and give the portable kernels' bytes."""

from __future__ import annotations

import shutil
from dataclasses import replace

import drawn_dsp
import pytest

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen.family import specialised_in_place
from tflm_mcunet.codegen.in_place import are_bands_in_place, is_pointwise_in_place
from tflm_mcunet.codegen.lower import lower
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.convert import convert
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.rows import row_graph
from tflm_mcunet.schedule.schedule import Schedule
from tflm_mcunet.schedule.stream import RowOperator, RowStorage, StreamPlan

needs_board = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-g++")),
    reason="needs qemu-system-arm and arm-none-eabi-g++",
)

#: (height, width, channels, kernel, stride, the kernel that takes it); the layer before and after need less.
SHAPES = [
    (9, 12, 24, 3, 1, "depthwise_3x3_rolling_dsp_row"),
    (11, 11, 21, 3, 2, "depthwise_3x3_dsp_row"),
    (15, 5, 24, 3, 1, "depthwise_3x3_rolling_dsp_columns"),
    (9, 17, 16, 5, 1, "depthwise_conv_2d_dsp_row"),
    (9, 29, 16, 5, 1, "depthwise_packed_dsp_row"),
    (12, 34, 16, 7, 2, "depthwise_packed_dsp_row"),
    (5, 6, 48, 5, 1, "depthwise_conv_2d_dsp_row"),
]


def between_small_layers(
    height: int,
    width: int,
    channels: int,
    kernel: int,
    stride: int,
    activation: str = "RELU6",
    scale: float | None = None,
) -> Graph:
    b = GraphBuilder(height)
    x = b.conv_2d(b.input((1, height, width, 4)), channels, zero_point=-11)
    x = b.depthwise_conv_2d(
        x, (kernel, kernel), stride=(stride, stride), activation=activation, scale=scale, zero_point=-128
    )
    return b.finish([b.conv_2d(x, 2)])


def overlapping(schedule: Schedule, family: str) -> list[str]:
    """The kernels whose output shares bytes with their input."""
    program = build_program(schedule, family)
    found = []
    for step in (s for stage in program.stages for s in stage.steps):
        (a, b), views = (program.tensors[t] for t in step.tensors), (*step.call.inputs, *step.call.outputs)
        sizes = [v.height * v.row_bytes for v in views]
        if a.offset < b.offset + sizes[1] and b.offset < a.offset + sizes[0]:
            found.append(step.call.kernel)
    return found


@needs_board
def test_depthwise_layers_write_over_their_input() -> None:
    graphs = [(between_small_layers(*shape), kernel) for *shape, kernel in SHAPES]
    graphs.append((between_small_layers(3, 3, 16, 3, 1, "RELU"), "depthwise_3x3_dsp_map"))
    graphs.append((between_small_layers(6, 6, 48, 7, 1, "RELU"), "depthwise_map_dsp"))
    strided = between_small_layers(13, 15, 48, 3, 2, "RELU", scale=0.3)
    graphs.append((strided, "depthwise_3x3_stride_2_dsp_row"))
    graphs.append(
        (between_small_layers(19, 19, 48, 7, 2, "RELU"), "depthwise_map_dsp")
    )  # two channels at a time
    for graph, kernel in graphs:
        schedule = convert(graph, schedule="in_place").schedule
        assert kernel in overlapping(schedule, "arm_dsp"), kernel
        drawn_dsp.assert_family_agrees(schedule, "arm_dsp", "qemu:cortex-m4")


#: (height, width, channels, kernel, stride): lines that are rows and columns, groups of channels, strides.
MVE_SHAPES = [(9, 12, 24, 3, 1), (11, 11, 16, 3, 2), (25, 5, 72, 3, 1), (15, 9, 96, 5, 1), (12, 34, 48, 7, 2)]


@needs_board
def test_depthwise_layers_write_over_their_input_on_the_cortex_m55() -> None:
    by_row = []
    for shape in MVE_SHAPES:
        schedule = convert(between_small_layers(*shape), schedule="in_place").schedule
        assert "depthwise_conv_2d_mve_map" in overlapping(schedule, "arm_mve"), shape
        steps = [s for stage in build_program(schedule, "arm_mve").stages for s in stage.steps]
        fields = next(s.call.params.fields for s in steps if s.call.kernel == "depthwise_conv_2d_mve_map")
        by_row.append(fields["input_lines"] == shape[0])
        drawn_dsp.assert_family_agrees(schedule, "arm_mve", "qemu:cortex-m55")
    assert set(by_row) == {True, False}


#: (height, width, channels, kernel, stride), and the rows of a call.
RV32_SHAPES = [
    ((9, 12, 24, 3, 1), 9),
    ((25, 5, 72, 3, 1), 25),
    ((48, 90, 8, 3, 1), 24),
    ((12, 34, 16, 7, 2), 6),
]


@needs_board
def test_depthwise_layers_write_over_their_input_on_rv32() -> None:
    for shape, rows in RV32_SHAPES:
        schedule = convert(between_small_layers(*shape), schedule="in_place").schedule
        assert any("depthwise" in kernel for kernel in overlapping(schedule, "riscv")), shape
        steps = [s for stage in build_program(schedule, "riscv").stages for s in stage.steps]
        fields = next(s.call.params.fields for s in steps if s.op == 1)
        assert fields["output_rows"] == rows, shape
        drawn_dsp.assert_family_agrees(schedule, "riscv", "qemu:rv32")


def test_a_band_of_rows_is_not_written_over_what_the_next_one_reads() -> None:
    row_bytes = 6 * 8
    call = lower(between_small_layers(12, 6, 8, 3, 1), 1)
    assert are_bands_in_place(call, 4, row_bytes)
    assert are_bands_in_place(call, 12, 0)
    assert not are_bands_in_place(call, 4, 0)
    assert not are_bands_in_place(call, 4, row_bytes + 1)
    strided = lower(between_small_layers(12, 6, 8, 3, 2), 1)
    assert are_bands_in_place(strided, 2, 0)


def as_streams(schedule: Schedule) -> Schedule:
    """Layers as stages that stream one operator from map to map."""
    graph, stages = schedule.graph, []
    for stage in schedule.stages:
        node = next(n for n in row_graph(graph).nodes if n.op == stage.ops[0])
        (source,), (target,) = node.inputs, node.outputs
        storages = []
        for tensor, role in ((source, "input"), (target, "output")):
            height, row_bytes = graph.tensors[tensor].shape[1], graph.tensors[tensor].size_bytes
            row_bytes //= height
            storages.append(
                RowStorage(tensor, height, row_bytes, schedule.offsets[tensor], row_bytes, height, role=role)
            )
        operator = RowOperator(node.op, (source,), node.windows, target)
        stages.append(replace(stage, kind="stream", plan=StreamPlan((operator,), tuple(storages))))
    return replace(schedule, stages=tuple(stages))


@pytest.mark.parametrize("family", ["arm_dsp", "arm_mve", "riscv"])
def test_a_stage_of_one_operator_whose_maps_lie_apart_is_a_layer(family: str) -> None:
    layers = drawn_dsp.layer_schedule(one_pointwise(5, 11, 21, 30))
    calls = [
        [s.call for stage in build_program(schedule, family).stages for s in stage.steps]
        for schedule in (layers, as_streams(layers))
    ]
    assert [c.outputs for c in calls[0]] == [c.outputs for c in calls[1]]
    assert calls[1][1].outputs[0].height == 1


def test_columns_are_not_written_over_others_that_are_yet_to_be_read() -> None:
    pixel_bytes, row_bytes = 72, 5 * 72
    narrow = lower(between_small_layers(25, 5, pixel_bytes, 3, 1), 1)
    for ahead_bytes, lines in ((0, 5), (2 * row_bytes, 5), (2 * row_bytes + pixel_bytes, 25)):
        found = specialised_in_place(narrow, "arm_mve", ahead_bytes)
        assert found is not None and found.params.fields["input_lines"] == lines, ahead_bytes
    for ahead_bytes in (-row_bytes, 2 * row_bytes + 1):
        assert specialised_in_place(narrow, "arm_mve", ahead_bytes) is None


#: (height, width, inputs, outputs): pixels in threes or not, pixels that stay, shrink, or have odd channels.
POINTWISE = [(9, 12, 24, 24), (25, 5, 64, 64), (7, 7, 40, 17), (5, 11, 21, 20)]


def one_pointwise(height: int, width: int, inputs: int, outputs: int) -> Graph:
    b = GraphBuilder(height)
    x = b.conv_2d(b.input((1, height, width, 4)), inputs, kernel=(3, 3), zero_point=-11)
    x = b.conv_2d(x, outputs, activation="RELU6", zero_point=-128)
    return b.finish([b.conv_2d(x, 2, kernel=(3, 3))])


@needs_board
@pytest.mark.parametrize(
    ("family", "board"),
    [("arm_dsp", "qemu:cortex-m4"), ("arm_mve", "qemu:cortex-m55"), ("riscv", "qemu:rv32")],
)
def test_1x1_layers_compute_a_whole_map_over_their_input_in_one_call(family: str, board: str) -> None:
    for shape in POINTWISE:
        schedule = convert(one_pointwise(*shape), schedule="in_place").schedule
        program = build_program(schedule, family)
        step = next(s for stage in program.stages for s in stage.steps if s.op == 1)
        source, target = (program.tensors[t] for t in step.tensors)
        assert (source.height, target.height, step.columns[1]) == (1, 1, shape[0] * shape[1]), shape
        assert target.offset <= source.offset < target.offset + target.pitch_bytes, shape
        drawn_dsp.assert_family_agrees(schedule, family, board)


def test_a_pixel_is_not_written_over_one_that_is_yet_to_be_read() -> None:
    shrinking, growing = (lower(one_pointwise(3, 4, 8, n), 1) for n in (6, 9))
    assert is_pointwise_in_place(shrinking, 0)
    assert not is_pointwise_in_place(shrinking, -1)
    assert is_pointwise_in_place(growing, 11)
    assert not is_pointwise_in_place(growing, 10)
