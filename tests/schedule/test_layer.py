"""The layer plan: valid, never worse than the model's own order, and quick."""

from __future__ import annotations

import importlib.util
import itertools
import random
import time

import numpy as np
import pytest
from schedule_cells import CELLS, SCALE, ZERO_POINT, conv, mobilenet_v2, tame
from schedule_graphs import WHITELIST, random_graph

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.errors import ModelError
from tflm_mcunet.graph import Graph, Op, Tensor
from tflm_mcunet.ops import VALID, total_macs
from tflm_mcunet.schedule.dependencies import check_order, predecessors
from tflm_mcunet.schedule.in_place import own_kernels
from tflm_mcunet.schedule.layer import plan_layer
from tflm_mcunet.schedule.lifetimes import lifetimes, live_bytes
from tflm_mcunet.schedule.schedule import aligned
from tflm_mcunet.tflite import write as write_model
from tflm_mcunet.tflm.interpreter import run
from tflm_mcunet.tflm.offline_plan import with_offline_plan
from tflm_mcunet.tflm.rewrite import layer_plan

needs_tflm = pytest.mark.skipif(
    importlib.util.find_spec("tflite_micro") is None, reason="the package tflite-micro is not installed"
)


def assert_sound(graph, schedule):
    """The plan of `graph` executes: dependencies kept, every tensor placed, nothing overwritten before its last use."""
    planned = schedule.graph
    assert sorted(map(repr, planned.ops)) == sorted(map(repr, graph.ops))
    assert planned.tensors == graph.tensors and planned.outputs == graph.outputs
    check_order(range(len(planned.ops)), predecessors(planned))
    assert [stage.ops for stage in schedule.stages] == [(i,) for i in range(len(graph.ops))]
    assert schedule.arena_bytes == max(
        (aligned(b.offset + b.size_bytes) for b in schedule.buffers), default=0
    )
    assert schedule.lower_bound_bytes <= schedule.arena_bytes
    assert max((s.peak_bytes for s in schedule.stages), default=0) <= schedule.lower_bound_bytes
    for a, b in itertools.combinations(schedule.buffers, 2):
        if a.overlaps_in_time(b):
            assert a.offset + a.size_bytes <= b.offset or b.offset + b.size_bytes <= a.offset
    # Run it symbolically: every byte of the arena remembers whose it is.
    arena = {}
    for t in planned.inputs:
        write(arena, schedule, planned, t)
    for op in planned.ops:
        for t in op.inputs:
            if t in schedule.offsets and not planned.tensors[t].is_variable:
                assert all(arena.get(x) == t for x in span(schedule, planned, t)), (op, t)
        for t in op.outputs:
            write(arena, schedule, planned, t)
    for t in planned.outputs:
        if t in schedule.offsets:
            assert all(arena[x] == t for x in span(schedule, planned, t))


def span(schedule, graph, t):
    """The 16-byte blocks of a tensor."""
    return range(
        schedule.offsets[t] // 16, (schedule.offsets[t] + aligned(graph.tensors[t].size_bytes)) // 16
    )


def write(arena, schedule, graph, t):
    if t in schedule.offsets:
        arena.update(dict.fromkeys(span(schedule, graph, t), t))


@pytest.mark.parametrize("part", range(4))
def test_random_graphs(part):
    rng = random.Random(100 + part)
    reordered = shared = 0
    for _ in range(50):
        graph = random_graph(rng, 16)
        whitelist = rng.choice((None, WHITELIST))
        overwrite = rng.random() < 0.3
        own = plan_layer(graph, in_place=whitelist, overwrite_inputs=overwrite, reorder=False, effort=20_000)
        best = plan_layer(graph, in_place=whitelist, overwrite_inputs=overwrite, effort=20_000)
        for schedule in (own, best):
            assert_sound(graph, schedule)
        assert own.graph.ops == graph.ops
        assert best.arena_bytes <= own.arena_bytes
        if best.arena_bytes == own.arena_bytes:
            assert best.graph.ops == graph.ops
        assert best == plan_layer(graph, in_place=whitelist, overwrite_inputs=overwrite, effort=20_000)
        assert plan_layer(graph, in_place=None, effort=20_000).arena_bytes >= best.arena_bytes
        reordered += best.graph.ops != graph.ops
        shared += bool(best.shared)
    assert reordered > 3 and shared > 10


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("whitelist", [None, own_kernels()], ids=["apart", "in place"])
def test_cells_reach_the_smallest_peak(name, whitelist):
    graph = CELLS[name]()
    own = plan_layer(graph, in_place=whitelist, reorder=False)
    best = plan_layer(graph, in_place=whitelist)
    assert_sound(graph, best)
    assert best.arena_bytes == best.lower_bound_bytes == max(s.peak_bytes for s in best.stages)
    assert best.arena_bytes < own.arena_bytes
    assert not best.notes


