"""Cells with many branches as searches and papers publish them, small enough for a microcontroller, as int8 Graphs."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph, Quantization
from tflm_mcunet.ops import VALID

#: All maps of a cell have one scale and zero point, so that they can be concatenated.
SCALE, ZERO_POINT = 0.05, -4


def tame(b: GraphBuilder, y: int) -> int:
    """Scale the newest convolution's weights so that its outputs fill the common int8 range without saturating."""
    op = b.ops[-1]
    weights = b.tensors[op.inputs[1]]
    depth = weights.elements // (weights.shape[0] if op.type == "CONV_2D" else weights.shape[3])
    for t in op.inputs[1:3]:
        old = b.tensors[t].quantization
        scales = tuple(s / (0.8 * depth**0.5) for s in old.scale)
        b.tensors[t] = replace(b.tensors[t], quantization=Quantization(scales, old.zero_point, old.axis))
    return y


def conv(
    b: GraphBuilder, x: int, filters: int, kernel: int = 1, stride: int = 1, activation: str = "NONE"
) -> int:
    keywords = {"activation": activation, "scale": SCALE, "zero_point": ZERO_POINT}
    return tame(b, b.conv_2d(x, filters, (kernel, kernel), stride=(stride, stride), **keywords))


def depthwise(b: GraphBuilder, x: int, kernel: int, stride: int = 1, dilation: int = 1) -> int:
    keywords = {"dilation": (dilation, dilation), "scale": SCALE, "zero_point": ZERO_POINT}
    return tame(b, b.depthwise_conv_2d(x, (kernel, kernel), stride=(stride, stride), **keywords))


def relu(b: GraphBuilder, x: int) -> int:
    return b.op("RELU", [x])


def add(b: GraphBuilder, x: int, y: int) -> int:
    return b.binary("ADD", x, y, scale=SCALE, zero_point=ZERO_POINT)


def separable(b: GraphBuilder, x: int, kernel: int) -> int:
    """ReLU, depthwise, pointwise, twice, as NASNet and DARTS have it."""
    filters = b.tensors[x].shape[3]
    for _ in range(2):
        x = conv(b, depthwise(b, relu(b, x), kernel), filters)
    return x


def dilated(b: GraphBuilder, x: int, kernel: int) -> int:
    return conv(b, depthwise(b, relu(b, x), kernel, dilation=2), b.tensors[x].shape[3])


def average(b: GraphBuilder, x: int) -> int:
    return b.pool_2d("AVERAGE_POOL_2D", x, (3, 3), stride=(1, 1))


def _image(b: GraphBuilder, size: int, channels: int) -> int:
    return b.input((1, size, size, channels), scale=SCALE, zero_point=ZERO_POINT)


def inception(cells: int = 2, size: int = 14) -> Graph:
    """GoogLeNet's module: four branches from one map, concatenated (Szegedy et al. 2015, figure 2b)."""
    b = GraphBuilder(seed=3)
    x = conv(b, _image(b, size, 3), 64, 3)
    for _ in range(cells):
        one = conv(b, x, 16, activation="RELU")
        three = conv(b, conv(b, x, 48, activation="RELU"), 32, 3, activation="RELU")
        five = conv(b, conv(b, x, 32, activation="RELU"), 8, 5, activation="RELU")
        pooled = conv(b, b.pool_2d("MAX_POOL_2D", x, (3, 3), stride=(1, 1)), 8, activation="RELU")
        x = b.concatenation([one, three, five, pooled])
    return b.finish([b.mean(x, (1, 2))])


def nasnet(cells: int = 2, size: int = 14, filters: int = 12) -> Graph:
    """NASNet-A's normal cell, in the order in which Keras builds it (Zoph et al. 2018, figure 4)."""
    b = GraphBuilder(seed=4)
    previous = x = conv(b, _image(b, size, 3), filters * 6, 3)
    for _ in range(cells):
        p, h = conv(b, relu(b, previous), filters), conv(b, relu(b, x), filters)
        blocks = [
            add(b, separable(b, h, 5), separable(b, p, 3)),
            add(b, separable(b, p, 5), separable(b, p, 3)),
            add(b, average(b, h), p),
            add(b, average(b, p), average(b, p)),
            add(b, separable(b, h, 3), h),
        ]
        previous, x = x, b.concatenation([p, *blocks])
    return b.finish([b.mean(x, (1, 2))])


