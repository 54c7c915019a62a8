"""Partition into stages: what is covered, what falls back and why, what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stream_graphs import image, random_network
from stream_machine import Exact, Machine, reference

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.errors import UsageError
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import VALID, Window, total_macs
from tflm_mcunet.schedule import stages_search, stages_work
from tflm_mcunet.schedule.rows import row_graph
from tflm_mcunet.schedule.stages import plan_stages


def bottleneck(height: int = 12, depth: int = 3) -> Graph:
    b = GraphBuilder(4)
    x = b.conv_2d(b.input((1, height, 10, 3)), 8, (3, 3))
    for _ in range(depth):
        y = b.conv_2d(x, 24, (1, 1), activation="RELU6")
        y = b.conv_2d(b.depthwise_conv_2d(y, (3, 3), activation="RELU6"), 8, (1, 1))
        x = b.binary("ADD", y, x)
    return b.finish(
        [
            b.fully_connected(
                b.reshape(b.pool_2d("AVERAGE_POOL_2D", x, (height, 10), padding=VALID), (1, 8)), 4
            )
        ]
    )


@pytest.mark.parametrize("seed", range(25))
def test_stages_cover_every_operator_once_and_respect_the_bounds(seed: int) -> None:
    graph = random_network(seed)
    for kinds in (("layer",), ("layer", "stream")):
        schedule = plan_stages(graph, kinds=kinds, effort=1000)
        assert sorted(i for s in schedule.stages for i in s.ops) == list(range(len(graph.ops)))
        assert max((s.peak_bytes for s in schedule.stages), default=0) <= schedule.arena_bytes
        assert schedule.lower_bound_bytes <= schedule.arena_bytes
        assert sum(s.macs for s in schedule.stages) == total_macs(graph)
        assert all(b.offset % 16 == 0 for b in schedule.buffers)
        assert all(b.offset + b.size_bytes <= schedule.arena_bytes for b in schedule.buffers)
        for stage in schedule.stages:
            assert stage.plan is None or stage.plan.end_bytes <= stage.peak_bytes


@pytest.mark.parametrize("seed", range(40))
def test_streaming_is_never_worse_than_layers(seed: int) -> None:
    graph = random_network(seed)
    layers = plan_stages(graph, kinds=("layer",)).arena_bytes
    assert plan_stages(graph, effort=1000).arena_bytes <= layers


def test_streaming_needs_little_more_than_the_image() -> None:
    graph = bottleneck(height=40)
    assert plan_stages(graph, kinds=("layer",)).arena_bytes > 3 * 40 * 10 * 8
    assert plan_stages(graph, input="rows").arena_bytes < 40 * 10 * 8


def test_a_pad_before_a_convolution_becomes_part_of_its_window() -> None:
    b = GraphBuilder(1)
    padded = b.pad(b.input((1, 9, 9, 4)), [(0, 0), (2, 0), (1, 3), (0, 0)])
    y = b.conv_2d(padded, 4, (3, 3), stride=(2, 2), padding=VALID)
    node = row_graph(b.finish([y])).nodes
    assert len(node) == 1 and node[0].covers == (0, 1)
    assert node[0].windows == (Window(3, 3, 2, 2, pad_top=2, pad_left=1),)


def test_a_pad_that_does_not_fold_stays_an_operator() -> None:
    b = GraphBuilder(1)
    padded = b.pad(b.input((1, 9, 9, 4)), [(0, 0), (1, 1), (1, 1), (0, 0)])
    pooled = b.finish([b.pool_2d("MAX_POOL_2D", padded, (3, 3), padding=VALID)])
    assert [n.op for n in row_graph(pooled).nodes] == [0, 1]
    b = GraphBuilder(1)
    padded = b.pad(b.input((1, 9, 9, 4)), [(0, 0), (1, 1), (1, 1), (0, 0)])
    seen = b.finish([b.conv_2d(padded, 2, (3, 3), padding=VALID), padded])
    assert [n.op for n in row_graph(seen).nodes] == [0, 1]


def test_an_operator_that_cannot_stream_is_named_with_its_reason() -> None:
    b = GraphBuilder(2)
    x = b.conv_2d(b.input((1, 8, 8, 3)), 6, (3, 3))
    t = b.op("TRANSPOSE", [x, b.constant([0, 3, 1, 2])])
    graph = b.finish([b.mean(t, (3,))])
    schedule = plan_stages(graph, input="rows")
    assert any("TRANSPOSE" in n and "every input row" in n for n in schedule.notes)
    assert [s.kind for s in schedule.stages][-2:] == ["layer", "layer"]


def test_what_reads_a_gate_is_not_inside_a_stage_and_stays_exact() -> None:
    b = GraphBuilder(3)
    x = b.conv_2d(b.input((1, 10, 6, 3)), 8, (3, 3))
    gate = b.fully_connected(b.mean(x, (1, 2), scale=b.tensors[x].scale), 8)
    y = b.op("MUL", [x, b.reshape(gate, (1, 1, 1, 8))], {}, scale=0.2)
    graph = b.finish([b.conv_2d(y, 4, (3, 3))])
    schedule = plan_stages(graph)
    inputs = image(graph)
    want = reference(graph, inputs, Exact(graph))
    got = Machine(schedule, Exact(graph)).run(inputs)
    assert all((got[t] == want[t]).all() for t in graph.outputs)
    streams = [stage for stage in schedule.stages if stage.kind == "stream"]
    assert streams
    assert all("MUL" not in [schedule.graph.ops[i].type for i in stage.ops[1:]] for stage in streams)


def test_rows_input_falls_back_with_a_reason() -> None:
    b = GraphBuilder(5)
    x, y = b.input((1, 6, 6, 2), scale=0.1), b.input((1, 6, 6, 2), scale=0.1)
    schedule = plan_stages(b.finish([b.binary("ADD", x, y)]), input="rows")
    assert any("2 inputs" in n for n in schedule.notes)
    assert {x, y} <= set(schedule.offsets)


@pytest.mark.parametrize("source", ["resident", "rows"])
def test_an_input_that_nothing_reads_has_a_buffer_of_its_own(source: str) -> None:
    b = GraphBuilder(5)
    used, unused = b.input((1, 9, 6, 2)), b.input((1, 30, 6, 2))
    graph = b.finish([b.conv_2d(b.conv_2d(used, 4, (3, 3)), 2, (3, 3))])
    if unused not in graph.inputs:
        graph = replace(graph, inputs=(used, unused))
    schedule = plan_stages(graph, input=source)
    places = {x.tensor: x for x in schedule.buffers}
    assert {used, unused} <= set(places)
    a, b_ = places[used], places[unused]
    assert a.offset + a.size_bytes <= b_.offset or b_.offset + b_.size_bytes <= a.offset
    inputs = image(graph)
    assert (
        Machine(schedule, Exact(graph)).run(inputs)[graph.outputs[0]]
        == reference(graph, inputs, Exact(graph))[graph.outputs[0]]
    ).all()


def convolutions(count: int, height: int) -> Graph:
    b = GraphBuilder(1)
    x = b.input((1, height, 8, 4))
    for _ in range(count):
        x = b.conv_2d(x, 4, (3, 3))
    return b.finish([x])


def test_the_work_of_planning_does_not_explode_with_the_length_of_a_chain(monkeypatch) -> None:
    steps = 0
    plain = stages_work.row_order

    def counted(*arguments):
        nonlocal steps
        order = plain(*arguments)
        steps += len(order.steps)
        return order

    monkeypatch.setattr(stages_work, "row_order", counted)
    schedule = plan_stages(convolutions(120, 20))
    assert steps < 3 * stages_search.MOST_STEPS
    assert schedule.arena_bytes <= 2 * 20 * 8 * 4


def test_a_fed_input_has_no_buffer() -> None:
    graph = bottleneck()
    schedule = plan_stages(graph, input="rows")
    assert graph.inputs[0] not in schedule.offsets
    assert schedule.stages[0].plan.fed == graph.inputs[0]


def test_the_order_of_a_deep_chain_feeds_a_row_only_when_nothing_else_can_run() -> None:
    plan = plan_stages(bottleneck(height=30), input="rows").stages[0].plan
    fed = plan.storage_of[plan.fed]
    assert fed.slots <= 4 or len(set(fed.row_offsets)) <= 6


@pytest.mark.parametrize(
    "wrong",
    [
        {"kinds": ("strip",)},
        {"input": "camera"},
        {"prefer": "flash"},
        {"max_mac_overhead": 0.5},
        {"row_alignment": 3},
    ],
)
def test_wrong_arguments_are_refused(wrong: dict) -> None:
    with pytest.raises(UsageError, match="Expected"):
        plan_stages(bottleneck(), **wrong)


def test_a_graph_without_operators_has_a_plan() -> None:
    b = GraphBuilder()
    x = b.input((1, 4, 4, 1))
    assert plan_stages(b.finish([x])).arena_bytes == 16