@needs_tflm
@pytest.mark.parametrize("name", CELLS)
def test_cells_in_unmodified_tflite_micro(name):
    """The recorded head falls to the planned arena, and no output byte changes."""
    graph = CELLS[name]()
    rewritten, head, _ = layer_plan(graph, graph)
    rng = np.random.default_rng(1)
    inputs = [[rng.integers(-128, 128, graph.tensors[t].shape, dtype=np.int8) for t in graph.inputs]]
    before, after = run(write_model(graph), inputs), run(write_model(rewritten), inputs)
    assert after.allocations.head_bytes == head < before.allocations.head_bytes
    for a, b in zip(before.outputs[0], after.outputs[0], strict=True):
        assert np.array_equal(a, b) and len(np.unique(a)) > 10


def test_scratch_is_placed_beside_the_operands():
    graph = Graph(
        tuple(Tensor(f"t{i}", (64,), "int8") for i in range(3)),
        (Op("RELU", (0,), (1,)), Op("SOFTMAX", (1,), (2,))),
        (0,),
        (2,),
    )
    schedule = plan_layer(graph, in_place=None, scratch=lambda g, op: [200] if op.type == "SOFTMAX" else [])
    assert schedule.arena_bytes == 64 + 64 + 208
    assert [s.peak_bytes for s in schedule.stages] == [128, 336]


