"""Operators that move no byte go; what looks like one and is not, stays."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from transform_runs import assert_same_outputs, needs_tflm, types

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph, Op, Quantization, Tensor
from tflm_mcunet.transforms import drop_dead_code, drop_identities


def between(make, shape=(1, 4, 1, 6), **keywords):
    """input -> RELU -> make -> TANH, so that what `make` adds has a producer and a reader."""
    b = GraphBuilder(8)
    x = b.op("RELU", [b.input(shape, **keywords)], scale=0.1, zero_point=0)
    y = make(b, x)
    return b.finish([b.op("TANH", [y], scale=1 / 128, zero_point=0)])


def transpose(*order):
    return lambda b, x: b.op("TRANSPOSE", [x, b.constant(order)])


@needs_tflm
@pytest.mark.parametrize(
    "make, left",
    [
        (lambda b, x: b.reshape(x, (1, 4, 1, 6)), []),
        (lambda b, x: b.reshape(x, (4, 6)), ["RESHAPE"]),
        (transpose(0, 1, 2, 3), []),
        (transpose(2, 1, 0, 3), []),
        (transpose(1, 0, 2, 3), ["RESHAPE"]),
        (transpose(0, 1, 3, 2), ["RESHAPE"]),
        (transpose(0, 3, 2, 1), ["TRANSPOSE"]),
        (lambda b, x: b.op("QUANTIZE", [x]), []),
        (lambda b, x: b.op("QUANTIZE", [x], scale=0.1, zero_point=1), ["QUANTIZE"]),
        (lambda b, x: b.op("QUANTIZE", [x], scale=0.2), ["QUANTIZE"]),
        (lambda b, x: b.op("RELU", [x]), ["RELU"]),
        (lambda b, x: b.reshape(b.reshape(b.reshape(x, (24,)), (4, 6)), (2, 12)), ["RESHAPE"]),
    ],
    ids=[
        "same shape",
        "other shape",
        "same order",
        "equal ones swapped",
        "leading one moved",
        "inner one moved",
        "long axes moved",
        "same parameters",
        "other zero point",
        "other scale",
        "a range that clamps",
        "reshapes in a row",
    ],
)
def test_what_changes_nothing_is_dropped(make, left):
    graph = between(make)
    result = drop_identities(graph)
    result_graph = drop_dead_code(result.graph).graph
    assert types(result_graph) == ["RELU", *left, "TANH"]
    assert_same_outputs(graph, result_graph)


@needs_tflm
def test_transposes_over_all_orders():
    """Every TRANSPOSE of a shape with ones either stays, or its replacement gives the same bytes."""
    kept = 0
    for order in itertools.permutations(range(4)):
        graph = between(transpose(*order), shape=(1, 3, 1, 2))
        result = drop_identities(graph)
        data = np.arange(6).reshape(1, 3, 1, 2)
        keeps_order = np.array_equal(data.transpose(order).reshape(-1), np.arange(6))
        assert ("TRANSPOSE" not in types(result.graph)) == keeps_order
        kept += not keeps_order
        if keeps_order:
            assert_same_outputs(graph, result.graph, inferences=1)
    assert kept == 12


@needs_tflm
@pytest.mark.parametrize("type", ["RELU", "RELU6"])
def test_an_activation_whose_range_is_all_of_int8(type):
    # With zero point -128 nothing is below zero; with this scale nothing is above six.
    for scale, is_dropped in ((6 / 255, True), (6 / 250, type == "RELU")):
        b = GraphBuilder(9)
        x = b.op("TANH", [b.input((1, 8), scale=0.1, zero_point=0)], scale=1 / 128, zero_point=0)
        x = b.op("QUANTIZE", [x], scale=scale, zero_point=-128)
        graph = b.finish([b.op(type, [x])])
        result = drop_identities(graph)
        assert (type not in types(result.graph)) == is_dropped
        if is_dropped:
            assert_same_outputs(graph, result.graph)


@needs_tflm
def test_an_identity_at_the_output_keeps_the_output_tensor():
    b = GraphBuilder(10)
    x = b.op("RELU", [b.input((1, 6), scale=0.1, zero_point=0)])
    other = b.op("TANH", [x], scale=1 / 128, zero_point=0)
    y = b.reshape(x, (1, 6))
    graph = b.finish([y, other])
    result = drop_identities(graph)
    assert types(result.graph) == ["RELU", "TANH"] and result.graph.outputs == graph.outputs
    assert result.graph.ops[0].outputs == (y,) == result.graph.ops[1].inputs
    assert_same_outputs(graph, result.graph)


def test_copies_that_the_caller_sees_stay():
    b = GraphBuilder(11)
    x = b.input((1, 6))
    graph = b.finish([b.reshape(x, (1, 6))])
    result = drop_identities(graph)
    assert result.graph is graph and "copies a graph input" in result.refused[0]
    y = b.op("RELU", [x], scale=0.1, zero_point=0)
    graph = b.finish([y, b.reshape(y, (1, 6))])
    assert [t for t in types(drop_identities(graph).graph) if t == "RESHAPE"]


def test_a_copy_of_a_variable_stays():
    parts = (
        Tensor("x", (4,), "int8"),
        Tensor("state", (4,), "int8", is_variable=True),
        Tensor("before", (4,), "int8"),
        Tensor("y", (4,), "int8"),
    )
    ops = (Op("RESHAPE", (1,), (2,)), Op("SVDF", (0, 1), (3,)))
    graph = Graph(parts, ops, (0,), (2, 3))
    result = drop_identities(graph)
    assert result.graph is graph and "variable" in result.refused[0]


@pytest.mark.parametrize("change", ["scale", "zero point", "dtype"])
def test_other_meanings_are_no_identity(change):
    b = GraphBuilder(12)
    x = b.op("RELU", [b.input((1, 6), scale=0.1, zero_point=0)])
    y = b.reshape(x, (1, 6))
    q = {"scale": Quantization((0.2,), (0,)), "zero point": Quantization((0.1,), (1,))}.get(change)
    fields = {"dtype": "uint8"} if change == "dtype" else {"quantization": q}
    b.tensors[y] = replace(b.tensors[y], **fields)
    graph = b.finish([b.op("TANH", [y], scale=1 / 128, zero_point=0, dtype="int8")])
    assert drop_identities(graph).graph is graph


def test_a_reshape_that_others_read_too_is_not_skipped():
    b = GraphBuilder(13)
    x = b.op("RELU", [b.input((1, 6), scale=0.1, zero_point=0)])
    middle = b.reshape(x, (2, 3))
    graph = b.finish([b.reshape(middle, (3, 2)), b.op("TANH", [middle], scale=1 / 128, zero_point=0)])
    assert drop_identities(graph).graph is graph


def test_dead_code_goes_and_state_stays():
    parts = (
        *(Tensor(f"t{i}", (4,), "int8") for i in range(5)),
        Tensor("state", (4,), "int8", is_variable=True),
    )
    ops = (
        Op("RELU", (0,), (1,)),
        Op("TANH", (0,), (2,)),
        Op("RELU", (2,), (3,)),
        Op("SVDF", (0, 5), (4,)),
        Op("ASSIGN_VARIABLE", (0, 0), ()),
    )
    graph = Graph(parts, ops, (0,), (1,))
    result = drop_dead_code(graph)
    assert types(result.graph) == ["RELU", "SVDF", "ASSIGN_VARIABLE"]
    assert len(result.done) == 2 and "op 1 TANH" in result.done[0]
    assert drop_dead_code(result.graph).graph is result.graph
