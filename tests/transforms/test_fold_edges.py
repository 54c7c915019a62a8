"""QUANTIZE and DEQUANTIZE at the edges: the caller's int8 bytes are the ones the model computed with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from transform_runs import drawn_inputs, needs_tflm, outputs_of, types

from tflm_mcunet import tflite
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Quantization
from tflm_mcunet.transforms import fold_edges


def float_edges(outer="float32"):
    """float or uint8 -> QUANTIZE -> convolution -> DEQUANTIZE or QUANTIZE, with two inputs and two outputs."""
    b = GraphBuilder(5)
    outside = {"scale": 0.02, "zero_point": 120} if outer == "uint8" else {}
    fed = [b.input((1, 4, 4, 2), outer, name=f"image{i}") for i in range(2)]
    for t in fed:
        if outer == "uint8":
            b.tensors[t] = replace(b.tensors[t], quantization=Quantization((0.02,), (120,)))
    xs = [b.op("QUANTIZE", [t], dtype="int8", scale=0.02, zero_point=-8 - i) for i, t in enumerate(fed)]
    y = b.conv_2d(b.binary("ADD", *xs), 3)
    z = b.mean(y, (1, 2))
    ends = []
    for t in (y, z):
        if outer == "uint8":
            end = b.op("QUANTIZE", [t], dtype="uint8")
            q = b.tensors[t].quantization
            b.tensors[end] = replace(
                b.tensors[end], quantization=Quantization(q.scale, (q.zero_point[0] + 128,))
            )
        else:
            end = b.op("DEQUANTIZE", [t], dtype="float32")
        b.tensors[end] = replace(b.tensors[end], name=f"score{len(ends)}")
        ends.append(end)
    assert outside or outer == "float32"
    return b.finish(ends)


@needs_tflm
@pytest.mark.parametrize("outer", ["float32", "uint8"])
def test_int8_edges_give_the_bytes_in_between(outer):
    graph = float_edges(outer)
    result = fold_edges(graph)
    inner = result.graph
    tflite.verify(inner)
    assert types(inner) == ["ADD", "CONV_2D", "MEAN"] and len(result.done) == 4 and not result.refused
    assert [inner.tensors[t].dtype for t in (*inner.inputs, *inner.outputs)] == ["int8"] * 4
    assert [inner.tensors[t].name for t in inner.inputs] == ["image0", "image1"]
    assert [inner.tensors[t].name for t in inner.outputs] == ["score0", "score1"]
    stored = drawn_inputs(inner, seed=1)
    given = [[outside(inner, t, q, outer) for t, q in zip(inner.inputs, arrays)] for arrays in stored]
    for expected, got in zip(outputs_of(graph, given), outputs_of(inner, stored)):
        for t, a, q in zip(inner.outputs, expected, got):
            assert np.array_equal(a, outside(inner, t, q, outer, is_input=False))


def outside(graph, t, stored, outer, is_input=True):
    """What the caller gave or got for int8 bytes before the edges were folded."""
    tensor = graph.tensors[t]
    if outer == "float32":
        return (tensor.scale * (stored.astype(np.int32) - tensor.zero_point)).astype(np.float32)
    offset = 120 - tensor.zero_point if is_input else 128
    return np.clip(stored.astype(np.int32) + offset, 0, 255).astype(np.uint8)


@needs_tflm
def test_a_real_model(shared_models):
    graph = tflite.read((shared_models / "mcunet_vww_80.tflite").read_bytes())
    result = fold_edges(graph)
    assert len(result.graph.ops) == len(graph.ops) - 2
    stored = drawn_inputs(result.graph, inferences=1)
    given = [[outside(result.graph, result.graph.inputs[0], stored[0][0], "float32")]]
    got = outputs_of(result.graph, stored)[0][0]
    expected = outputs_of(graph, given)[0][0]
    assert np.array_equal(expected, outside(result.graph, result.graph.outputs[0], got, "float32"))


def test_signatures_follow():
    graph = tflite.read(tflite.write(float_edges()))
    folded = fold_edges(graph).graph
    again = tflite.read(tflite.write(folded))
    assert [again.tensors[t].dtype for t in (*again.inputs, *again.outputs)] == ["int8"] * 4


def test_int8_models_are_left_alone():
    b = GraphBuilder()
    graph = b.finish([b.conv_2d(b.input((1, 4, 4, 2)), 3)])
    result = fold_edges(graph)
    assert result.graph is graph and result.refused == () == result.done


def refusal(change):
    b = GraphBuilder(6)
    x = b.input((1, 4, 4, 2), "float32")
    q = b.op("QUANTIZE", [x], dtype="int16" if change == "int16" else "int8", scale=0.1, zero_point=0)
    if change == "two readers":
        b.op("QUANTIZE", [x], dtype="int8", scale=0.2, zero_point=0)
    if change == "other reader":
        b.ops.pop()
        q = b.op("RELU", [x])
    y = b.op("RELU", [q])
    outputs = {"input is output": [y, x], "quantised is output": [y, q]}.get(change, [y])
    if change == "unread":
        b.ops.clear()
        z = b.input((1, 4), name="z")
        outputs = [b.op("RELU", [z])]
    return b.finish(outputs)


@pytest.mark.parametrize(
    "change, reason",
    [
        ("int16", "quantised to int16"),
        ("two readers", "2 operators read it"),
        ("other reader", "RELU reads it"),
        ("unread", "nothing reads it"),
        ("input is output", "graph output too"),
        ("quantised is output", "quantised form is a graph output"),
    ],
)
def test_reasons_for_an_input_to_stay(change, reason):
    result = fold_edges(refusal(change))
    assert any("graph input 0" in r and reason in r for r in result.refused), result.refused
    assert not any("input" in d for d in result.done)


@pytest.mark.parametrize("change", ["read", "twice", "int8 returned", "int8 fed", "computed by another"])
def test_reasons_for_an_output_to_stay(change):
    b = GraphBuilder(7)
    x = b.input((1, 4), scale=0.1, zero_point=3)
    q = x if change == "int8 fed" else b.op("RELU", [x])
    y = b.op("DEQUANTIZE", [q], dtype="float32")
    outputs, reason = [y], "int8 form"
    if change == "read":
        outputs, reason = [y, b.op("LOGISTIC", [y])], "something else uses it"
    elif change == "twice":
        outputs, reason = [y, y], "something else uses it"
    elif change == "int8 returned":
        outputs = [y, q]
    elif change == "computed by another":
        outputs, reason = [b.op("LOGISTIC", [y])], "LOGISTIC computes it"
    graph = b.finish(outputs)
    result = fold_edges(graph)
    assert result.graph is graph and any(reason in r for r in result.refused)
