"""Every kernel of the MVE family gives the portable kernel's bytes, on an emulated Cortex-M55 and in its C form."""

from __future__ import annotations

import shutil

import drawn_dsp
import numpy as np
import pytest
from drawn_dsp import Drawer

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen import program as programs
from tflm_mcunet.codegen.arm_mve import dense, depthwise
from tflm_mcunet.codegen.family import specialised
from tflm_mcunet.convert import convert
from tflm_mcunet.deploy import compiling
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import VALID

FAMILY, BOARD = "arm_mve", "qemu:cortex-m55"
OPERATORS = 60

pytestmark = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-g++")),
    reason="needs qemu-system-arm and arm-none-eabi-g++",
)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("draw", "share"),
    [
        (Drawer.pointwise, 0.6),
        (Drawer.conv_2d, 0.6),
        (Drawer.depthwise_conv_2d, 0.6),
        (Drawer.any_depthwise_conv_2d, 0.6),
        (Drawer.fully_connected, 0.6),
        (Drawer.add, 0.2),
        (Drawer.pool_2d, 1.0),
        (Drawer.product, 0.4),
        (Drawer.broadcast, 0.2),
        (Drawer.table, 0.9),
        (Drawer.mean, 0.3),
    ],
)
def test_drawn_operators_give_the_bytes_of_the_portable_kernels(draw, share: float, seed: int) -> None:
    schedule = drawn_dsp.layer_schedule(drawn_dsp.drawn_graph(draw, seed, OPERATORS))
    assert drawn_dsp.special_share(schedule, FAMILY) >= share
    drawn_dsp.assert_family_agrees(schedule, FAMILY, BOARD)


@pytest.mark.parametrize("kind", ["layer", "stream"])
def test_networks_give_the_same_bytes_however_they_are_scheduled(kind: str) -> None:
    for seed in (1, 2):
        conversion = convert(drawn_dsp.bottlenecks(seed), schedule=kind)
        assert any(stage.plan is not None for stage in conversion.schedule.stages) == (kind == "stream")
        drawn_dsp.assert_family_agrees(conversion.schedule, FAMILY, BOARD)


@pytest.mark.parametrize(
    "draw",
    [Drawer.pointwise, Drawer.conv_2d, Drawer.any_depthwise_conv_2d, Drawer.add, Drawer.pool_2d],
)
def test_kernels_compute_a_part_of_the_columns(draw, monkeypatch: pytest.MonkeyPatch) -> None:
    def by_rows(call, family, *, is_layer, overlaps):
        return specialised(call, family, is_layer=False, overlaps=overlaps)

    monkeypatch.setattr(programs, "specialised", by_rows)
    schedule = drawn_dsp.layer_schedule(drawn_dsp.drawn_graph(draw, 5, 30))
    feed = drawn_dsp.inputs(schedule.graph)
    portable = drawn_dsp.run_parts(schedule, feed, "portable", "host")
    for on in ("host", BOARD):
        assert drawn_dsp.run_parts(schedule, feed, FAMILY, on) == portable


def test_kernels_work_in_several_tiles_and_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "_TILE_BYTES", 64)
    monkeypatch.setattr(depthwise, "_ROW_PLANE_BYTES", 300)
    monkeypatch.setattr(depthwise, "_MAP_PLANE_BYTES", 300)
    monkeypatch.setattr(depthwise, "_MOST_PLANE_BYTES", 700)
    for draw in (Drawer.conv_2d, Drawer.any_depthwise_conv_2d):
        drawn_dsp.assert_family_agrees(
            drawn_dsp.layer_schedule(drawn_dsp.drawn_graph(draw, 9, 40)), FAMILY, BOARD
        )


def narrow_maps(seed: int) -> Graph:
    """3x3 windows on maps of every width from 1 to 9, of channels in sixteens, fours and neither."""
    b, outputs = GraphBuilder(seed), []
    for width in range(1, 10):
        for channels in (12, 16, 21, 48):
            x = b.input((1, 4, width, channels), scale=0.05, zero_point=-128 + width)
            y = b.depthwise_conv_2d(x, (3, 3), activation="RELU", zero_point=-128)
            outputs.append(y)
    return b.finish(outputs)


