"""Maps times a gate that a global pool leads to (squeeze-and-excite) flow through stages, with TFLite Micro's bytes."""

from __future__ import annotations

import numpy as np
import pytest
from stage_graphs import exact_runs
from test_streams_equal_tflm import assert_equal_to_tflm

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.rows import row_graph
from tflm_mcunet.schedule.stages import plan_stages
from tflm_mcunet.tflm.stage_graph import stage_graph


def gate(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    """One value a channel from a global pool, as exporters write it: convolutions, or layers without rows."""
    channels = b.tensors[x].shape[3]
    if r.random() < 0.5:
        y = b.conv_2d(b.mean(x, (1, 2), keep_dims=True), 3, (1, 1), activation="RELU")
        y = b.conv_2d(y, channels, (1, 1))
    else:
        y = b.fully_connected(b.fully_connected(b.mean(x, (1, 2)), 3, activation="RELU"), channels)
        y = b.reshape(y, (1, 1, 1, channels)) if r.random() < 0.7 else y
    if r.random() < 0.5:
        y = b.op("LOGISTIC", [y], {}, scale=1 / 256, zero_point=-128)
    if r.random() < 0.3 and len(b.tensors[y].shape) == 2:
        y = b.reshape(y, (1, 1, 1, channels))
    return y


def gated(seed: int) -> Graph:
    """Blocks with a gate, some with a shortcut, some whose map is read again after the gate."""
    b, r = GraphBuilder(seed), np.random.default_rng(seed)
    x = b.conv_2d(b.input((1, *(int(n) for n in r.integers(9, 24, 2)), 3)), 4, (3, 3), stride=(2, 1))
    for _ in range(int(r.integers(1, 4))):
        before = x
        y = b.depthwise_conv_2d(b.conv_2d(x, 9, (1, 1), activation="RELU6"), (3, 3), activation="RELU6")
        kind = ("MUL", "MUL", "ADD", "SUB")[int(r.integers(4))]
        g = gate(b, y, r)
        swapped = kind != "SUB" and r.random() < 0.3
        scaled = b.binary(kind, *((g, y) if swapped else (y, g)), scale=b.tensors[y].scale)
        if r.random() < 0.4:
            scaled = b.binary("ADD", scaled, y)
        x = b.conv_2d(scaled, 4, (1, 1))
        if r.random() < 0.5:
            x = b.binary("ADD", x, before)
    return b.finish([x if r.random() < 0.5 else b.softmax(b.fully_connected(b.mean(x, (1, 2)), 5))])


@pytest.mark.parametrize("source", ["resident", "rows"])
def test_gates_stream(source: str) -> None:
    graphs = [gated(seed) for seed in range(16)]
    plans = [plan_stages(g, input=source, effort=2000) for g in graphs]
    streamed = {i for plan in plans for s in plan.stages if s.plan for i in s.ops}
    assert streamed
    for graph, plan in zip(graphs, plans, strict=True):
        of_stage = {i: stage for stage in plan.stages for i in stage.ops}
        for node in row_graph(graph).nodes:
            assert not any(graph.describe(node.op) in note for note in plan.notes if node.gates)
            is_first = of_stage[node.op].ops[0] in node.covers
            assert not node.gates or is_first or of_stage[node.op].plan is None
    assert sum(s.kind == "stream" and len(s.ops) > 1 for p in plans for s in p.stages) > 12
    assert_equal_to_tflm(graphs, plans)


def test_gates_as_layers_and_in_quick_plans() -> None:
    graphs = [gated(seed) for seed in range(40, 46)]
    layers = [plan_stages(g, kinds=("layer",)) for g in graphs]
    quick = [plan_stages(g, effort="quick") for g in graphs]
    tiles = [plan_stages(g, max_mac_overhead=1.5, effort=500) for g in graphs[:2]]
    assert_equal_to_tflm([*graphs, *graphs, *graphs[:2]], [*layers, *quick, *tiles])


def test_gates_in_the_interpreter_of_tflite_micro() -> None:
    for seed in range(56, 60):
        graph = gated(seed)
        exact_runs(graph, stage_graph(plan_stages(graph, effort=2000)))


def kept_map() -> Graph:
    """A map that is needed after it was scaled, so that the product cannot lie over it."""
    b = GraphBuilder(5)
    x = b.conv_2d(b.input((1, 24, 24, 3)), 8, (3, 3), activation="RELU6")
    g = b.op("LOGISTIC", [b.conv_2d(b.mean(x, (1, 2), keep_dims=True), 8, (1, 1))], {}, scale=1 / 256,
             zero_point=-128)  # fmt: skip
    y = b.binary("ADD", x, b.binary("MUL", x, g))
    return b.finish([b.conv_2d(y, 4, (3, 3), stride=(2, 2))])


def test_a_scaled_map_is_never_there_as_a_whole() -> None:
    graph = kept_map()
    plan, stock = plan_stages(graph), plan_stages(graph, kinds=("layer",))
    map_bytes = 24 * 24 * 8
    assert stock.arena_bytes >= 2 * map_bytes
    assert plan.arena_bytes < 1.3 * map_bytes
    before, after = exact_runs(graph, stage_graph(plan))
    assert after.head_bytes < 1.35 * map_bytes < before.head_bytes
    assert_equal_to_tflm([graph], [plan])


def test_quick_plans_take_no_more_than_with_gates_as_layers() -> None:
    b = GraphBuilder(1)
    x = b.conv_2d(b.input((1, 48, 48, 3)), 16, (3, 3), stride=(2, 2), activation="RELU6")
    for channels, size, stride in ((24, 3, 2), (24, 5, 1), (40, 5, 2)):
        y = b.conv_2d(x, 3 * b.tensors[x].shape[3], activation="RELU6")
        y = b.depthwise_conv_2d(y, (size, size), stride=(stride, stride), activation="RELU6")
        squeezed = b.conv_2d(b.mean(y, (1, 2), keep_dims=True), 8, activation="RELU")
        g = b.op("LOGISTIC", [b.conv_2d(squeezed, b.tensors[y].shape[3])], {}, scale=1 / 256, zero_point=-128)
        x = b.conv_2d(b.binary("MUL", y, g, scale=b.tensors[y].scale), channels)
    graph = b.finish([x])
    quick, careful = plan_stages(graph, effort="quick"), plan_stages(graph)
    assert careful.arena_bytes <= quick.arena_bytes <= 1.05 * careful.arena_bytes
    assert_equal_to_tflm([graph, graph], [quick, careful])
