"""PAD before a VALID convolution becomes SAME exactly where TFLite Micro computes the same bytes."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from transform_runs import assert_same_outputs, drawn_inputs, needs_tflm, outputs_of, types

from tflm_mcunet import tflite
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.errors import ModelError
from tflm_mcunet.graph import Quantization
from tflm_mcunet.ops import SAME, VALID
from tflm_mcunet.transforms import fold_pad


def padded(pads, *, size=(8, 8), kernel=(3, 3), stride=(1, 1), dilation=(1, 1), depthwise=False, seed=0):
    """input -> PAD -> VALID convolution."""
    b = GraphBuilder(seed)
    x = b.pad(b.input((1, *size, 2)), pads)
    keywords = {"stride": stride, "dilation": dilation, "padding": VALID}
    y = b.depthwise_conv_2d(x, kernel, **keywords) if depthwise else b.conv_2d(x, 3, kernel, **keywords)
    return b.finish([y])


def spatial(top, bottom, left, right):
    return [(0, 0), (top, bottom), (left, right), (0, 0)]


@needs_tflm
@pytest.mark.parametrize("part", range(3))
def test_drawn_geometries(part):
    rng = random.Random(part)
    folded = same_size_refused = 0
    for _ in range(40):
        kernel = (rng.randint(1, 5), rng.randint(1, 5))
        stride = rng.choice([(1, 1), (2, 2), (2, 2), (3, 3)])
        dilation = rng.choice([(1, 1), (1, 1), (2, 2)]) if stride == (1, 1) else (1, 1)
        size = (rng.randint(5, 9), rng.randint(5, 9))
        totals = [(k - 1) * d for k, d in zip(kernel, dilation)]
        pads = []
        for n, k, s, d in zip(size, kernel, stride, dilation):
            # What SAME would add, as often as anything.
            total = max(((n + s - 1) // s - 1) * s + (k - 1) * d + 1 - n, 0)
            pads += (
                [total // 2, total - total // 2]
                if rng.random() < 0.8
                else [rng.randint(0, 2), rng.randint(0, 2)]
            )
        if any(n + a + b <= t for n, a, b, t in zip(size, pads[::2], pads[1::2], totals)):
            continue
        graph = padded(
            spatial(*pads),
            size=size,
            kernel=kernel,
            stride=stride,
            dilation=dilation,
            depthwise=rng.random() < 0.5,
        )
        result = fold_pad(graph)
        if result.done:
            folded += 1
            assert types(result.graph) in (["CONV_2D"], ["DEPTHWISE_CONV_2D"])
            assert_same_outputs(graph, result.graph)
        elif "SAME gives" in result.refused[0]:
            assert result.graph is graph
            # The refusal is needed: SAME on the same input has another size, or other bytes.
            convolution = graph.ops[1]
            options = {**convolution.options, "padding": SAME}
            forced = replace(convolution, inputs=(graph.inputs[0], *convolution.inputs[1:]), options=options)
            try:
                tflite.verify(graph.with_ops([forced]))
            except ModelError:
                continue
            inputs = drawn_inputs(graph)
            a, b = outputs_of(graph, inputs), outputs_of(graph.with_ops([forced]), inputs)
            assert any(not np.array_equal(x, y) for one, other in zip(a, b) for x, y in zip(one, other))
            same_size_refused += 1
    assert folded >= 10 and same_size_refused >= 1


@pytest.mark.parametrize(
    "size, pads",
    [((8, 8), spatial(0, 1, 0, 1)), ((9, 9), spatial(1, 1, 1, 1)), ((8, 9), spatial(0, 1, 1, 1))],
    ids=["even", "odd", "mixed"],
)
def test_what_keras_exports_before_a_stride_of_two_is_folded(size, pads):
    result = fold_pad(padded(pads, size=size, stride=(2, 2), depthwise=True))
    assert types(result.graph) == ["DEPTHWISE_CONV_2D"] and not result.refused
    assert result.graph.ops[0].options["padding"] == SAME
    assert result.graph.ops[0].inputs[0] == result.graph.inputs[0]
    assert "PAD" in result.done[0]


def test_every_reader_is_folded_or_none():
    b = GraphBuilder(1)
    x = b.pad(b.input((1, 8, 8, 2)), spatial(1, 1, 1, 1))
    ends = [b.conv_2d(x, 3, (3, 3), padding=VALID), b.depthwise_conv_2d(x, (3, 3), padding=VALID)]
    both = b.finish(ends)
    result = fold_pad(both)
    assert types(result.graph) == ["CONV_2D", "DEPTHWISE_CONV_2D"]
    pooled = b.pool_2d("MAX_POOL_2D", x, (2, 2))
    mixed = b.finish([*ends, pooled])
    result = fold_pad(mixed)
    assert result.graph is mixed and "MAX_POOL_2D reads it" in result.refused[0]


@needs_tflm
def test_both_readers_give_the_same_bytes():
    b = GraphBuilder(1)
    x = b.pad(b.input((1, 8, 8, 2)), spatial(1, 1, 1, 1))
    graph = b.finish([b.conv_2d(x, 3, (3, 3), padding=VALID), b.depthwise_conv_2d(x, (3, 3), padding=VALID)])
    assert_same_outputs(graph, fold_pad(graph).graph)


def with_value(value, zero_point=5):
    """input -> PADV2 with a value -> VALID convolution."""
    b = GraphBuilder(2)
    x = b.input((1, 6, 6, 2), scale=0.5, zero_point=zero_point)
    amounts = b.constant(spatial(1, 1, 1, 1))
    constant = b.constant([value], "int8", scale=0.5, zero_point=zero_point)
    y = b.op("PADV2", [x, amounts, constant])
    return b.finish([b.conv_2d(y, 2, (3, 3), padding=VALID)])


@needs_tflm
def test_padv2_with_the_zero_point_is_folded():
    graph = with_value(5)
    result = fold_pad(graph)
    assert types(result.graph) == ["CONV_2D"]
    assert_same_outputs(graph, result.graph)


def test_padv2_with_another_value_stays():
    graph = with_value(0)
    result = fold_pad(graph)
    assert result.graph is graph and "pads with 0, the zero point is 5" in result.refused[0]


@needs_tflm
def test_a_pad_of_nothing_is_dropped_anywhere():
    b = GraphBuilder(3)
    x = b.op("RELU", [b.pad(b.input((1, 4, 4, 2)), spatial(0, 0, 0, 0))])
    graph = b.finish([b.pad(x, [(0, 0)] * 4)])
    result = fold_pad(graph)
    assert types(result.graph) == ["RELU"] and result.graph.outputs == graph.outputs
    assert_same_outputs(graph, result.graph)


def refusal(change):
    b = GraphBuilder(4)
    x = b.input((1, 8, 8, 2))
    pads = {"channels": [(0, 0), (1, 1), (1, 1), (1, 0)], "batch": [(1, 0), (1, 1), (1, 1), (0, 0)]}
    y = b.pad(x, pads.get(change, spatial(1, 1, 1, 1)))
    if change == "scale":
        b.tensors[y] = replace(b.tensors[y], quantization=Quantization((0.3,), (b.tensors[y].zero_point,)))
    if change == "zero point":
        scale = b.tensors[y].scale
        b.tensors[y] = replace(
            b.tensors[y], quantization=Quantization((scale,), (b.tensors[y].zero_point ^ 1,))
        )
    if change == "float":
        b.tensors[x], b.tensors[y] = (
            replace(b.tensors[t], dtype="float32", quantization=None) for t in (x, y)
        )
    if change == "computed":
        amounts = b.ops[-1].inputs[1]
        b.tensors[amounts] = replace(b.tensors[amounts], data=None)
        b.inputs.append(amounts)
    padding = SAME if change == "pads itself" else VALID
    z = b.conv_2d(y, 3, (3, 3), padding=padding)
    return b.finish([z, y] if change == "output" else [z])


@pytest.mark.parametrize(
    "change, reason",
    [
        ("channels", "other axes"),
        ("batch", "other axes"),
        ("scale", "differ in dtype, scale or zero point"),
        ("zero point", "differ in dtype, scale or zero point"),
        ("float", "not float32"),
        ("computed", "amounts are computed"),
        ("pads itself", "pads by itself"),
        ("output", "graph output"),
    ],
)
def test_reasons_to_stay(change, reason):
    graph = refusal(change)
    result = fold_pad(graph)
    assert result.graph is graph and not result.done
    assert len(result.refused) == 1 and reason in result.refused[0] and "op 0 PAD" in result.refused[0]


@pytest.mark.parametrize(
    "name, folded, left", [("mcunet_vww_80", 0, 4), ("mcunet-320kb-1mb_imagenet", 50, 4)]
)
def test_real_models_fold_what_same_can_mean(shared_models, name, folded, left):
    graph = tflite.read((shared_models / f"{name}.tflite").read_bytes())
    result = fold_pad(graph)
    assert types(result.graph).count("PAD") == len(result.refused) == left
    assert types(graph).count("PAD") == folded + left == len(result.done) + left
    # PyTorch pads evenly before a stride of two; SAME pads only behind.
    assert all("SAME gives" in reason for reason in result.refused)
