"""Strategies that draw one-operator graphs: shapes, windows, scales, zero points, axes and dtypes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph, Op, Quantization
from tflm_mcunet.ops import SAME, VALID

SEEDS = st.integers(0, 2**32 - 1)
ZERO_POINTS = st.one_of(st.sampled_from((-128, 0, 127)), st.integers(-128, 127))
ACTIVATIONS = st.sampled_from(("NONE", "RELU", "RELU6", "RELU_N1_TO_1"))
FLAGS = st.booleans()


#: Ratios of these are halves in float32 and next to halves in float64, or the other way round.
DECIMALS = st.sampled_from((0.02, 0.05, 0.1, 0.15, 0.25, 0.3, 0.5, 0.7)).map(lambda s: float(np.float32(s)))


def scales(low: float = 2.0**-9, high: float = 2.0**1):
    """Scales, spread evenly over the powers of two, and some at which rounding is decided by the last bit."""
    exponents = st.floats(math.log2(low), math.log2(high))
    spread = exponents.map(lambda e: float(np.float32(2.0**e)))
    return st.one_of(st.sampled_from((1 / 16, 1 / 256)), DECIMALS, spread, spread)


def _shape(draw, rank: int, most: int = 5) -> tuple[int, ...]:
    return tuple(draw(st.integers(1, most)) for _ in range(rank))


def _image(draw, b: GraphBuilder, least: int = 1, channels: int = 5) -> int:
    shape = (
        draw(st.integers(1, 2)),
        *(draw(st.integers(least, 9)) for _ in range(2)),
        draw(st.integers(1, channels)),
    )
    return b.input(shape, scale=draw(scales()), zero_point=draw(ZERO_POINTS))


def _window(draw, b: GraphBuilder, x: int, dilations: int = 2) -> dict:
    """Kernel, stride, dilation and padding that leave at least one output row and column."""
    drawn: dict = {"padding": draw(st.sampled_from((SAME, VALID)))}
    kernel, dilation = [], []
    for size in b.tensors[x].shape[1:3]:
        kernel.append(draw(st.integers(1, 4)))
        dilation.append(draw(st.integers(1, dilations)))
        if drawn["padding"] == VALID and (kernel[-1] - 1) * dilation[-1] + 1 > size:
            kernel[-1], dilation[-1] = draw(st.integers(1, min(4, size))), 1
    drawn["kernel"] = tuple(kernel)
    drawn["stride"] = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    if dilations > 1:
        drawn["dilation"] = tuple(dilation)
    return drawn


def _weighted(draw) -> dict:
    return {
        "activation": draw(ACTIVATIONS),
        "per_channel": draw(FLAGS),
        "bias": draw(FLAGS),
        "zero_point": draw(ZERO_POINTS),
    }


def _rescaled(draw, b: GraphBuilder, y: int) -> Graph:
    """The graph with its output's scale moved off the one that suits: saturation, and multipliers above 1."""
    factor = draw(st.sampled_from((1.0, 1.0, 0.01, 0.3, 7.0)))
    output = b.tensors[y]
    scale = float(np.float32(output.scale * factor))
    b.tensors[y] = replace(output, quantization=Quantization((scale,), (output.zero_point,)))
    return b.finish([y])


@st.composite
def conv_2d(draw) -> Graph:
    b = GraphBuilder(draw(SEEDS))
    x = _image(draw, b)
    return _rescaled(draw, b, b.conv_2d(x, draw(st.integers(1, 5)), **_window(draw, b, x), **_weighted(draw)))


@st.composite
def grouped_conv_2d(draw) -> Graph:
    b = GraphBuilder(draw(SEEDS))
    groups, depth, filters = (draw(st.integers(1, 3)) for _ in range(3))
    x = b.input((1, 4, 5, groups * depth))
    y = b.conv_2d(x, groups * filters, (2, 3), **_weighted(draw))
    op = b.ops[-1]
    weights = b.tensors[op.inputs[1]]
    kept = np.ascontiguousarray(weights.array()[..., :depth])
    b.tensors[op.inputs[1]] = replace(weights, shape=kept.shape, data=kept.tobytes())
    return _rescaled(draw, b, y)


@st.composite
def depthwise_conv_2d(draw) -> Graph:
    b = GraphBuilder(draw(SEEDS))
    x = _image(draw, b)
    # Without a bias the package's TFLite Micro stops at a debug check; see test_special_cases.
    keywords = {**_window(draw, b, x), **_weighted(draw), "bias": True}
    return _rescaled(draw, b, b.depthwise_conv_2d(x, multiplier=draw(st.integers(1, 3)), **keywords))


