"""Stages in strips: exact, within their MAC budget, and lower than streaming alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from stream_graphs import image, random_network, zoo_network
from stream_machine import Exact, Machine, reference
from tiled_schedules import tiled_schedule

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import total_macs
from tflm_mcunet.schedule.patch import Tiling
from tflm_mcunet.schedule.schedule import Schedule
from tflm_mcunet.schedule.stages import frontier, plan_stages
from tflm_mcunet.schedule.stream import PatchPlan


def check(graph: Graph, schedule: Schedule) -> None:
    inputs = image(graph)
    want = reference(graph, inputs, Exact(graph))
    got = Machine(schedule, Exact(graph)).run(inputs)
    for t in graph.outputs:
        np.testing.assert_array_equal(got[t], want[t])


@pytest.mark.parametrize(
    "tiling", [Tiling(1, 2), Tiling(1, 3), Tiling(2, 1), Tiling(2, 2), Tiling(3, 2)], ids=str
)
def test_a_random_network_in_tiles_changes_no_byte(tiling: Tiling) -> None:
    tried = 0
    for seed in range(500, 640):
        graph = random_network(seed, most_layers=6)
        schedule = tiled_schedule(graph, tiling, fed=seed % 2 == 0)
        if schedule is not None:
            tried += 1
            check(graph, schedule)
    assert tried > 12


def hourglass() -> Graph:
    """Wide rows first: strips pay in the first stage."""
    b = GraphBuilder(9)
    x = b.conv_2d(b.input((1, 24, 24, 3)), 8, (3, 3), activation="RELU6")
    x = b.depthwise_conv_2d(b.conv_2d(x, 24, (1, 1)), (5, 5), stride=(2, 2))
    x = b.conv_2d(x, 4, (1, 1))
    x = b.depthwise_conv_2d(b.conv_2d(x, 12, (1, 1)), (3, 3), stride=(2, 2))
    x = b.conv_2d(x, 4, (1, 1))
    return b.finish([b.fully_connected(b.mean(x, (1, 2), scale=b.tensors[x].scale), 3)])


def test_strips_are_taken_within_the_budget_where_they_lower_the_peak() -> None:
    graph = hourglass()
    streamed = plan_stages(graph, input="rows")
    assert all(s.kind != "patch" for s in streamed.stages)
    patched = plan_stages(graph, input="rows", max_mac_overhead=1.5)
    assert patched.arena_bytes < streamed.arena_bytes
    assert any(s.kind == "patch" for s in patched.stages)
    assert total_macs(graph) < sum(s.macs for s in patched.stages) <= 1.5 * total_macs(graph)
    check(graph, patched)


def test_strips_are_not_taken_where_kinds_leaves_them_out() -> None:
    plan = plan_stages(hourglass(), kinds=("layer", "stream"), input="rows", max_mac_overhead=2.0)
    assert all(s.kind != "patch" for s in plan.stages)


def test_a_frontier_trades_macs_for_bytes_and_every_point_is_exact() -> None:
    graph = hourglass()
    points = frontier(graph, input="rows", factors=(1.05, 1.2, 1.5, 2.0), effort=20_000)
    assert points[0][0] == 1.0 and len(points) > 1
    assert all(a[0] < b[0] and a[1] > b[1] for a, b in itertools.pairwise(points))
    for _, peak, schedule in points:
        assert schedule.arena_bytes == peak
        check(graph, schedule)


def residual(blocks: tuple[int, ...] = (7, 5), width: int = 20, expand: int = 40) -> Graph:
    """Blocks with a shortcut around a wide window: a stage is as wide as its map, in and out."""
    b = GraphBuilder(11)
    x = b.conv_2d(b.input((1, 2 * width, 2 * width, 3)), 8, (3, 3), stride=(2, 2), activation="RELU6")
    for kernel in blocks:
        y = b.depthwise_conv_2d(b.conv_2d(x, expand, (1, 1), activation="RELU6"), (kernel, kernel))
        x = b.binary("ADD", b.conv_2d(y, 8, (1, 1)), x)
    y = b.depthwise_conv_2d(b.conv_2d(x, 2 * expand, (1, 1)), (5, 5), stride=(2, 2))
    x = b.conv_2d(y, 12, (1, 1))
    return b.finish([b.fully_connected(b.mean(x, (1, 2), scale=b.tensors[x].scale), 3)])


@pytest.mark.parametrize("blocks", [(7,), (3, 7)])
def test_strips_write_over_their_input_where_rows_lie_a_halo_apart(blocks: tuple[int, ...]) -> None:
    graph = residual(blocks)
    plans = [plan_stages(graph, input="rows", max_mac_overhead=f, spread_maps=True) for f in (1.0, 1.1)]
    assert plans[0].arena_bytes > plans[1].arena_bytes
    over = 0
    for plan in plans:
        check(graph, plan)
        sizes = {x.tensor: x.size_bytes for x in plan.buffers}
        for stage in plan.stages:
            for part in stage.plan.passes if isinstance(stage.plan, PatchPlan) else ():
                ins = [s for s in part.storages if s.role == "input"]
                outs = [s for s in part.storages if s.role == "output"]
                for a, z in itertools.product(ins, outs):
                    over += a.offset < z.offset + sizes[z.tensor] and z.offset < a.offset + sizes[a.tensor]
    assert over, "no stage in strips has written over its input"


@pytest.mark.parametrize("seed", range(6))
def test_any_network_with_a_mac_budget_is_exact(seed: int) -> None:
    graph = random_network(700 + seed)
    check(graph, plan_stages(graph, max_mac_overhead=1.6, effort=2000, spread_maps=True))


def test_mobilenet_in_strips_fits_16_000_bytes(shared_models) -> None:
    graph = zoo_network(shared_models / "mcunet_zoo_topologies.json", "mbv2-w0.35")
    plan = plan_stages(graph, input="rows", max_mac_overhead=1.02)
    assert plan.arena_bytes <= 16_000
    assert sum(s.macs for s in plan.stages) <= 1.02 * total_macs(graph)


@pytest.mark.parametrize(
    ("factor", "most"), [(1.02, 49_000), pytest.param(1.1, 45_000, marks=pytest.mark.slow)]
)
def test_in3_in_strips_fits(shared_models, factor: float, most: int) -> None:
    graph = zoo_network(shared_models / "mcunet_zoo_topologies.json", "mcunet-in3")
    plan = plan_stages(graph, input="rows", max_mac_overhead=factor, spread_maps=True, effort=0)
    assert plan.arena_bytes <= most
    assert sum(s.macs for s in plan.stages) <= factor * total_macs(graph)
