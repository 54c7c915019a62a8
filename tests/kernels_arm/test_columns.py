"""A part of the output columns, from input rows that begin in the middle: what patches ask of the kernels."""

from __future__ import annotations

import shutil

import drawn_dsp
import pytest
from drawn_dsp import Drawer

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen import program as programs
from tflm_mcunet.codegen.call import Call
from tflm_mcunet.codegen.family import specialised
from tflm_mcunet.graph import Graph

needs_board = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-g++")),
    reason="needs qemu-system-arm and arm-none-eabi-g++",
)


def by_rows(call: Call, family: str, *, is_layer: bool, overlaps: bool) -> Call:
    return specialised(call, family, is_layer=False, overlaps=overlaps)


@needs_board
@pytest.mark.parametrize(
    "draw",
    [
        Drawer.pointwise,
        Drawer.conv_2d,
        Drawer.depthwise_conv_2d,
        Drawer.fully_connected,
        Drawer.add,
        Drawer.product,
        Drawer.broadcast,
        Drawer.pool_2d,
        Drawer.table,
    ],
)
def test_kernels_compute_a_part_of_the_columns(draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "specialised", by_rows)
    schedule = drawn_dsp.layer_schedule(drawn_dsp.drawn_graph(draw, 5, 30))
    feed = drawn_dsp.inputs(schedule.graph)
    portable = drawn_dsp.run_parts(schedule, feed, "portable", "host")
    for on in ("host", "qemu:cortex-m4"):
        assert drawn_dsp.run_parts(schedule, feed, "arm_dsp", on) == portable


def wide_rows() -> Graph:
    """5x5 and 7x7 windows of rows as wide as the kernel of packed words takes one at a time."""
    b = GraphBuilder(8)
    outputs = []
    for kernel, stride, width, channels in (
        (5, 1, 23, 6),
        (5, 1, 48, 4),
        (7, 1, 13, 5),
        (7, 1, 40, 4),
        (7, 2, 45, 7),
    ):
        x = b.input((1, 6, width, channels), scale=0.05, zero_point=-3)
        window, strides = (kernel, kernel), (stride, stride)
        outputs.append(b.depthwise_conv_2d(x, window, stride=strides, activation="RELU", zero_point=-128))
    return b.finish(outputs)


@needs_board
def test_rows_of_packed_words_one_at_a_time_give_the_portable_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "specialised", by_rows)
    schedule = drawn_dsp.layer_schedule(wide_rows())
    steps = [s for stage in programs.build_program(schedule, "arm_dsp").stages for s in stage.steps]
    assert {s.call.kernel for s in steps} == {"depthwise_packed_dsp_row"}
    assert {s.call.params.fields["output_rows"] for s in steps} == {1}
    drawn_dsp.assert_family_agrees(schedule, "arm_dsp", "qemu:cortex-m4")
    feed = drawn_dsp.inputs(schedule.graph)
    portable = drawn_dsp.run_parts(schedule, feed, "portable", "host")
    for on in ("host", "qemu:cortex-m4"):
        assert drawn_dsp.run_parts(schedule, feed, "arm_dsp", on) == portable
