"""Every entry of the whitelist runs in the real interpreter with its output over its operand, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tflm_graphs import needs_tflm

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import OPS
from tflm_mcunet.schedule.layer import plan_layer
from tflm_mcunet.tflite import write
from tflm_mcunet.tflm.in_place import IN_PLACE, in_place_operands, overlapping_operands
from tflm_mcunet.tflm.interpreter import run
from tflm_mcunet.tflm.memory import memory
from tflm_mcunet.tflm.offline_plan import with_offline_plan

pytestmark = needs_tflm

SHAPES = ((1, 1, 1, 1), (1, 1, 5, 3), (1, 16, 16, 4), (1, 23, 17, 5))
LOGISTIC, TANH = {"scale": 1 / 256, "zero_point": -128}, {"scale": 1 / 128, "zero_point": 0}


def unary(type: str, options: dict | None = None, **keywords: float) -> Callable[..., tuple[Graph, int, int]]:
    """Maker of a graph with one operator of one operand: (graph, operand, output)."""

    def make(shape: tuple[int, ...], dtype: str, seed: int, scaled: float = 1.0) -> tuple[Graph, int, int]:
        b = GraphBuilder(seed)
        x = b.input(shape, dtype)
        given = dict(keywords) if dtype == "int8" else {}
        if not given and dtype == "int8" and type not in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS"):
            given = {"scale": b.tensors[x].scale * scaled, "zero_point": seed % 256 - 128}
        y = b.op(type, [x], options, **given)
        return b.finish([y]), x, y

    return make


UNARY = {
    "HARD_SWISH": unary("HARD_SWISH"),
    "LEAKY_RELU": unary("LEAKY_RELU", {"alpha": 0.3}),
    "LOGISTIC": unary("LOGISTIC", **LOGISTIC),
    "RELU": unary("RELU"),
    "RELU6": unary("RELU6"),
    "SOFTMAX": unary("SOFTMAX", {"beta": 1.0}, **LOGISTIC),
    "TANH": unary("TANH", **TANH),
}


def arrays(graph: Graph, seed: int, count: int = 3) -> list[list[np.ndarray]]:
    """Random inputs over the whole range of their types."""
    r = np.random.default_rng(seed)

    def draw(tensor) -> np.ndarray:
        if tensor.dtype == "float32":
            return r.normal(0, 3, tensor.shape).astype(np.float32)
        return r.integers(-128, 128, tensor.shape, dtype=np.int8)

    return [[draw(graph.tensors[t]) for t in graph.inputs] for _ in range(count)]


def assert_safe(graph: Graph, operand: int, output: int, seed: int = 0) -> None:
    """The plan that puts the output at the operand's offset changes no byte, and is really used."""
    inputs = arrays(graph, seed)
    apart = run(write(graph), inputs)
    planned = with_offline_plan(graph, {operand: 0, output: 0})
    together = run(write(planned), inputs)
    for plain, shared in zip(apart.outputs, together.outputs, strict=True):
        for a, b in zip(plain, shared, strict=True):
            np.testing.assert_array_equal(a, b)
    assert together.allocations.head_bytes == memory(planned).head_bytes
    assert together.allocations.head_bytes < apart.allocations.head_bytes


@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("type", sorted(UNARY))
def test_an_operator_of_one_operand_may_overwrite_it(type, dtype):
    for seed, shape in enumerate(SHAPES):
        for scaled in (1.0, 0.61, 1.7):
            graph, x, y = UNARY[type](shape, dtype, seed, scaled)
            assert in_place_operands(graph, graph.ops[0]) == (0,)
            assert_safe(graph, x, y, seed)


@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("activation", ["NONE", "RELU6"])
@pytest.mark.parametrize("type", ["ADD", "MUL", "SUB"])
def test_an_operator_of_two_operands_may_overwrite_either(type, activation, dtype):
    for seed, shape in enumerate(SHAPES):
        b = GraphBuilder(seed)
        x, y = b.input(shape, dtype), b.input(shape, dtype)
        z = b.binary(type, x, y, activation=activation, **({} if dtype == "int8" else {"scale": 1.0}))
        graph = b.finish([z])
        assert in_place_operands(graph, graph.ops[0]) == (0, 1)
        assert_safe(graph, x, z, seed)
        assert_safe(graph, y, z, seed)


@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("type", ["ADD", "MUL", "SUB"])
def test_an_operand_that_is_used_twice_may_be_overwritten(type, dtype):
    b = GraphBuilder(7)
    x = b.input((1, 9, 11, 3), dtype)
    z = b.binary(type, x, x, **({} if dtype == "int8" else {"scale": 1.0}))
    assert_safe(b.finish([z]), x, z)


@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("small", [(1, 1, 1, 1), (1, 1, 1, 5), (1, 1, 9, 1), (1, 7, 1, 5), (5,)])
@pytest.mark.parametrize("type", ["ADD", "MUL", "SUB"])
def test_the_operand_that_is_not_broadcast_may_be_overwritten_and_the_other_may_not(type, small, dtype):
    for position in (0, 1):
        b = GraphBuilder(position)
        shapes = [small, small]
        shapes[position] = (1, 7, 9, 5)
        operands = [b.input(shape, dtype) for shape in shapes]
        z = b.binary(type, *operands, **({} if dtype == "int8" else {"scale": 1.0}))
        graph = b.finish([z])
        assert in_place_operands(graph, graph.ops[0]) == (position,)
        assert_safe(graph, operands[position], z, position)


