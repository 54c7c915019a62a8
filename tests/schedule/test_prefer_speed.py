"""`prefer="speed"`: streams cost little more than layers, or as little as the given bytes allow; no output changes."""

from __future__ import annotations

import numpy as np
import pytest

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.convert import convert
from tflm_mcunet.execute import run
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.rows import row_graph
from tflm_mcunet.schedule.stages import plan_stages, streamed_macs, with_cheaper_streams
from tflm_mcunet.schedule.stages_cost import SHARE, costs_of, schedule_cost, stage_cost
from tflm_mcunet.schedule.stages_speed import MOST_COST
from tflm_mcunet.targets import Target


def funnel(seed: int, kernel: int = 3) -> Graph:
    """Large maps that must flow as rows, then small ones that need not."""
    b = GraphBuilder(seed)
    x = b.conv_2d(b.input((1, 32, 32, 3)), 8, (3, 3), stride=(2, 2), activation="RELU6")
    for stride, channels in ((1, 8), (2, 16), (1, 16), (2, 24), (1, 24)):
        y = b.conv_2d(x, 4 * channels, activation="RELU6")
        y = b.depthwise_conv_2d(y, (kernel, kernel), stride=(stride, stride), activation="RELU6")
        x = b.conv_2d(y, channels)
    return b.finish([x])


@pytest.mark.parametrize("input", ["resident", "rows"])
def test_fewer_macs_are_streamed_in_no_more_bytes(input: str) -> None:
    least = plan_stages(funnel(1), input=input)
    fast = plan_stages(funnel(1), input=input, prefer="speed", sram=1)
    assert fast.arena_bytes <= least.arena_bytes
    assert streamed_macs(fast) < 0.9 * streamed_macs(least)


@pytest.mark.parametrize("input", ["resident", "rows"])
@pytest.mark.parametrize("family", ["", "arm_dsp"])
def test_where_bytes_are_left_operators_run_whole_at_the_lowest_peak_too(input: str, family: str) -> None:
    graph, rows = funnel(1), row_graph(funnel(1))
    least = plan_stages(graph, input=input)
    cheaper = with_cheaper_streams(least, input=input, family=family)
    assert cheaper.arena_bytes <= least.arena_bytes
    costs = costs_of(family)
    assert schedule_cost(rows, cheaper, costs) < 0.9 * schedule_cost(rows, least, costs)
    assert streamed_macs(cheaper) < streamed_macs(least)
    converted = convert(graph, schedule="stream", input=input)
    assert converted.schedule.arena_bytes <= least.arena_bytes
    assert schedule_cost(rows, converted.schedule) < schedule_cost(rows, least)


@pytest.mark.parametrize("kernel", [5, 7])
def test_what_whole_would_take_more_scratch_goes_row_by_row_and_the_rest_runs_whole(kernel: int) -> None:
    graph = funnel(1, kernel)
    least = plan_stages(graph)
    plans = (least, convert(graph, schedule="stream").schedule, with_cheaper_streams(least))
    costs = [schedule_cost(row_graph(graph), plan) for plan in plans]
    assert costs == sorted(set(costs), reverse=True)
    needed, taken, refused = (build_program(plan, "arm_dsp") for plan in plans)
    assert needed.most_bytes >= max(s.scratch_end for stage in taken.stages for s in stage.steps)
    assert needed.most_bytes < max(s.scratch_end for stage in refused.stages for s in stage.steps)


def test_plans_that_recompute_and_layers_stay_as_they_are() -> None:
    graph = funnel(1)
    tiled = plan_stages(graph, max_mac_overhead=1.5)
    assert sum(stage.macs for stage in tiled.stages) > sum(stage.macs for stage in plan_stages(graph).stages)
    for plan in (tiled, plan_stages(graph, kinds=("layer",))):
        assert with_cheaper_streams(plan) is plan


