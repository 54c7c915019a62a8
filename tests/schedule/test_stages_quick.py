"""Quick plans: as exact as careful ones, a little larger, many a second."""

from __future__ import annotations

import pytest
from stream_graphs import image, random_network
from stream_machine import Exact, Machine, reference
from test_stages import bottleneck

from tflm_mcunet.errors import UsageError
from tflm_mcunet.schedule.rows import row_graph
from tflm_mcunet.schedule.stages import plan_stages
from tflm_mcunet.schedule.stages_live import runs
from tflm_mcunet.schedule.stages_quick import least_layer_bytes
from tflm_mcunet.schedule.stages_search import cut_positions, live_sets
from tflm_mcunet.schedule.stages_work import stage_work


@pytest.mark.parametrize("source", ["resident", "rows"])
@pytest.mark.parametrize("seed", range(60, 75))
def test_a_quick_plan_is_exact(seed: int, source: str) -> None:
    graph = random_network(seed)
    schedule = plan_stages(graph, effort="quick", input=source)
    inputs, kernels = image(graph), Exact(graph)
    want, got = reference(graph, inputs, kernels), Machine(schedule, kernels).run(inputs)
    assert all((got[t] == want[t]).all() for t in graph.outputs)
    assert sorted(i for s in schedule.stages for i in s.ops) == list(range(len(graph.ops)))
    assert max((s.peak_bytes for s in schedule.stages), default=0) <= schedule.arena_bytes


@pytest.mark.parametrize("source", ["resident", "rows"])
def test_a_quick_plan_is_near_the_careful_one(source: str) -> None:
    sizes = []
    for height in (12, 30):
        for depth in (1, 4):
            graph = bottleneck(height, depth)
            ways = [plan_stages(graph, effort=e, input=source).arena_bytes for e in ("quick", 250_000)]
            sizes.append(ways[0] / ways[1])
    assert max(sizes) <= 1.1 and sum(sizes) / len(sizes) <= 1.02


@pytest.mark.parametrize("seed", range(60, 90))
def test_a_quick_plan_never_needs_more_than_layers(seed: int) -> None:
    graph = random_network(seed)
    layers = plan_stages(graph, kinds=("layer",), effort="quick")
    assert plan_stages(graph, effort="quick").arena_bytes <= layers.arena_bytes
    assert least_layer_bytes(row_graph(graph)) <= layers.arena_bytes


def test_a_search_ends_where_its_budget_is_met() -> None:
    graph = bottleneck(40, 4)
    lowest = plan_stages(graph, effort="quick").arena_bytes
    enough = plan_stages(graph, effort="quick", sram=2 * lowest)
    assert lowest <= enough.arena_bytes <= 2 * lowest
    too_much = plan_stages(graph, effort="quick", sram=16)
    assert too_much.arena_bytes >= lowest


@pytest.mark.parametrize("seed", range(60, 90))
def test_the_live_bytes_of_all_stages_come_from_one_order(seed: int) -> None:
    rows = row_graph(random_network(seed))
    live = live_sets(rows)
    cuts = cut_positions(rows, live)
    for run in runs(rows, live, cuts, -1, 4):
        if not run.exact:
            continue
        inside = [c for c in cuts if run.first <= c <= run.last]
        for n, end in enumerate(inside[1:], 1):
            found = run.stage_bytes(inside[:n], end)
            works = [stage_work(rows, start, end, "stream", live) for start in inside[:n]]
            assert found.tolist() == [w.live_bytes for w in works]


def test_another_effort_is_refused() -> None:
    with pytest.raises(UsageError, match="effort 'quick'"):
        plan_stages(bottleneck(), effort="fast")