@st.composite
def fully_connected(draw) -> Graph:
    b = GraphBuilder(draw(SEEDS))
    x = b.input(_shape(draw, draw(st.integers(2, 4))), scale=draw(scales()), zero_point=draw(ZERO_POINTS))
    y = b.fully_connected(x, draw(st.integers(1, 9)), keep_num_dims=draw(FLAGS), **_weighted(draw))
    return _rescaled(draw, b, y)


@st.composite
def binary(draw) -> Graph:
    """ADD, SUB or MUL: equal shapes, or broadcast along drawn axes; either operand may be a constant."""
    b = GraphBuilder(draw(SEEDS))
    shape = _shape(draw, draw(st.integers(1, 4)))
    other = shape
    if draw(FLAGS):
        other = tuple(1 if draw(FLAGS) else n for n in shape)[draw(st.integers(0, len(shape) - 1)) :]
    operands = [b.input(shape, scale=draw(scales()), zero_point=draw(ZERO_POINTS))]
    if draw(FLAGS):
        data = b.random.integers(-128, 128, other, dtype=np.int8)
        operands.append(
            b.tensor(other, "int8", scale=draw(scales()), zero_point=draw(ZERO_POINTS), data=data)
        )
    else:
        operands.append(b.input(other, scale=draw(scales()), zero_point=draw(ZERO_POINTS)))
    if draw(FLAGS):
        operands.reverse()
    type = draw(st.sampled_from(("ADD", "SUB", "MUL")))
    keywords = {"activation": draw(ACTIVATIONS), "zero_point": draw(ZERO_POINTS)}
    if draw(FLAGS):
        return _rescaled(draw, b, b.binary(type, *operands, **keywords))
    # All three scales from the same few: quotients at which the last bit decides.
    return b.finish([b.binary(type, *operands, scale=draw(DECIMALS), **keywords)])


@st.composite
def pool_2d(draw) -> Graph:
    b = GraphBuilder(draw(SEEDS))
    x = _image(draw, b)
    type = draw(st.sampled_from(("AVERAGE_POOL_2D", "MAX_POOL_2D")))
    return b.finish([b.pool_2d(type, x, activation=draw(ACTIVATIONS), **_window(draw, b, x, 1))])


@st.composite
def mean(draw) -> Graph:
    b = GraphBuilder(draw(SEEDS))
    rank = draw(st.integers(1, 6))
    shape = _shape(draw, rank, 9 if rank < 5 else 3)
    axes = draw(st.lists(st.integers(-rank, rank - 1), min_size=1, max_size=rank))
    if rank > 3 and draw(FLAGS):
        # Kept and reduced axes that alternate, none of which can be merged.
        shape, axes = tuple(max(n, 2) for n in shape), list(range(draw(st.integers(0, 1)), rank, 2))
    x = b.input(shape, scale=draw(scales()), zero_point=draw(ZERO_POINTS))
    quantization = {"scale": draw(scales()), "zero_point": draw(ZERO_POINTS)} if draw(FLAGS) else {}
    return b.finish([b.mean(x, axes, keep_dims=draw(FLAGS), **quantization)])


@st.composite
def softmax(draw) -> Graph:
    b = GraphBuilder(draw(SEEDS))
    shape = (*_shape(draw, draw(st.integers(0, 3)), 3), draw(st.sampled_from((1, 2, 10, 256, 300))))
    x = b.input(shape, scale=draw(scales(2.0**-12, 2.0**4)), zero_point=draw(ZERO_POINTS))
    beta = float(np.float32(draw(st.sampled_from((1.0, 0.5, 3.7)))))
    if draw(FLAGS):
        return b.finish([b.softmax(x, beta)])
    y = b.tensor(shape, "int16", scale=2.0**-16, zero_point=-32768)
    b.ops.append(Op("SOFTMAX", (x,), (y,), {"beta": beta}))
    return b.finish([y])


_UNARY = {
    "HARD_SWISH": {},
    "LEAKY_RELU": {"alpha": 0.2},
    "LOGISTIC": {},
    "QUANTIZE": {},
    "RELU": {},
    "RELU6": {},
    "TANH": {},
}


