"""Streamed programs, sanitised, give TFLite Micro's bytes on a thousand drawn networks."""

from __future__ import annotations

import pytest
from drawn_chains import chain
from drawn_networks import network
from harness import run_schedules
from kernel_check import inputs
from tflm_graphs import drawn_graph

from tflm_mcunet import tflite
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.schedule import Schedule
from tflm_mcunet.schedule.stages import plan_stages
from tflm_mcunet.tflm import interpreter

BATCH = 50


def assert_equal_to_tflm(graphs: list[Graph], schedules: list[Schedule]) -> None:
    feeds = [inputs(g, 2) for g in graphs]
    results = run_schedules(schedules, feeds)
    for number, (graph, feed, result) in enumerate(zip(graphs, feeds, results, strict=True)):
        truth = interpreter.run(tflite.write(graph), feed).outputs
        for expected, computed in zip(truth, result, strict=True):
            for position, (a, b) in enumerate(zip(expected, computed, strict=True)):
                kinds = [(s.kind, s.ops) for s in schedules[number].stages]
                assert a.tobytes() == b.tobytes(), f"graph {number}, output {position}, stages {kinds}"


def test_the_drawn_chains_do_stream() -> None:
    kinds = [plan_stages(chain(seed), kinds=("layer", "stream")).kind for seed in range(40)]
    assert sum(kind != "layer" for kind in kinds) > 20


@pytest.mark.parametrize("source", ["resident", "rows"])
@pytest.mark.parametrize("first", range(0, 400, BATCH))
def test_chains(first: int, source: str) -> None:
    graphs = [chain(seed) for seed in range(first, first + BATCH)]
    schedules = [plan_stages(g, kinds=("layer", "stream"), input=source) for g in graphs]
    assert_equal_to_tflm(graphs, schedules)


def test_chains_that_prefer_speed_in_some_bytes_more() -> None:
    graphs = [chain(seed) for seed in range(400, 400 + BATCH)]
    least = [plan_stages(g, kinds=("layer", "stream")) for g in graphs]
    schedules = [
        plan_stages(g, kinds=("layer", "stream"), prefer="speed", sram=s.arena_bytes * 5 // 4)
        for g, s in zip(graphs, least, strict=True)
    ]
    others = [
        s for s, other in zip(schedules, least, strict=True) if s.stages != other.stages and s.kind != "layer"
    ]
    assert len(others) > 8
    assert_equal_to_tflm([s.graph for s in others], others)


@pytest.mark.parametrize("first", range(0, 200, BATCH))
def test_networks_of_every_kind(first: int) -> None:
    graphs = [network(seed) for seed in range(first, first + BATCH)]
    assert_equal_to_tflm(graphs, [plan_stages(g, kinds=("layer", "stream")) for g in graphs])


@pytest.mark.parametrize("source", ["resident", "rows"])
def test_chains_in_strips(source: str) -> None:
    graphs = [chain(seed) for seed in range(30)]
    kinds = ("layer", "stream", "patch")
    plans = [plan_stages(g, kinds=kinds, max_mac_overhead=1.6, input=source) for g in graphs]
    cut = [s for s in plans if any(stage.kind == "patch" for stage in s.stages)]
    assert len(cut) > 8
    assert_equal_to_tflm([s.graph for s in cut], cut)


@pytest.mark.parametrize("first", range(0, 200, BATCH))
def test_graphs_of_every_operator(first: int) -> None:
    graphs, schedules = [], []
    for seed in range(first, first + BATCH):
        schedule = plan_stages(drawn_graph(seed), kinds=("layer", "stream"))
        try:
            build_program(schedule)
        except UnsupportedOpError:
            continue
        graphs.append(schedule.graph)
        schedules.append(schedule)
    assert len(graphs) > 0.9 * BATCH
    assert_equal_to_tflm(graphs, schedules)
