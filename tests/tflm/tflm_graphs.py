"""Graphs of every operator in the table, drawn from a seed: for tests against the real interpreter."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pytest

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import SAME

#: Skips what needs the real interpreter.
needs_tflm = pytest.mark.skipif(
    find_spec("tflite_micro") is None, reason="pip install tflite-micro==0.dev20260203175027"
)

Step = Callable[[GraphBuilder, int, np.random.Generator], int]


def conv(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    kernel = int(r.integers(1, 4)), int(r.integers(1, 4))
    stride = int(r.integers(1, 3)), int(r.integers(1, 3))
    filters = int(r.integers(1, 20))
    per_channel, bias = bool(r.random() < 0.7), bool(r.random() < 0.8)
    return b.conv_2d(x, filters, kernel, stride=stride, per_channel=per_channel, bias=bias)


def depthwise(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    multiplier = int(r.integers(1, 3))
    activation = str(r.choice(["NONE", "RELU", "RELU6"]))
    return b.depthwise_conv_2d(x, (3, 3), multiplier=multiplier, activation=activation)


def dense(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    return b.fully_connected(x, int(r.integers(1, 40)), per_channel=bool(r.random() < 0.5))


def pool(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    return b.pool_2d(str(r.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"])), x, (2, 2), padding=SAME)


def unary(type: str, **keywords: float) -> Step:
    def step(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
        options = {"alpha": 0.2} if type == "LEAKY_RELU" else {}
        return b.op(type, [x], options, **keywords)  # type: ignore[arg-type]

    return step


def softmax(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    return b.softmax(x)


def mean(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    rank = len(b.tensors[x].shape)
    axes = [1, 2] if rank == 4 else [rank - 1]
    return b.mean(x, axes, keep_dims=bool(r.random() < 0.7) or rank < 3)


def pad(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    pads = [(0, 0)] + [(int(r.integers(0, 3)), int(r.integers(0, 3))) for _ in b.tensors[x].shape[1:]]
    return b.pad(x, pads)


def pad_with(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    source = b.tensors[x]
    value = b.constant([3], "int8", scale=source.scale, zero_point=source.zero_point)
    pads = [(0, 0)] + [(1, 0) for _ in source.shape[1:]]
    return b.op("PADV2", [x, b.constant(pads), value])


def reshape(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    shape = b.tensors[x].shape
    return b.reshape(x, [shape[0], int(np.prod(shape[1:]))])


def expand(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    y = b.op("EXPAND_DIMS", [x, b.constant([1])])
    return b.op("SQUEEZE", [y], {"squeeze_dims": [1]})


def concatenate(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    y = b.op("RELU", [x])
    return b.concatenation([x, y, x], axis=len(b.tensors[x].shape) - 1)


def branch(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    y = b.op("RELU6", [x])
    z = b.op("TANH", [x], scale=1 / 128, zero_point=0)
    return b.binary(str(r.choice(["ADD", "SUB", "MUL"])), y, z)


def broadcast(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    channels = b.tensors[x].shape[-1]
    values = r.integers(-100, 100, channels).astype(np.int8)
    return b.binary(str(r.choice(["ADD", "MUL"])), x, b.constant(values, "int8", scale=0.02))


def residual(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    channels = b.tensors[x].shape[3]
    y = b.conv_2d(x, channels * 3, (1, 1))
    y = b.depthwise_conv_2d(y, (3, 3))
    return b.binary("ADD", b.conv_2d(y, channels, (1, 1)), x)


def split(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    shape = b.tensors[x].shape
    axis = next((i for i in range(len(shape) - 1, 0, -1) if shape[i] % 2 == 0), None)
    if axis is None:
        return b.op("RELU", [x])
    y = b.op("SPLIT", [b.constant([axis]), x], {"num_splits": 2}, outputs=2)
    return b.binary("ADD", y, y + 1) if r.random() < 0.5 else y + 1


def strided_slice(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    shape = b.tensors[x].shape
    ends = [shape[0], *(max(1, n - 1) for n in shape[1:])]
    masks = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    operands = [b.constant(v) for v in ([0] * len(shape), ends, [1] * len(shape))]
    return b.op("STRIDED_SLICE", [x, *operands], {**dict.fromkeys(masks, 0), "offset": False})


def transpose(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    rank = len(b.tensors[x].shape)
    return b.op("TRANSPOSE", [x, b.constant([0, *(1 + r.permutation(rank - 1)).tolist()])])


def resize(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    height, width = b.tensors[x].shape[1:3]
    size = b.constant([int(r.integers(1, height + 2)), int(r.integers(1, width + 2))])
    return b.op("RESIZE_NEAREST_NEIGHBOR", [x, size], {"align_corners": False, "half_pixel_centers": False})


def edges(b: GraphBuilder, x: int, r: np.random.Generator) -> int:
    y = b.op("DEQUANTIZE", [x], dtype="float32")
    return b.op("QUANTIZE", [y], dtype="int8", scale=0.05, zero_point=3)


ANY_RANK: tuple[Step, ...] = (
    dense,
    unary("RELU"),
    unary("RELU6"),
    unary("HARD_SWISH"),
    unary("LEAKY_RELU"),
    unary("LOGISTIC", scale=1 / 256, zero_point=-128),
    unary("TANH", scale=1 / 128, zero_point=0),
    unary("QUANTIZE", scale=0.03, zero_point=5),
    softmax,
    mean,
    pad,
    pad_with,
    reshape,
    concatenate,
    branch,
    broadcast,
    split,
    strided_slice,
    transpose,
    edges,
)
RANK_4: tuple[Step, ...] = (conv, depthwise, pool, residual, resize, *ANY_RANK)
RANK_2: tuple[Step, ...] = (expand, *ANY_RANK)


def drawn_graph(seed: int, steps: int | None = None) -> Graph:
    """A graph with branches, several inputs and outputs, dead ends and sizes that no power of two divides."""
    r = np.random.default_rng(seed)
    b = GraphBuilder(seed)
    live = []
    for _ in range(int(r.integers(1, 4))):
        live.append(b.input((1, int(r.integers(1, 9)), int(r.integers(1, 9)), int(r.integers(1, 7)))))
    for _ in range(int(r.integers(2, 14)) if steps is None else steps):
        x = live[int(r.integers(max(0, len(live) - 4), len(live)))]
        tensor = b.tensors[x]
        steps_here = {4: RANK_4, 2: RANK_2}.get(len(tensor.shape), ANY_RANK)
        if tensor.elements > 20_000:
            steps_here = (dense,)
        live.append(steps_here[int(r.integers(len(steps_here)))](b, x, r))
    count = int(r.integers(1, 4))
    outputs = [live[-1], *r.choice(live, min(count - 1, len(live)), replace=False).tolist()]
    return b.finish(list(dict.fromkeys(int(t) for t in outputs)))