@st.composite
def unary(draw) -> Graph:
    """The operators that are a table, on all 256 values, in place where the graph input may be overwritten."""
    b = GraphBuilder(draw(SEEDS))
    type = draw(st.sampled_from(sorted(_UNARY)))
    x = b.input((1, 2, 4, 32), scale=draw(scales(2.0**-12, 2.0**4)), zero_point=draw(ZERO_POINTS))
    options = dict(_UNARY[type])
    if type == "LEAKY_RELU":
        options["alpha"] = float(np.float32(draw(st.floats(0, 3))))
    scale, zero_point = draw(scales()), draw(ZERO_POINTS)
    if type == "LOGISTIC":
        scale, zero_point = 1 / 256, -128
    if type == "TANH":
        scale, zero_point = 1 / 128, 0
    if type == "HARD_SWISH":
        # Its multiplier, input scale / 128 / output scale, must stay below 1.
        scale = max(scale, b.tensors[x].scale / 100)
    if type in ("RELU", "LEAKY_RELU", "QUANTIZE"):
        scale = max(scale, b.tensors[x].scale / 256)
    y = b.op(type, [x], options, scale=scale, zero_point=zero_point)
    if draw(FLAGS):
        # A second table works in place on the output of the first.
        y = b.op("RELU", [y])
    return b.finish([y])


@st.composite
def quantize(draw) -> Graph:
    """The edges of a model with float inputs and outputs, and changes between the 8-bit types."""
    b = GraphBuilder(draw(SEEDS))
    shape = (1, 2, 4, 32) if draw(FLAGS) else (2, 130)
    quantization = {"scale": draw(scales()), "zero_point": draw(ZERO_POINTS)}
    kind = draw(st.sampled_from(("float to int8", "int8 to float", "int8 to uint8", "uint8 to int8")))
    if kind == "float to int8":
        x = b.input(shape, "float32")
        return b.finish([b.op("QUANTIZE", [x], dtype="int8", **quantization)])
    if kind == "int8 to float":
        return b.finish([b.op("DEQUANTIZE", [b.input(shape, **quantization)], dtype="float32")])
    source, target = kind.split(" to ")
    points = {"int8": quantization["zero_point"], "uint8": draw(st.integers(0, 255))}
    scale = quantization["scale"]
    x = b.tensor(shape, source, scale=scale, zero_point=points[source])
    b.inputs.append(x)
    # Equal scales and points 128 apart have a path of their own in TFLite Micro.
    if draw(FLAGS):
        points["uint8"] = points["int8"] + 128
    else:
        scale = draw(scales(scale / 200))
    y = b.tensor(shape, target, scale=scale, zero_point=points[target])
    b.ops.append(Op("QUANTIZE", (x,), (y,)))
    return b.finish([y])


def _any(draw, b: GraphBuilder, shape: tuple[int, ...], dtypes: tuple[str, ...], **keywords) -> int:
    return b.input(shape, draw(st.sampled_from(dtypes)), **keywords)


