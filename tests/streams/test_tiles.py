"""Patches of rows and columns: TFLite Micro's bytes, sanitised, in its interpreter, and on the emulated core."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from kernel_check import inputs
from stage_graphs import exact_runs
from test_streams_equal_tflm import assert_equal_to_tflm
from tiled_schedules import tiled_schedule

import tflm_mcunet as mcu
from tflm_mcunet import tflite
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen.emit import emit, write
from tflm_mcunet.codegen.family import family_of
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.deploy.run import run_program
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import SAME, VALID
from tflm_mcunet.report.stage_rows import stage_rows
from tflm_mcunet.schedule.patch import Tiling
from tflm_mcunet.schedule.schedule import Schedule
from tflm_mcunet.schedule.stages import plan_stages
from tflm_mcunet.schedule.stream import PatchPlan
from tflm_mcunet.tflm import interpreter
from tflm_mcunet.tflm.stage_graph import stage_graph


def convolutions(seed: int) -> Graph:
    """A chain that can be tiled: strides, pads, joins and pools, and a map at its end."""
    b = GraphBuilder(seed)
    r = np.random.default_rng(seed)
    x = b.input((1, *(int(n) for n in r.integers(7, 24, 2)), int(r.integers(1, 4))))
    for _ in range(int(r.integers(1, 5))):
        _, h, w, c = b.tensors[x].shape
        kernel = tuple(int(k) for k in r.choice((1, 2, 3, 5), 2))
        stride = tuple(int(k) for k in r.choice((1, 1, 2), 2))
        kind = int(r.integers(4))
        if kind == 0:
            x = b.conv_2d(x, int(r.integers(2, 7)), kernel, stride=stride, padding=SAME, activation="RELU6")
        elif kind == 1:
            pads = [(0, 0), *((int(r.integers(1, 3)), int(r.integers(3))) for _ in range(2)), (0, 0)]
            x = b.depthwise_conv_2d(b.pad(x, pads), (3, 3), stride=stride, padding=VALID)
        elif kind == 2:
            y = b.depthwise_conv_2d(b.conv_2d(x, 2 * c, (1, 1)), (kernel[0], 3), activation="RELU6")
            x = b.binary("ADD", b.conv_2d(y, c, (1, 1)), x)
        elif min(h, w) > 2:
            x = b.pool_2d(("AVERAGE_POOL_2D", "MAX_POOL_2D")[int(r.integers(2))], x, (2, 2), padding=SAME)
    return b.finish([x])


def drawn(tiling: Tiling, seeds: range, fed: bool) -> list[Schedule]:
    """Those of the chains that are large enough, each as one stage in tiles."""
    found = [tiled_schedule(convolutions(seed), tiling, fed) for seed in seeds]
    return [s for s in found if s is not None]


@pytest.mark.parametrize("fed", [False, True])
@pytest.mark.parametrize("tiling", [Tiling(2, 1), Tiling(2, 2), Tiling(3, 3)], ids=str)
def test_drawn_chains_in_tiles(tiling: Tiling, fed: bool) -> None:
    schedules = drawn(tiling, range(40), fed)
    assert len(schedules) > 20
    assert_equal_to_tflm([s.graph for s in schedules], schedules)


def test_tiles_in_the_interpreter_of_tflite_micro() -> None:
    for schedule in drawn(Tiling(2, 2), range(40, 52), fed=False):
        exact_runs(schedule.graph, stage_graph(schedule))


def test_tiles_on_the_emulated_cortex_m4(tmp_path: Path) -> None:
    schedules = [
        *drawn(Tiling(2, 2), range(52, 56), fed=False),
        *drawn(Tiling(3, 2), range(58, 60), fed=True),
    ]
    for number, schedule in enumerate(schedules):
        folder = tmp_path / str(number)
        write(emit(build_program(schedule, family_of("cortex-m4"))), folder)
        feed = inputs(schedule.graph, 1)
        ran = run_program(folder, feed, on="qemu:cortex-m4")
        truth = interpreter.run(tflite.write(schedule.graph), feed).outputs
        assert [bytes(a) for a in ran.outputs[0]] == [a.tobytes() for a in truth[0]]


def two_blocks() -> Graph:
    b = GraphBuilder(3)
    x = b.input((1, 40, 40, 4))
    y = b.depthwise_conv_2d(b.conv_2d(x, 32, (1, 1), activation="RELU6"), (3, 3), activation="RELU6")
    y = b.conv_2d(y, 4, (1, 1))
    y = b.depthwise_conv_2d(b.conv_2d(y, 24, (1, 1)), (3, 3), stride=(2, 2))
    y = b.conv_2d(y, 4, (1, 1))
    return b.finish([b.fully_connected(b.mean(y, (1, 2), scale=b.tensors[y].scale), 3)])


def test_auto_with_a_mac_budget_measures_no_more_than_layers() -> None:
    graph = two_blocks()
    feed = inputs(graph, 1)[0][0]
    arenas = []
    for schedule, factor in (("layer", 1.0), ("auto", 1.0), ("auto", 1.5)):
        conversion = mcu.convert(tflite.write(graph), schedule=schedule, max_mac_overhead=factor)
        ran = mcu.run(conversion, feed, on="host")
        assert ran.sram.arena == conversion.schedule.arena_bytes
        arenas.append(ran.sram.arena)
    assert arenas[0] > arenas[1] > arenas[2]


def test_the_planner_takes_tiles_where_they_are_lower() -> None:
    graph = two_blocks()
    streamed, tiled = (plan_stages(graph, max_mac_overhead=f) for f in (1.0, 1.5))
    assert tiled.arena_bytes < streamed.arena_bytes
    patches = [s.plan for s in tiled.stages if isinstance(s.plan, PatchPlan)]
    assert any(o.first_row > 0 for plan in patches for part in plan.passes for o in part.storages)
    assert any("tiles" in row.label for row in stage_rows(tiled))
    assert_equal_to_tflm([graph], [tiled])
