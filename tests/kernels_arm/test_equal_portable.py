"""Every kernel of the DSP family gives the portable kernel's bytes, on an emulated Cortex-M4 and in its C form."""

from __future__ import annotations

import shutil

import drawn_dsp
import pytest
from drawn_dsp import Drawer

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.convert import convert
from tflm_mcunet.deploy import compiling
from tflm_mcunet.ops import VALID

needs_board = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-g++")),
    reason="needs qemu-system-arm and arm-none-eabi-g++",
)

FAMILY, BOARD = "arm_dsp", "qemu:cortex-m4"
OPERATORS = 60


@needs_board
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("draw", "share"),
    [
        (Drawer.pointwise, 0.6),
        (Drawer.conv_2d, 0.6),
        (Drawer.depthwise_conv_2d, 0.6),
        (Drawer.fully_connected, 0.6),
        (Drawer.add, 0.9),
        (Drawer.product, 0.4),
        (Drawer.broadcast, 0.5),
        (Drawer.pool_2d, 0.9),
        (Drawer.table, 0.9),
        (Drawer.mean, 0.3),
    ],
)
def test_drawn_operators_give_the_bytes_of_the_portable_kernels(draw, share: float, seed: int) -> None:
    schedule = drawn_dsp.layer_schedule(drawn_dsp.drawn_graph(draw, seed, OPERATORS))
    assert drawn_dsp.special_share(schedule, FAMILY) >= share
    drawn_dsp.assert_family_agrees(schedule, FAMILY, BOARD)


@needs_board
def test_wide_windows_of_wide_rows_give_the_bytes_of_the_portable_kernels() -> None:
    graph = drawn_dsp.drawn_graph(Drawer.wide_depthwise_conv_2d, 3, 40)
    schedule = drawn_dsp.layer_schedule(graph)
    steps = [s for stage in build_program(schedule, FAMILY).stages for s in stage.steps]
    given = [s.call.params.fields for s in steps if s.call.kernel == "depthwise_packed_dsp_row"]
    assert len(given) >= 0.4 * len(steps)
    assert {g["core_finish"] for g in given} == {0, 1, 2} and len({g["core"] for g in given}) == 4
    drawn_dsp.assert_family_agrees(schedule, FAMILY, BOARD)


@needs_board
def test_1x1_layers_of_few_inputs_give_the_bytes_of_the_portable_kernels() -> None:
    schedule = drawn_dsp.layer_schedule(drawn_dsp.drawn_graph(Drawer.pointwise_of_few_inputs, 6, 80))
    steps = [s for stage in build_program(schedule, FAMILY).stages for s in stage.steps]
    kernels = [s.call.params.fields["dot"].expression for s in steps if "dot" in s.call.params.fields]
    assert all(sum(f"kDotWords{n}Shift" in k for k in kernels) >= 5 for n in (2, 4, 6, 7))
    drawn_dsp.assert_family_agrees(schedule, FAMILY, BOARD)


@needs_board
def test_maps_as_small_as_the_window_give_the_bytes_of_the_portable_kernels() -> None:
    graph = drawn_dsp.drawn_graph(Drawer.smallest_depthwise_conv_2d, 4, 40)
    schedule = drawn_dsp.layer_schedule(graph)
    assert drawn_dsp.kernel_share(schedule, "depthwise_3x3_dsp_map") >= 0.2
    drawn_dsp.assert_family_agrees(schedule, FAMILY, BOARD)


@needs_board
def test_3x3_windows_at_stride_2_give_the_bytes_of_the_portable_kernels() -> None:
    schedule = drawn_dsp.layer_schedule(drawn_dsp.drawn_graph(Drawer.strided_depthwise_conv_2d, 7, 80))
    for form in ("row", "columns"):
        assert drawn_dsp.kernel_share(schedule, f"depthwise_3x3_stride_2_dsp_{form}") >= 0.2
    drawn_dsp.assert_family_agrees(schedule, FAMILY, BOARD)


