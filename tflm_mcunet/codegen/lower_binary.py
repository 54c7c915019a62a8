"""Lowers ADD, SUB and MUL: row by row where the shapes agree or one has channels only, else by a walk."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflm_mcunet.codegen.axes import strides
from tflm_mcunet.codegen.call import Call, Params, View
from tflm_mcunet.codegen.checks import require, require_int8
from tflm_mcunet.codegen.fixed_point import activation_range, quantize_multiplier, require_headroom
from tflm_mcunet.codegen.views import elementwise, vector_view
from tflm_mcunet.graph import Graph, Tensor
from tflm_mcunet.ops import Window, channel_operand

#: Axes of the broadcasting walk; TFLite Micro's own limit.
_AXES = 6

#: TFLite Micro's headroom for the sum of two int8 values (kernels/add_common.cc).
_LEFT_SHIFT = 20


def _ratio(scale: float, other: float, sign: int) -> tuple[int, int]:
    """The multiplier of a quotient of scales, which is a float64 in TFLite Micro's ADD and a float32 in its SUB.

    Source: kernels/add_common.cc and kernels/sub_common.cc. The quotient of two float32 is rounded to float32 as if
    at once, float64 having more than twice their bits.
    """
    quotient = scale / other
    return quantize_multiplier(quotient if sign > 0 else float(np.float32(quotient)))


def _sum(first: Tensor, second: Tensor, output: Tensor, sign: int, where: str) -> dict[str, Any]:
    """Both operands are brought to twice the larger scale, added, and brought to the output's scale."""
    twice = 2.0 * max(first.scale, second.scale)
    one = _ratio(first.scale, twice, sign)
    two = _ratio(second.scale, twice, sign)
    out = _ratio(twice, (1 << _LEFT_SHIFT) * output.scale, sign)
    require(out[1] <= 0, where, "the output's scale is too small for TFLite Micro's kernel")
    return {
        "sign": sign,
        "first_multiplier": one[0],
        "first_shift": one[1],
        "second_multiplier": two[0],
        "second_shift": two[1],
        "output_multiplier": out[0],
        "output_shift": out[1],
    }


def _product(first: Tensor, second: Tensor, output: Tensor, where: str) -> dict[str, Any]:
    multiplier, shift = quantize_multiplier(first.scale * second.scale / output.scale)
    require_headroom(255 * 255, shift, where)
    return {"output_multiplier": multiplier, "output_shift": shift}


def _strides(shape: tuple[int, ...], target: tuple[int, ...]) -> tuple[int, ...]:
    """Elements by which an operand advances along each axis of `target`; 0 along a broadcast axis."""
    padded = (1,) * (len(target) - len(shape)) + shape
    return tuple(0 if size == 1 else step for size, step in zip(padded, strides(padded)))


def binary(graph: Graph, index: int, window: Window | None) -> Call:
    """ADD, SUB or MUL of int8 tensors."""
    op, where = graph.ops[index], graph.describe(index)
    in_channels = channel_operand(graph, op)
    operands = op.inputs[::-1] if in_channels == 0 else op.inputs
    first, second, output = (graph.tensors[i] for i in (*operands, op.outputs[0]))
    for tensor in (first, second, output):
        require_int8(tensor, where)
    low, high = activation_range(output, op.options.get("fused_activation_function", 0), where)
    struct, kernel = ("Product", "product") if op.type == "MUL" else ("Sum", "sum")
    if op.type == "MUL":
        arithmetic = _product(first, second, output, where)
    else:
        arithmetic = _sum(first, second, output, 1 if op.type == "ADD" else -1, where)
    fields = {
        **arithmetic,
        "channels": output.shape[-1] if output.shape else 1,
        "first_zero_point": first.zero_point,
        "second_zero_point": second.zero_point,
        "output_zero_point": output.zero_point,
        "output_min": low,
        "output_max": high,
    }
    if in_channels >= 0:
        return _channels(graph, (*operands, op.outputs[0]), Params(struct, fields), f"{kernel}_channels_row")
    if first.shape != second.shape:
        return _broadcast(graph, index, Params(struct, fields), kernel)
    walk = elementwise(graph, (*op.inputs, op.outputs[0]))
    fields["channels"] = walk.channels
    return Call(
        kernel=f"{kernel}_row",
        source="kernels/binary",
        params=Params(struct, fields),
        inputs=walk.views[:2],
        outputs=walk.views[2:],
        width=walk.width,
        batch=walk.batch,
    )


def _channels(graph: Graph, tensors: tuple[int, ...], params: Params, kernel: str) -> Call:
    """Row by row, the second operand's values the same for every column of every row."""
    source, values, result = tensors
    walk = elementwise(graph, (source, result))
    return Call(
        kernel=kernel,
        source="kernels/binary",
        params=params,
        inputs=(
            walk.views[0],
            View(values, walk.views[0].height, graph.tensors[values].size_bytes, is_repeated=True),
        ),
        outputs=walk.views[1:],
        width=walk.width,
    )


def _broadcast(graph: Graph, index: int, arithmetic: Params, kernel: str) -> Call:
    op, shape = graph.ops[index], graph.tensors[graph.ops[index].outputs[0]].shape
    extent = (1,) * (_AXES - len(shape)) + shape
    first, second = (_strides(graph.tensors[i].shape, extent) for i in op.inputs)
    fields = {
        "arithmetic": arithmetic,
        "extent": extent,
        "first_stride": first,
        "second_stride": second,
    }
    return Call(
        kernel=f"{kernel}_broadcast",
        source="kernels/binary",
        params=Params("Broadcast", fields),
        inputs=tuple(vector_view(graph, i) for i in op.inputs),
        outputs=(vector_view(graph, op.outputs[0]),),
        whole=True,
    )


LOWER = {"ADD": binary, "MUL": binary, "SUB": binary}