@pytest.mark.parametrize("source", ["int8", "float32"])
def test_quantize_may_overwrite_int8_and_longer_float32(source):
    for seed, shape in enumerate((*SHAPES, (1, 64, 64, 3))):
        for same_scale in (False, True):
            b = GraphBuilder(seed)
            x = b.input(shape, source)
            scale = b.tensors[x].scale if source == "int8" and same_scale else 0.043
            y = b.op("QUANTIZE", [x], dtype="int8", scale=scale, zero_point=-9 + seed)
            graph = b.finish([y])
            assert in_place_operands(graph, graph.ops[0]) == (0,)
            assert_safe(graph, x, y, seed)


@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("type", ["EXPAND_DIMS", "RESHAPE", "SQUEEZE"])
def test_a_change_of_shape_may_stay_where_it_is(type, dtype):
    for seed, shape in enumerate(((1, 1), (1, 37), (1, 4000))):
        b = GraphBuilder(seed)
        x = b.input((1, *shape) if type == "SQUEEZE" else shape, dtype)
        if type == "EXPAND_DIMS":
            y = b.op(type, [x, b.constant([1])])
        elif type == "RESHAPE":
            y = b.reshape(x, shape[::-1])
        else:
            y = b.op(type, [x], {"squeeze_dims": [0]})
        graph = b.finish([y])
        assert in_place_operands(graph, graph.ops[0]) == (0,)
        assert_safe(graph, x, y, seed)


def test_a_chain_runs_in_the_bytes_of_its_largest_tensor():
    b = GraphBuilder(3)
    x = b.input((1, 32, 32, 16))
    chain = [x]
    for type in ("RELU6", "HARD_SWISH", "LEAKY_RELU"):
        chain.append(b.op(type, [chain[-1]], {"alpha": 0.1} if type == "LEAKY_RELU" else {}))
    graph = b.finish([chain[-1]])
    planned = with_offline_plan(graph, dict.fromkeys(chain, 0))
    inputs = arrays(graph, 0)
    apart, together = run(write(graph), inputs), run(write(planned), inputs)
    np.testing.assert_array_equal(apart.outputs, together.outputs)
    assert apart.allocations.head_bytes == 2 * 16384
    assert together.allocations.head_bytes == 16384


@pytest.mark.parametrize("seed", range(60))
def test_a_pad_reads_its_input_from_inside_its_output(seed: int):
    r = np.random.default_rng(seed)
    b = GraphBuilder(seed)
    x = b.input((1, *(int(n) for n in r.integers(1, 20, 3))))
    pads = [(0, 0), *((int(p), int(q)) for p, q in r.integers(0, 6, (2, 2))), (0, 0)]
    y = b.pad(b.op("RELU", [x]), pads)
    graph = b.finish([b.op("RELU", [y])])
    plan = plan_layer(graph, in_place=overlapping_operands)
    planned = with_offline_plan(plan.graph, plan.offsets)
    inputs = arrays(graph, seed)
    np.testing.assert_array_equal(run(write(graph), inputs).outputs, run(write(planned), inputs).outputs)


def test_the_whitelist_has_no_entry_beyond_these_tests():
    proven = {*UNARY, "ADD", "MUL", "SUB", "QUANTIZE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS"}
    assert set(IN_PLACE) == proven
    assert proven <= set(OPS)


def test_an_operator_off_the_list_does_change_bytes_when_it_is_forced():
    b = GraphBuilder(5)
    x = b.input((1, 12, 12, 8))
    y = b.conv_2d(x, 8, (3, 3))
    graph = b.finish([y])
    assert in_place_operands(graph, graph.ops[0]) == ()
    inputs = arrays(graph, 0)
    planned = with_offline_plan(graph, {x: 0, y: 0})
    apart, together = run(write(graph), inputs), run(write(planned), inputs)
    assert not np.array_equal(apart.outputs[0][0], together.outputs[0][0])


@pytest.mark.parametrize("change", ["constant", "variable", "type", "broadcast"])
def test_what_is_not_proven_is_not_offered(change):
    b = GraphBuilder(1)
    x = b.input((1, 4, 4, 2))
    y = b.op("RELU", [x])
    graph = b.finish([y])
    tensors = list(graph.tensors)
    if change == "constant":
        tensors[x] = replace(tensors[x], data=bytes(32))
    elif change == "variable":
        tensors[x] = replace(tensors[x], is_variable=True)
    elif change == "type":
        tensors[x] = replace(tensors[x], dtype="int16")
    else:
        tensors[x] = replace(tensors[x], shape=(1, 1, 1, 2))
    graph = replace(graph, tensors=tuple(tensors))
    assert in_place_operands(graph, graph.ops[0]) == ()
