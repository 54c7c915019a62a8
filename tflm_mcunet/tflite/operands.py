"""What operands and options of an operator must fulfil beyond the shape of its output, one check per type."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.ops import ACTIVATIONS, SAME, VALID, constant_ints
from tflm_mcunet.tflite.containers import shape_signature

#: Option values that count rows, columns or steps.
_POSITIVE = (
    "stride_h",
    "stride_w",
    "dilation_h_factor",
    "dilation_w_factor",
    "filter_height",
    "filter_width",
)
#: Operand positions that hold axes, sizes or bounds: a handful of integers, however large the tensors are.
_INDEX_OPERANDS: Mapping[str, tuple[int, ...]] = {
    "EXPAND_DIMS": (1,),
    "MEAN": (1,),
    "PAD": (1,),
    "PADV2": (1,),
    "RESHAPE": (1,),
    "RESIZE_NEAREST_NEIGHBOR": (1,),
    "SPLIT": (0,),
    "STRIDED_SLICE": (1, 2, 3),
    "TRANSPOSE": (1,),
}
#: Two pads for each of numpy's 64 dimensions.
_MAX_INDICES = 128


def fault(graph: Graph, op: Op) -> str:
    """What is wrong with an operator of `ops.OPS`; else empty. Broken shapes may raise, as in the facts."""
    options = op.options
    for key in _POSITIVE:
        if key in options and options[key] <= 0:
            return f"{key} {options[key]}; it must be positive"
    if options.get("padding", SAME) not in (SAME, VALID):
        return f"unknown padding {options['padding']}"
    if options.get("fused_activation_function", 0) not in ACTIVATIONS:
        return f"unknown fused activation {options['fused_activation_function']}"
    for position in _INDEX_OPERANDS.get(op.type, ()):
        if position < len(op.inputs) and op.inputs[position] >= 0:
            elements = graph.tensors[op.inputs[position]].elements
            if elements > _MAX_INDICES:
                return f"input {position}: {elements} values where axes or sizes belong"
    if op.type != "SPLIT" and len(op.outputs) != 1:
        return f"expected 1 output, got {len(op.outputs)}"
    check = _CHECKS.get(op.type)
    return check(graph, op) if check else ""


def _shapes(graph: Graph, op: Op) -> list[tuple[int, ...]]:
    return [graph.tensors[t].shape if t >= 0 else () for t in op.inputs]


def _bias(graph: Graph, op: Op, channels: int) -> str:
    if len(op.inputs) < 3 or op.inputs[2] < 0:
        return ""
    elements = graph.tensors[op.inputs[2]].elements
    return "" if elements == channels else f"input 2: {elements} biases for {channels} output channels"


def _rank_4(graph: Graph, op: Op, count: int) -> str:
    for i, shape in enumerate(_shapes(graph, op)[:count]):
        if len(shape) != 4:
            return f"input {i}: expected a shape of rank 4, got {shape}"
    return ""


def _conv_2d(graph: Graph, op: Op) -> str:
    if broken := _rank_4(graph, op, 2):
        return broken
    channels, (filters, kernel_h, kernel_w, depth) = _shapes(graph, op)[0][3], _shapes(graph, op)[1]
    if min(kernel_h, kernel_w, depth) < 1 or channels % depth or (channels and filters % (channels // depth)):
        return f"input 1: weights {(filters, kernel_h, kernel_w, depth)} do not fit {channels} input channels"
    return _bias(graph, op, filters)


def _depthwise_conv_2d(graph: Graph, op: Op) -> str:
    if broken := _rank_4(graph, op, 2):
        return broken
    channels, weights = _shapes(graph, op)[0][3], _shapes(graph, op)[1]
    if weights[0] != 1 or min(weights) < 1 or channels < 1 or weights[3] % channels:
        return f"input 1: weights {weights} do not fit {channels} input channels"
    return _bias(graph, op, weights[3])


def _fully_connected(graph: Graph, op: Op) -> str:
    source, weights = _shapes(graph, op)[:2]
    if len(weights) != 2:
        return f"input 1: expected weights of rank 2, got {weights}"
    units, depth = weights
    held = source[-1] if op.options.get("keep_num_dims") and source else math.prod(source)
    if depth < 1 or held % depth or (op.options.get("keep_num_dims") and held != depth):
        return f"input 1: weights {weights} do not fit an input of shape {source}"
    return _bias(graph, op, units)


def _axes(name: str, values: list[int] | None, rank: int) -> str:
    for value in values or []:
        if not -rank <= value < rank:
            return f"{name} {value} of {rank}"
    return ""


def _concatenation(graph: Graph, op: Op) -> str:
    shapes, axis = _shapes(graph, op), op.options["axis"]
    if broken := _axes("axis", [axis], len(shapes[0])):
        return broken
    axis %= len(shapes[0])
    for i, shape in enumerate(shapes):
        others = shape[:axis] + shape[axis + 1 :]
        if len(shape) != len(shapes[0]) or others != shapes[0][:axis] + shapes[0][axis + 1 :]:
            return f"input {i}: shape {shape} cannot follow {shapes[0]} along axis {axis}"
    return ""


def _mean(graph: Graph, op: Op) -> str:
    return _axes("axis", constant_ints(graph, op, 1), len(_shapes(graph, op)[0]))


def _pad(graph: Graph, op: Op) -> str:
    source, pads = _shapes(graph, op)[:2]
    if math.prod(pads) != 2 * len(source):
        return f"input 1: paddings of shape {pads} for an input of rank {len(source)}"
    values = constant_ints(graph, op, 1)
    return f"input 1: negative padding {min(values)}" if values and min(values) < 0 else ""


def _reshape(graph: Graph, op: Op) -> str:
    wanted = constant_ints(graph, op, 1)
    if wanted is None:
        wanted = list(op.options.get("new_shape") or [])
    if wanted and (wanted.count(-1) > 1 or min(wanted) < -1):
        return f"cannot reshape to {wanted}"
    source, result = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    if source.elements != result.elements and not (shape_signature(source) or shape_signature(result)):
        return (
            f"{source.elements} elements of shape {source.shape} become {result.elements} of {result.shape}"
        )
    return ""


def _resize(graph: Graph, op: Op) -> str:
    values = constant_ints(graph, op, 1)
    if broken := _rank_4(graph, op, 1):
        return broken
    if values is not None and (len(values) != 2 or min(values) < 1):
        return f"input 1: expected a height and a width, got {values}"
    return ""


def _split(graph: Graph, op: Op) -> str:
    values, shape = constant_ints(graph, op, 0), _shapes(graph, op)[1]
    if op.options.get("num_splits", len(op.outputs)) != len(op.outputs):
        return f"num_splits {op.options['num_splits']}, but {len(op.outputs)} outputs"
    if values is None:
        return ""
    if len(values) != 1 or not -len(shape) <= values[0] < len(shape):
        return f"input 0: axis {values} of {len(shape)}"
    size = shape[values[0]]
    return (
        f"axis {values[0]} of size {size} cannot be split in {len(op.outputs)}"
        if size % len(op.outputs)
        else ""
    )


def _expand_dims(graph: Graph, op: Op) -> str:
    values = constant_ints(graph, op, 1)
    if values is not None and len(values) != 1:
        return f"input 1: expected one axis, got {values}"
    return _axes("axis", values, len(_shapes(graph, op)[0]) + 1)


def _squeeze(graph: Graph, op: Op) -> str:
    shape, dims = _shapes(graph, op)[0], list(op.options.get("squeeze_dims") or [])
    if broken := _axes("squeeze_dims", dims, len(shape)):
        return broken
    wide = next((d for d in dims if shape[d] != 1), None)
    return "" if wide is None else f"squeeze_dims {wide} of shape {shape} is not 1"


def _strided_slice(graph: Graph, op: Op) -> str:
    source, *bounds = _shapes(graph, op)
    sizes = [math.prod(b) for b in bounds]
    new_axes = bin(op.options.get("new_axis_mask", 0) & 0xFFFFFFFF).count("1")
    if len(set(sizes)) != 1 or sizes[0] > len(source) + new_axes + bool(op.options.get("ellipsis_mask")):
        return f"{sizes} bounds for an input of rank {len(source)}"
    strides = constant_ints(graph, op, 3)
    if strides and 0 in strides:
        return "input 3: stride 0"
    begin = constant_ints(graph, op, 1)
    shrunk = op.options.get("shrink_axis_mask", 0)
    if begin is not None and not (op.options.get("ellipsis_mask") or new_axes):
        for i, start in enumerate(begin):
            if shrunk >> i & 1 and not -source[i] <= start < source[i]:
                return f"input 1: index {start} of {source[i]} along axis {i}"
    return ""


def _transpose(graph: Graph, op: Op) -> str:
    values, rank = constant_ints(graph, op, 1), len(_shapes(graph, op)[0])
    if values is None or sorted(values) == list(range(rank)):
        return ""
    # Negative axes count from the end, as TFLite resolves them.
    broken = _axes("axis", values, rank)
    return broken or (
        ""
        if sorted(v % rank for v in values) == list(range(rank))
        else f"input 1: {values} is no permutation"
    )


_CHECKS: Mapping[str, Callable[[Graph, Op], str]] = {
    "AVERAGE_POOL_2D": lambda graph, op: _rank_4(graph, op, 1),
    "CONCATENATION": _concatenation,
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "EXPAND_DIMS": _expand_dims,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": lambda graph, op: _rank_4(graph, op, 1),
    "MEAN": _mean,
    "PAD": _pad,
    "PADV2": _pad,
    "RESHAPE": _reshape,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "SPLIT": _split,
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _strided_slice,
    "TRANSPOSE": _transpose,
}