@pytest.mark.parametrize("input", ["resident", "rows"])
def test_without_a_target_streams_cost_little_in_fewer_bytes_than_layers(input: str) -> None:
    graph, rows = funnel(1), row_graph(funnel(1))
    goal = MOST_COST * SHARE
    least, fast = plan_stages(graph, input=input), plan_stages(graph, input=input, prefer="speed")
    assert schedule_cost(rows, least) > goal >= schedule_cost(rows, fast)
    assert least.arena_bytes < fast.arena_bytes < plan_stages(graph, kinds=("layer",)).arena_bytes
    assert any(f"{fast.arena_bytes} bytes where the lowest peak is" in note for note in fast.notes)


def test_where_streams_cost_little_no_bytes_are_spent() -> None:
    b = GraphBuilder(3)
    x = b.input((1, 24, 24, 3))
    for channels in (16, 16, 24):
        x = b.conv_2d(x, channels, (3, 3), activation="RELU")
    graph = b.finish([x])
    fast = plan_stages(graph, prefer="speed")
    assert fast.kind != "layer"
    assert fast.arena_bytes == plan_stages(graph).arena_bytes


def test_where_no_stream_costs_little_all_are_layers() -> None:
    b = GraphBuilder(4)
    x = b.depthwise_conv_2d(b.conv_2d(b.input((1, 24, 24, 8)), 32), (5, 5), stride=(2, 2))
    graph = b.finish([b.conv_2d(x, 8)])
    assert plan_stages(graph, prefer="sram").kind != "layer"
    fast = plan_stages(graph, prefer="speed")
    assert fast.kind == "layer"
    conversion = convert(graph, schedule="stream", prefer="speed")
    assert conversion.schedule.kind == "layer"
    assert any("every operator runs as a layer, since" in reason for reason in conversion.skipped)


def test_rows_of_a_depthwise_convolution_cost_most_but_alone_it_runs_whole() -> None:
    rows = row_graph(funnel(1))
    first, expand, depthwise, project = rows.nodes[:4]
    together = stage_cost(rows, (expand, depthwise, project))
    others = stage_cost(rows, (expand,)) + stage_cost(rows, (project,))
    assert together > 2 * others
    assert stage_cost(rows, (depthwise,)) < 0.1 * (together - others)
    assert stage_cost(rows, (first,)) < 0.01 * SHARE


def test_costs_are_those_of_the_core_or_the_largest_of_all() -> None:
    rows, plan = row_graph(funnel(1)), plan_stages(funnel(1))
    each = [schedule_cost(rows, plan, costs_of(family)) for family in ("arm_dsp", "arm_mve", "riscv")]
    assert len(set(each)) == 3
    assert schedule_cost(rows, plan) == schedule_cost(rows, plan, costs_of("portable")) >= max(each)


def test_room_turns_streams_into_layers() -> None:
    rows, least = row_graph(funnel(1)), plan_stages(funnel(1))
    rooms = [least.arena_bytes * n // 4 for n in (4, 5, 6, 8, 16)]
    plans = [plan_stages(funnel(1), prefer="speed", sram=room) for room in rooms]
    assert all(p.arena_bytes <= room for p, room in zip(plans, rooms, strict=True))
    costs = [schedule_cost(rows, p) for p in plans]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == 0 < costs[0] < schedule_cost(rows, least)


def test_outputs_do_not_depend_on_the_preference() -> None:
    model = funnel(2)
    x = np.random.default_rng(2).integers(-128, 128, (1, 32, 32, 3), dtype=np.int8)
    least = convert(model, schedule="stream")
    small = Target(
        name="small", sram=least.schedule.arena_bytes * 3 // 2 + 8192, flash=1 << 20, core="cortex-m4"
    )
    expected = run(convert(model, schedule="layer"), x).outputs[0]
    for conversion in (
        least,
        convert(model, schedule="stream", prefer="speed"),
        convert(model, small, prefer="speed"),
    ):
        assert np.array_equal(run(conversion, x).outputs[0], expected)
        if conversion.target is not None:
            assert least.schedule.arena_bytes < conversion.schedule.arena_bytes <= small.sram - 8192
    assert any(
        "MACs run row by row" in reason
        for reason in convert(model, schedule="stream", prefer="speed").skipped
    )