@needs_board
@pytest.mark.parametrize("seed", [5, 8])
def test_maps_of_few_columns_give_the_bytes_of_the_portable_kernels(seed: int) -> None:
    schedule = drawn_dsp.layer_schedule(drawn_dsp.drawn_graph(Drawer.narrow_depthwise_conv_2d, seed, 100))
    steps = [s for stage in build_program(schedule, FAMILY).stages for s in stage.steps]
    given = [s.call.params.fields for s in steps if s.call.kernel == "depthwise_map_dsp"]
    assert len(given) >= 25 and len({g["core"] for g in given}) == 14
    assert {g["channels"] % 2 for g in given if g["widened"] == 2} == {0, 1}
    drawn_dsp.assert_family_agrees(schedule, FAMILY, BOARD)


@needs_board
@pytest.mark.parametrize("kind", ["layer", "stream"])
def test_networks_give_the_same_bytes_however_they_are_scheduled(kind: str) -> None:
    for seed in (1, 2):
        conversion = convert(drawn_dsp.bottlenecks(seed), schedule=kind)
        assert any(stage.plan is not None for stage in conversion.schedule.stages) == (kind == "stream")
        drawn_dsp.assert_family_agrees(conversion.schedule, FAMILY, BOARD)


@needs_board
def test_the_assembler_stands_where_functions_are_not_aligned(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = tuple("-Os" if flag.startswith("-O") else flag for flag in compiling.COMPILE_FLAGS)
    assert "-Os" in flags
    monkeypatch.setattr(compiling, "COMPILE_FLAGS", flags)
    drawn_dsp.assert_family_agrees(
        convert(drawn_dsp.bottlenecks(3), schedule="layer").schedule, FAMILY, BOARD
    )


@needs_board
@pytest.mark.parametrize("tail", ["AVERAGE_POOL_2D", "MEAN"])
def test_sums_over_rows_are_the_portable_ones(tail: str) -> None:
    b = GraphBuilder(5)
    x = b.input((1, 20, 31, 3), zero_point=-5)
    x = b.conv_2d(x, 13, (3, 3), activation="RELU6", zero_point=-128)
    x = b.conv_2d(x, 9, (1, 1), zero_point=7)
    x = b.pool_2d(tail, x, (20, 31), padding=VALID) if tail != "MEAN" else b.mean(x, (1, 2), keep_dims=True)
    conversion = convert(b.finish([x]), schedule="stream")
    stages = build_program(conversion.schedule, FAMILY).stages
    assert any(s.call.is_sum and "arm_dsp" in s.call.source for stage in stages for s in stage.steps)
    drawn_dsp.assert_family_agrees(conversion.schedule, FAMILY, BOARD)


@needs_board
def test_layers_take_over_the_padding_before_them_as_whole_layers() -> None:
    b = GraphBuilder(4)
    outputs = []
    for kernel, stride, pads in (
        (3, 1, (1, 1)),
        (3, 2, (0, 1)),
        (5, 2, (2, 2)),
        (7, 1, (3, 3)),
        (7, 2, (2, 3)),
    ):
        x = b.conv_2d(b.input((1, 11, 9, 4)), 12, activation="RELU6", zero_point=-128)
        x = b.pad(x, [(0, 0), pads, pads, (0, 0)])
        x = b.depthwise_conv_2d(x, (kernel, kernel), stride=(stride, stride), padding=VALID)
        outputs.append(x)
    schedule = convert(b.finish(outputs), schedule="layer").schedule
    calls = [s.call for stage in build_program(schedule, FAMILY).stages for s in stage.steps]
    rows = [c.params.fields.get("output_rows", 1) for c in calls if c.kernel.startswith("depthwise_")]
    # At stride 2 a 3x3 layer whose clamp hides no sign fix goes row by row.
    assert len(rows) == len(outputs) and sum(r > 1 for r in rows) == len(outputs) - 1
    drawn_dsp.assert_family_agrees(schedule, FAMILY, BOARD)
