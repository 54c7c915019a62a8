"""Chains of convolutions of drawn shapes, for kernels that choose by shape, and channels as training leaves them."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen.gemmlowp import requantize
from tflm_mcunet.graph import Graph, Tensor
from tflm_mcunet.ops import SAME, VALID


def assorted(seed: int, operators: int = 7) -> Graph:
    """Convolutions, dense and depthwise, each fed by the one before, and a fully connected layer."""
    r = random.Random(seed)
    b = GraphBuilder(seed)
    x = b.input((1, r.randint(9, 21), r.randint(7, 25), r.choice((1, 3, 4, 7, 8))))
    for _ in range(operators):
        _, height, width, channels = b.tensors[x].shape
        window = {
            "stride": (r.choice((1, 1, 1, 2)), r.choice((1, 1, 1, 2, 3))),
            "activation": r.choice(("NONE", "RELU", "RELU6")),
        }
        kernel = (min(height, r.randint(1, 7)), min(width, r.randint(1, 7)))
        if r.random() < 0.5:
            # What converters write for RELU6, and the window that has a kernel of its own.
            kernel = (min(height, 3), min(width, 3))
            window |= {"activation": "RELU6", "scale": 6 / 255, "zero_point": -128}
            window["stride"] = (r.randint(1, 2),) * 2
        window["padding"] = r.choice((SAME, SAME, VALID))
        if r.random() < 0.5 and channels > 1:
            x = b.depthwise_conv_2d(x, kernel, multiplier=1 if channels > 4 else r.randint(1, 3), **window)
        elif r.random() < 0.3:
            x = b.conv_2d(x, r.randint(3, 13))
        else:
            kernel = (min(kernel[0], 5), min(kernel[1], 4))
            x = b.conv_2d(x, r.randint(3, 13), kernel, bias=r.random() < 0.8, **window)
    return b.finish([b.fully_connected(x, r.choice((2, 5, 8)))])


def with_odd_channels(graph: Graph, seed: int) -> Graph:
    """Some channels of each convolution with what converters write for those that training left without weights.

    That is scales that are tiny, then biases that are huge; and scales of the other sign.
    """
    r = np.random.default_rng(seed)
    tensors = list(graph.tensors)
    for op in graph.ops:
        if op.type not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            continue
        axis = 0 if op.type == "CONV_2D" else 3
        weights = tensors[op.inputs[1]]
        assert weights.quantization is not None
        scale, values = np.array(weights.quantization.scale), weights.array().copy()
        bias = tensors[op.inputs[2]].array().copy() if len(op.inputs) > 2 and op.inputs[2] >= 0 else None
        for c in range(values.shape[axis]):
            kind = r.choice(["plain", "dead", "tiny", "huge", "turned"], p=[0.4, 0.2, 0.2, 0.1, 0.1])
            channel = values[c] if axis == 0 else values[..., c]
            if kind in ("dead", "tiny"):
                scale[c] *= 2.0 ** -int(r.integers(8, 30))
                channel[...] = 0 if kind == "dead" else channel
            elif kind == "huge" and bias is not None:
                scale[c] *= 2.0**-22
                bias[c] = int(r.choice([-1, 1])) * (2 ** int(r.integers(22, 31)) + int(r.integers(-200, 200)))
            elif kind == "turned":
                scale[c] *= -1
        quantization = replace(weights.quantization, scale=tuple(float(np.float32(s)) for s in scale))
        tensors[op.inputs[1]] = _with_values(replace(weights, quantization=quantization), values)
        if bias is not None:
            tensors[op.inputs[2]] = _with_values(tensors[op.inputs[2]], bias)
    return replace(graph, tensors=tuple(tensors))


def turned(seed: int = 3) -> Graph:
    """1x1 convolutions of which every other channel has a negative scale, with outputs that no clamp hides."""
    b = GraphBuilder(seed)
    x = b.conv_2d(b.input((1, 9, 9, 16)), 24)
    graph = b.finish([b.conv_2d(x, 9, (2, 3))])
    tensors = list(graph.tensors)
    for op in graph.ops:
        weights = tensors[op.inputs[1]]
        assert weights.quantization is not None
        scale = tuple(-s if i % 2 else s for i, s in enumerate(weights.quantization.scale))
        tensors[op.inputs[1]] = replace(weights, quantization=replace(weights.quantization, scale=scale))
    return replace(graph, tensors=tuple(tensors))


def huge_biases() -> Graph:
    """A 1x1 convolution of sums about 2^30, where they saturate, whose outputs are everywhere in int8."""
    b = GraphBuilder(4)
    x = b.input((1, 5, 5, 8), scale=1.0, zero_point=3)
    graph = b.finish([b.conv_2d(x, 24, scale=1.0, zero_point=-2)])
    weights, bias = graph.ops[0].inputs[1:]
    outputs = np.linspace(-124.3, 124.3, 24)
    biases = np.sign(outputs) * 2**30 + np.arange(24) * 60 - 600
    tensors = list(graph.tensors)
    assert tensors[weights].quantization is not None
    scale = tuple(float(np.float32(s)) for s in outputs / biases)
    quantization = replace(tensors[weights].quantization, scale=scale)
    tensors[weights] = replace(tensors[weights], quantization=quantization)
    tensors[bias] = _with_values(tensors[bias], biases.astype(np.int32))
    return replace(graph, tensors=tuple(tensors))


def next_to_thresholds() -> Graph:
    """A depthwise convolution whose outputs change where a multiplier of fewer bits would change them elsewhere.

    Its output is the input plus a bias times a scale, and the bias is where that becomes 1/2.
    """
    b = GraphBuilder(5)
    x = b.input((1, 4, 4, 8), scale=1.0, zero_point=0)
    graph = b.finish([b.depthwise_conv_2d(x, (3, 3), scale=1.0, zero_point=0)])
    weights, bias = graph.ops[0].inputs[1:]
    scales = [float(np.float32(s)) for s in np.random.default_rng(6).uniform(0.51, 0.99, 8)]
    biases = []
    for multiplier in (round(s * 2**31) for s in scales):
        below = (2**22 * 2**31 - 2**30) // multiplier
        exact, shorter = (requantize(np.array([below]), multiplier >> n, n - 23) for n in (0, 7))
        assert exact != shorter
        biases.append(below)
    tensors = list(graph.tensors)
    assert tensors[weights].quantization is not None
    values = np.zeros(tensors[weights].shape, np.int8)
    values[0, 1, 1] = 1
    quantization = replace(tensors[weights].quantization, scale=tuple(s * 2.0**-23 for s in scales))
    tensors[weights] = _with_values(replace(tensors[weights], quantization=quantization), values)
    tensors[bias] = _with_values(tensors[bias], np.array(biases, np.int32))
    return replace(graph, tensors=tuple(tensors))


def _with_values(tensor: Tensor, values: np.ndarray) -> Tensor:
    return replace(tensor, data=np.ascontiguousarray(values).tobytes())