def darts(cells: int = 2, size: int = 14, filters: int = 16) -> Graph:
    """DARTS_V2's normal cell, in the order in which its PyTorch code runs it (Liu et al. 2019, figure 4)."""
    b = GraphBuilder(seed=5)
    c0 = c1 = conv(b, _image(b, size, 3), filters * 4, 3)
    for _ in range(cells):
        s0, s1 = conv(b, relu(b, c0), filters), conv(b, relu(b, c1), filters)
        n2 = add(b, separable(b, s0, 3), separable(b, s1, 3))
        n3 = add(b, separable(b, s0, 3), separable(b, s1, 3))
        n4 = add(b, separable(b, s1, 3), s0)
        n5 = add(b, s0, dilated(b, n2, 3))
        c0, c1 = c1, b.concatenation([n2, n3, n4, n5])
    return b.finish([b.mean(c1, (1, 2))])


def randwire(nodes: int = 32, size: int = 14, filters: int = 16, seed: int = 1) -> Graph:
    """A Watts-Strogatz stage WS(4, 0.75) with separable convolutions as nodes (Xie et al. 2019, section 3)."""
    rng = random.Random(seed)
    edges = set()
    for i in range(nodes):
        for step in (1, 2):
            j = (i + step) % nodes
            if rng.random() < 0.75:
                free = [k for k in range(nodes) if k != i and tuple(sorted((i, k))) not in edges]
                j = rng.choice(free)
            edges.add(tuple(sorted((i, j))))
    b = GraphBuilder(seed=6)
    x = conv(b, _image(b, size * 2, 3), filters, 3, stride=2)
    made: list[int] = []
    for node in range(nodes):
        sources = [made[i] for i, j in sorted(edges) if j == node] or [x]
        total = sources[0]
        for source in sources[1:]:
            total = add(b, total, source)
        made.append(conv(b, depthwise(b, relu(b, total), 3), filters))
    ends = [made[i] for i in range(nodes) if not any(a == i for a, _ in edges)]
    total = ends[0]
    for end in ends[1:]:
        total = add(b, total, end)
    return b.finish([b.mean(total, (1, 2))])


def mobilenet_v2(width: float = 0.35, size: int = 144, classes: int = 1000) -> Graph:
    """MobileNetV2's chain of inverted residuals with explicit PADs before strides, as Keras exports it."""
    b = GraphBuilder(seed=7)

    def channels(n: float) -> int:
        rounded = max(8, int(n + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * n else rounded

    def strided(x: int, make: Callable[..., int], **keywords) -> int:
        x = b.pad(x, [(0, 0), (0, 1), (0, 1), (0, 0)])
        return make(x, stride=(2, 2), padding=VALID, activation="RELU6", **keywords)

    x = strided(b.input((1, size, size, 3)), lambda x, **k: b.conv_2d(x, channels(32 * width), (3, 3), **k))
    blocks = [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]
    for expansion, filters, repeats, first_stride in blocks:
        for repeat in range(repeats):
            stride, out = first_stride if repeat == 0 else 1, channels(filters * width)
            y = x if expansion == 1 else b.conv_2d(x, b.tensors[x].shape[3] * expansion, activation="RELU6")
            if stride == 2:
                y = strided(y, b.depthwise_conv_2d)
            else:
                y = b.depthwise_conv_2d(y, activation="RELU6")
            y = b.conv_2d(y, out)
            x = b.binary("ADD", x, y) if stride == 1 and b.tensors[x].shape[3] == out else y
    x = b.conv_2d(x, 1280, activation="RELU6")
    x = b.fully_connected(b.mean(x, (1, 2)), classes)
    return b.finish([b.softmax(x)])


CELLS: dict[str, Callable[[], Graph]] = {
    "Inception": inception,
    "NASNet-A": nasnet,
    "DARTS": darts,
    "RandWire": randwire,
}