@st.composite
def pad(draw) -> Graph:
    b = GraphBuilder(draw(SEEDS))
    rank = draw(st.integers(1, 5))
    x = _any(draw, b, _shape(draw, rank), ("int8", "int8", "int16", "int32", "float32"))
    pads = [(draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in range(rank)]
    if rank == 4 and draw(FLAGS):
        pads[0] = pads[3] = (0, 0)
    source = b.tensors[x]
    operands = [x, b.constant(pads)]
    if draw(FLAGS):
        return b.finish([b.op("PAD", operands)])
    value = np.array([draw(st.integers(-128, 127))], source.dtype)
    quantization = {"scale": source.scale, "zero_point": source.zero_point} if source.quantization else {}
    operands.append(b.tensor((1,), source.dtype, data=value, **quantization))
    return b.finish([b.op("PADV2", operands)])


@st.composite
def reshape(draw) -> Graph:
    """RESHAPE, SQUEEZE and EXPAND_DIMS between operators that work in place, or alone."""
    b = GraphBuilder(draw(SEEDS))
    shape = (*_shape(draw, draw(st.integers(1, 3))), 1)
    x = _any(draw, b, shape, ("int8", "int8", "int16", "float32"))
    is_int8 = b.tensors[x].dtype == "int8"
    y = b.op("RELU6", [x]) if is_int8 and draw(FLAGS) else x
    type = draw(st.sampled_from(("RESHAPE", "RESHAPE to 4-D", "SQUEEZE", "EXPAND_DIMS")))
    if type == "RESHAPE":
        y = b.reshape(y, (-1,))
    elif type == "RESHAPE to 4-D":
        y = b.reshape(y, (1, 1, -1, shape[-2] if len(shape) > 1 else 1))
    elif type == "SQUEEZE":
        y = b.op("SQUEEZE", [y], {"squeeze_dims": [-1] if draw(FLAGS) else []})
    else:
        y = b.op("EXPAND_DIMS", [y, b.constant(draw(st.integers(-len(shape) - 1, len(shape))))])
    return b.finish([b.op("RELU", [y]) if is_int8 and draw(FLAGS) else y])


@st.composite
def transpose(draw) -> Graph:
    b = GraphBuilder(draw(SEEDS))
    rank = draw(st.integers(1, 5))
    x = _any(draw, b, _shape(draw, rank), ("int8", "int16", "float32"))
    return b.finish([b.op("TRANSPOSE", [x, b.constant(draw(st.permutations(range(rank))))])])


@st.composite
def strided_slice(draw) -> Graph:
    b = GraphBuilder(draw(SEEDS))
    shape = _shape(draw, draw(st.integers(1, 4)), 7)
    x = _any(draw, b, shape, ("int8", "int16", "int32", "float32"))
    begin, end, steps = [], [], []
    masks = {"begin_mask": 0, "end_mask": 0, "shrink_axis_mask": 0, "ellipsis_mask": 0, "new_axis_mask": 0}
    for axis, size in enumerate(shape):
        step = draw(st.sampled_from((1, 1, 2, 3, -1, -2)))
        picked = sorted(draw(st.lists(st.integers(0, size), min_size=2, max_size=2, unique=True)))
        first, past = picked if step > 0 else (picked[1] - 1, picked[0] - 1)
        if step > 0 and draw(FLAGS):
            first -= size if first else 0
        if past < 0:
            masks["end_mask"] |= 1 << axis
        if draw(st.integers(0, 3)) == 0:
            masks["shrink_axis_mask"] |= 1 << axis
            step, past = 1, first + 1
        elif draw(st.integers(0, 3)) == 0:
            masks["begin_mask"] |= 1 << axis
        elif draw(st.integers(0, 3)) == 0:
            masks["end_mask"] |= 1 << axis
        begin, end, steps = [*begin, first], [*end, past], [*steps, step]
    operands = [x, *(b.constant(v) for v in (begin, end, steps))]
    return b.finish([b.op("STRIDED_SLICE", operands, masks)])


@st.composite
def concatenation(draw) -> Graph:
    b = GraphBuilder(draw(SEEDS))
    rank = draw(st.integers(1, 5))
    shape = list(_shape(draw, rank, 4))
    axis = draw(st.integers(-rank, rank - 1)) if draw(FLAGS) else rank - 1
    dtype = draw(st.sampled_from(("int8", "int8", "int16", "int32", "float32")))
    quantization = {"scale": 0.1, "zero_point": draw(ZERO_POINTS)} if dtype == "int8" else {}
    operands = []
    for _ in range(draw(st.integers(1, 4))):
        shape[axis] = draw(st.integers(1, 4))
        if operands and dtype == "int8" and draw(st.integers(0, 3)) == 0:
            data = b.random.integers(-128, 128, shape, dtype=np.int8)
            operands.append(b.tensor(shape, "int8", data=data, **quantization))
        elif operands and draw(st.integers(0, 5)) == 0:
            operands.append(operands[0])
        else:
            operands.append(b.input(shape, dtype, **quantization))
    return b.finish([b.concatenation(operands, axis)])


@st.composite
def split(draw) -> Graph:
    b = GraphBuilder(draw(SEEDS))
    rank, parts = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    axis, shape = draw(st.integers(-rank, rank - 1)), list(_shape(draw, rank, 4))
    shape[axis] *= parts
    x = _any(draw, b, tuple(shape), ("int8", "int16", "int32", "float32"))
    first = b.op("SPLIT", [b.constant(axis), x], {"num_splits": parts}, outputs=parts)
    return b.finish(range(first, first + parts))


@st.composite
def resize_nearest_neighbor(draw) -> Graph:
    b = GraphBuilder(draw(SEEDS))
    x = _any(
        draw, b, (draw(st.integers(1, 2)), *_shape(draw, 2, 12), draw(st.integers(1, 3))), ("int8", "float32")
    )
    size = [draw(st.integers(1, 25)), draw(st.integers(1, 25))]
    options = {"align_corners": draw(FLAGS), "half_pixel_centers": draw(FLAGS)}
    if options["half_pixel_centers"]:
        # What releases of TFLite Micro agree about: doubling, tripling, ... as in UpSampling2D.
        options["align_corners"] = False
        size = [n * draw(st.integers(1, 3)) for n in b.tensors[x].shape[1:3]]
    return b.finish([b.op("RESIZE_NEAREST_NEIGHBOR", [x, b.constant(size)], options)])