@pytest.mark.parametrize("is_layer", [False, True])
def test_narrow_rows_have_kernels_of_their_own(is_layer: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(call, family, *, overlaps, **_):
        return specialised(call, family, is_layer=is_layer, overlaps=overlaps)

    monkeypatch.setattr(programs, "specialised", chosen)
    schedule = drawn_dsp.layer_schedule(narrow_maps(7))
    kernels = {
        s.call.kernel for stage in programs.build_program(schedule, FAMILY).stages for s in stage.steps
    }
    assert f"depthwise_conv_2d_mve_{'map' if is_layer else 'row'}" in kernels
    drawn_dsp.assert_family_agrees(schedule, FAMILY, BOARD)


@pytest.mark.parametrize("tail", ["AVERAGE_POOL_2D", "MEAN"])
def test_sums_over_rows_are_the_portable_ones(tail: str) -> None:
    b = GraphBuilder(5)
    x = b.conv_2d(b.input((1, 20, 31, 3), zero_point=-5), 29, (3, 3), activation="RELU6", zero_point=-128)
    x = b.conv_2d(x, 21, (1, 1), zero_point=7)
    x = b.pool_2d(tail, x, (20, 31), padding=VALID) if tail != "MEAN" else b.mean(x, (1, 2), keep_dims=True)
    schedule = convert(b.finish([x]), schedule="stream").schedule
    stages = programs.build_program(schedule, FAMILY).stages
    assert any(s.call.is_sum and "arm_mve" in s.call.source for stage in stages for s in stage.steps)
    drawn_dsp.assert_family_agrees(schedule, FAMILY, BOARD)


def test_the_assembler_stands_where_functions_are_not_aligned(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = tuple("-Os" if flag.startswith("-O") else flag for flag in compiling.COMPILE_FLAGS)
    assert "-Os" in flags
    monkeypatch.setattr(compiling, "COMPILE_FLAGS", flags)
    schedule = convert(drawn_dsp.bottlenecks(3), schedule="layer").schedule
    drawn_dsp.assert_family_agrees(schedule, FAMILY, BOARD)


def edges_of_rounding(random: np.random.Generator, scale: np.float32, count: int) -> np.ndarray:
    """Floats whose quotients lie within a few units in the last place of halves, and what is no number."""
    halves = (random.integers(-300, 300, count) + 0.5).astype(np.float32) * scale
    steps = random.integers(-4, 5, count).astype(np.int32)
    near = (halves.view(np.int32) + steps).view(np.float32)
    special = np.array([0, -0.0, np.inf, -np.inf, np.nan, 3e38, -3e38, 1e-44, 512 * scale], np.float32)
    signalling = np.array([0x7F800001, 0xFF812345], np.uint32).view(np.float32)
    return np.concatenate((near, halves, special, signalling))


def test_floats_are_quantised_as_by_a_division() -> None:
    random = np.random.default_rng(3)
    builder, outputs, feed = GraphBuilder(3), [], []
    drawn = np.exp(random.uniform(-12, 5, 30))
    for scale in np.concatenate((drawn, [1 / 255, 2.0**-7, 1.0, 1e-19, 1e19])).astype(np.float32):
        values = edges_of_rounding(random, scale, 150)
        x = builder.input((1, len(values)), dtype="float32")
        zero_point = int(random.integers(-128, 128))
        outputs.append(builder.op("QUANTIZE", [x], dtype="int8", scale=float(scale), zero_point=zero_point))
        feed.append(values[None])
    schedule = drawn_dsp.layer_schedule(builder.finish(outputs))
    assert drawn_dsp.special_share(schedule, FAMILY) == 1.0
    portable = drawn_dsp.run(schedule, [feed], "portable", "host")
    assert drawn_dsp.run(schedule, [feed], FAMILY, BOARD) == portable