def padding_chain(seed):
    """Convolutions with PyTorch's even padding before strides of two, which no SAME padding can replace."""
    b = GraphBuilder(seed)
    rng = random.Random(seed)
    values = {"scale": SCALE, "zero_point": ZERO_POINT}
    x = conv(b, b.input((1, 24, 20, 3), **values), 8)
    for _ in range(3):
        kernel = rng.choice((3, 5))
        around = (kernel // 2, kernel // 2)
        y = b.pad(conv(b, x, rng.choice((8, 16, 24))), [(0, 0), around, around, (0, 0)])
        y = b.depthwise_conv_2d(y, (kernel, kernel), stride=(2, 2), padding=VALID, **values)
        x = conv(b, tame(b, y), 8)
    return b.finish([x])


@needs_tflm
@pytest.mark.parametrize("seed", range(6))
def test_a_pad_in_place_in_unmodified_tflite_micro(seed):
    graph = padding_chain(seed)
    whitelist = {"PAD": (0,)}
    apart, shared = (plan_layer(graph, in_place=w) for w in (None, whitelist))
    assert_sound(graph, shared)
    assert shared.arena_bytes < apart.arena_bytes
    rewritten = with_offline_plan(shared.graph, shared.offsets)
    rng = np.random.default_rng(seed)
    inputs = [[rng.integers(-128, 128, graph.tensors[t].shape, dtype=np.int8) for t in graph.inputs]]
    before, after = run(write_model(graph), inputs), run(write_model(rewritten), inputs)
    assert after.allocations.head_bytes == shared.arena_bytes < before.allocations.head_bytes
    assert (
        np.array_equal(before.outputs[0][0], after.outputs[0][0]) and len(np.unique(after.outputs[0][0])) > 20
    )


def test_in_place_add_saves_its_output():
    graph = mobilenet_v2(size=96)
    apart, shared = (plan_layer(graph, in_place=w) for w in (None, {"ADD": (0, 1)}))
    assert_sound(graph, shared)
    adds = [op.outputs[0] for op in shared.graph.ops if op.type == "ADD"]
    assert adds and set(adds) <= set(shared.shared)
    assert shared.arena_bytes <= apart.arena_bytes
    assert total_macs(graph) == sum(stage.macs for stage in shared.stages)


def test_mobilenet_is_planned_in_milliseconds():
    graph = mobilenet_v2()
    assert 60 < len(graph.ops) < 120
    times = []
    for _ in range(5):
        start = time.process_time()
        plan_layer(graph, in_place=own_kernels())
        times.append(time.process_time() - start)
    assert min(times) < 0.030


def test_a_cycle_is_a_model_error():
    parts = tuple(Tensor(f"t{i}", (8,), "int8") for i in range(4))
    ops = (Op("ADD", (0, 2), (1,)), Op("RELU", (1,), (2,)), Op("RELU", (2,), (3,)))
    with pytest.raises(ModelError, match="cycle"):
        plan_layer(Graph(parts, ops, (0,), (3,)), in_place=None)
    with pytest.raises(ModelError, match="cycle"):
        plan_layer(Graph(parts, (Op("ADD", (0, 1), (1,)),), (0,), (1,)), in_place=None)


def test_operators_out_of_order_are_sorted_with_a_note():
    parts = tuple(Tensor(f"t{i}", (8,), "int8") for i in range(3))
    graph = Graph(parts, (Op("RELU", (1,), (2,)), Op("TANH", (0,), (1,))), (0,), (2,))
    schedule = plan_layer(graph, in_place=None)
    assert [op.type for op in schedule.graph.ops] == ["TANH", "RELU"]
    assert "sorted" in schedule.notes[0]


def test_budget_exhausted_is_said_with_the_gap():
    graph = CELLS["NASNet-A"]()
    own = plan_layer(graph, in_place=None, reorder=False)
    starved = plan_layer(graph, in_place=None, budget=300)
    assert starved.arena_bytes <= own.arena_bytes
    assert any("stopped after" in note for note in starved.notes)
    assert plan_layer(graph, in_place=None, budget=0).graph.ops == graph.ops


def test_empty_graph():
    schedule = plan_layer(Graph((Tensor("x", (8,), "int8"),), (), (0,), (0,)), in_place=None)
    assert schedule.stages == () and schedule.arena_bytes == 16


def test_tensors_past_two_gibibytes():
    parts = tuple(Tensor(f"t{i}", (1 << 20, 1 << 13), "float32") for i in range(4))
    ops = tuple(Op("RELU", (i,), (i + 1,)) for i in range(3))
    schedule = plan_layer(Graph(parts, ops, (0,), (3,)), in_place=None)
    assert schedule.arena_bytes == 2 << 35
    assert set(schedule.offsets.values()) == {0, 1 << 35}


def wide(count):
    """`count` branches of two operators from one input, joined pairwise by ADDs at the end."""
    parts = [Tensor("x", (64,), "int8")]
    ops, ends = [], []
    for i in range(count):
        parts += [Tensor(f"a{i}", (100 + i % 37,), "int8"), Tensor(f"b{i}", (50 + i % 11,), "int8")]
        ops += [Op("SPLIT", (0,), (len(parts) - 2,)), Op("SPLIT", (len(parts) - 2,), (len(parts) - 1,))]
        ends.append(len(parts) - 1)
    while len(ends) > 1:
        left, right, *ends = ends
        parts.append(Tensor("sum", (50,), "int8"))
        ops.append(Op("CONCATENATION", (left, right), (len(parts) - 1,)))
        ends.append(len(parts) - 1)
    # All first halves first, as a breadth-first exporter would write them.
    ops = ops[: 2 * count : 2] + ops[1 : 2 * count : 2] + ops[2 * count :]
    return Graph(tuple(parts), tuple(ops), (0,), (ends[0],))


def long_chain(count):
    parts = [Tensor(f"t{i}", (100 + i % 91,), "int8") for i in range(count + 1)]
    return Graph(tuple(parts), tuple(Op("RELU", (i,), (i + 1,)) for i in range(count)), (0,), (count,))


def tangled(count):
    rng = random.Random(2)
    parts = [Tensor("x", (64,), "int8")]
    ops = []
    for i in range(count):
        parts.append(Tensor(f"t{i}", (rng.randint(1, 200),), "int8"))
        ops.append(Op("ADD", tuple(rng.randint(max(0, i - 30), i) for _ in range(2)), (i + 1,)))
    return Graph(tuple(parts), tuple(ops), (0,), (count,))


@pytest.mark.parametrize(
    "make", [long_chain, tangled, lambda n: wide(n // 3)], ids=["chain", "tangled", "wide"]
)
def test_ten_thousand_operators(make):
    graph = make(10_000)
    start = time.process_time()
    schedule = plan_layer(graph, in_place=WHITELIST)
    assert time.process_time() - start < 10
    assert len(schedule.stages) == len(graph.ops)
    lives = lifetimes(graph, in_place=WHITELIST)
    greedy = max(live_bytes(lives.buffers, lives.steps))
    assert schedule.lower_bound_bytes <= max(greedy, schedule.arena_bytes)
