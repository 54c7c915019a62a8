"""RELU and RELU6 become fused activations exactly where TFLite Micro computes the same bytes."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from transform_runs import assert_same_outputs, drawn_inputs, needs_tflm, outputs_of, types

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.ops import ACTIVATIONS
from tflm_mcunet.transforms import fuse_activation
from tflm_mcunet.transforms.fuse_activation import clamp_range

MAKERS = {
    "CONV_2D": lambda b, x, **k: b.conv_2d(x, 3, (3, 3), **k),
    "DEPTHWISE_CONV_2D": lambda b, x, **k: b.depthwise_conv_2d(x, (3, 3), **k),
    "FULLY_CONNECTED": lambda b, x, **k: b.fully_connected(b.reshape(x, (1, 50)), 7, **k),
    "ADD": lambda b, x, **k: b.binary("ADD", x, x, **k),
    "SUB": lambda b, x, **k: b.binary("SUB", x, b.op("LOGISTIC", [x], scale=1 / 256, zero_point=-128), **k),
    "MUL": lambda b, x, **k: b.binary("MUL", x, x, **k),
    "AVERAGE_POOL_2D": lambda b, x, activation, **k: b.pool_2d(
        "AVERAGE_POOL_2D", x, (2, 2), activation=activation
    ),
    "MAX_POOL_2D": lambda b, x, activation, **k: b.pool_2d("MAX_POOL_2D", x, (2, 2), activation=activation),
}


def activated(maker, type, scale, zero_point, fused="NONE", changed=None):
    b = GraphBuilder(14)
    x = b.input((1, 5, 5, 2), scale=scale, zero_point=zero_point)
    y = MAKERS[maker](b, x, activation=fused, scale=scale, zero_point=zero_point)
    return b.finish([b.op(type, [y], **(changed or {}))])


@needs_tflm
@pytest.mark.parametrize("maker", MAKERS)
def test_every_kernel_that_fuses(maker):
    rng = random.Random(maker)
    clamped = 0
    for type in ("RELU", "RELU6"):
        for fused in ("NONE", "RELU", "RELU6"):
            graph = activated(
                maker, type, rng.uniform(0.02, 0.2), rng.choice((-128, rng.randint(-120, 100))), fused
            )
            result = fuse_activation(graph)
            assert types(result.graph) == types(graph)[:-1] and not result.refused
            outputs = assert_same_outputs(graph, result.graph)
            t = graph.tensors[graph.outputs[0]]
            low, high = clamp_range(type, t.scale, t.zero_point)
            values = np.concatenate([a.reshape(-1) for one in outputs for a in one])
            assert values.min() >= low and values.max() <= high
            clamped += (values == low).any() or (values == high).any()
            fused_code = result.graph.ops[-1].options["fused_activation_function"]
            assert ACTIVATIONS[fused_code] == ("RELU6" if "RELU6" in (type, fused) else "RELU")
    assert clamped >= 3


@needs_tflm
def test_the_range_is_that_of_the_kernel_for_awkward_scales():
    # Scales at which 6 / scale is near a half, where rounding decides the clamp.
    for scale in (6 / 100.5, 6 / 99.5, 6 / 20.49999, 0.0235294122248888, 6 / 255.4, 6 / 12.5):
        graph = activated("ADD", "RELU6", scale, -20)
        assert_same_outputs(graph, fuse_activation(graph).graph)


@needs_tflm
@pytest.mark.parametrize("type", ["RELU", "RELU6"])
def test_other_parameters_stay_and_would_be_wrong(type):
    for changed in ({"scale": 0.07}, {"zero_point": -128}):
        graph = activated("CONV_2D", type, 0.05, 7, changed=changed)
        result = fuse_activation(graph)
        assert (
            result.graph is graph
            and "requantises" in result.refused[0]
            and f"op 1 {type}" in result.refused[0]
        )
        code = next(c for c, name in ACTIVATIONS.items() if name == type)
        maker = graph.ops[0]
        options = {**maker.options, "fused_activation_function": code}
        forced = graph.with_ops([replace(maker, options=options, outputs=graph.outputs)])
        inputs = drawn_inputs(graph)
        assert not np.array_equal(outputs_of(graph, inputs)[1][0], outputs_of(forced, inputs)[1][0])


def test_reasons_to_stay():
    b = GraphBuilder(15)
    x = b.input((1, 4, 4, 2))
    y = b.conv_2d(x, 3)
    z = b.op("RELU", [y])
    for outputs in ([z, y], [z, b.op("TANH", [y], scale=1 / 128, zero_point=0)]):
        graph = b.finish(outputs)
        result = fuse_activation(graph)
        assert result.graph is graph and "used without it" in result.refused[0]
    clamped = b.conv_2d(x, 3, activation="RELU_N1_TO_1")
    graph = b.finish([b.op("RELU", [clamped])])
    assert any("RELU_N1_TO_1 fused already" in r for r in fuse_activation(graph).refused)
    wide = GraphBuilder(16)
    f = wide.input((1, 4), "float32")
    graph = wide.finish([wide.op("RELU", [wide.op("ADD", [f, f], {"fused_activation_function": 0})])])
    assert "not float32" in fuse_activation(graph).refused[0]


def test_activations_after_other_operators_are_no_candidates():
    b = GraphBuilder(17)
    graph = b.finish([b.op("RELU", [b.op("TANH", [b.input((1, 4))], scale=1 / 128, zero_point=0)])])
    result = fuse_activation(graph)
    assert result.graph is graph and not result.refused


def test_clamp_range():
    assert clamp_range("RELU", 0.1, -128) == (-128, 127)
    assert clamp_range("RELU", 0.1, 3) == (3, 127)
    assert clamp_range("RELU6", 0.1, -128) == (-128, -68)
    assert clamp_range("RELU6", 6 / 255, -128) == (-128, 127)
    assert clamp_range("RELU6", 0.5, 120) == (120, 127)
