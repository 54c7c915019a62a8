"""Lowers what has weights: CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflm_mcunet.codegen.call import Call, Constant, Params, View
from tflm_mcunet.codegen.checks import require, require_constant, require_int8
from tflm_mcunet.codegen.fixed_point import (
    INT8_MAX,
    INT8_MIN,
    INT32_MAX,
    activation_range,
    channel_multipliers,
    quantize_multiplier,
    require_headroom,
)
from tflm_mcunet.codegen.views import image_view
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import Graph, Tensor
from tflm_mcunet.ops import Window
from tflm_mcunet.ops import window as op_window


def _common(graph: Graph, index: int, channels: int) -> dict[str, Any]:
    """The parameters that the three operators share."""
    op, where = graph.ops[index], graph.describe(index)
    source, weights, output = (graph.tensors[i] for i in (op.inputs[0], op.inputs[1], op.outputs[0]))
    require_int8(source, where)
    require_int8(output, where)
    require_constant(weights, "int8", where)
    quantization = weights.quantization
    if quantization is None or any(quantization.zero_point):
        raise UnsupportedOpError(f"{where}: the weights must be quantised symmetrically (zero point 0)")
    if len(quantization.scale) not in (1, channels):
        raise UnsupportedOpError(f"{where}: {len(quantization.scale)} weight scales for {channels} channels")
    bias = _bias(graph, index, channels, where)
    multiplier, shift = channel_multipliers(source, weights, output, channels)
    _require_accumulators(source, weights, bias, shift, where)
    low, high = activation_range(output, op.options["fused_activation_function"], where)
    return {
        "weights": Constant(weights.array()),
        "bias": bias,
        "multiplier": Constant(multiplier),
        "shift": Constant(shift),
        "input_zero_point": source.zero_point,
        "output_zero_point": output.zero_point,
        "output_min": low,
        "output_max": high,
    }


def _require_accumulators(
    source: Tensor, weights: Tensor, bias: Constant | None, shift: np.ndarray, where: str
) -> None:
    """Refuse weights with which some input overflows an int32 sum: TFLite Micro's result is undefined there."""
    values = weights.array().astype(np.int64)
    # Output channels come last in DEPTHWISE_CONV_2D, whose first axis is 1, and first elsewhere.
    by_channel = values.reshape(-1, len(shift)).T if weights.shape[0] == 1 else values.reshape(len(shift), -1)
    low, high = INT8_MIN - source.zero_point, INT8_MAX - source.zero_point
    offset = bias.values.astype(np.int64) if bias else 0
    largest = np.maximum(by_channel * low, by_channel * high).sum(axis=1)
    smallest = np.minimum(by_channel * low, by_channel * high).sum(axis=1)
    alone = np.maximum(largest, -smallest)
    bound = np.maximum(largest + offset, -(smallest + offset))
    require(int(alone.max()) <= INT32_MAX, where, "the products of input and weights overflow int32")
    for channel in np.flatnonzero(bound << np.maximum(shift, 0).astype(np.int64) > INT32_MAX):
        require_headroom(int(bound[channel]), int(shift[channel]), f"{where}, output channel {channel}")


def _bias(graph: Graph, index: int, channels: int, where: str) -> Constant | None:
    op = graph.ops[index]
    if len(op.inputs) < 3 or op.inputs[2] < 0:
        return None
    bias = graph.tensors[op.inputs[2]]
    require_constant(bias, "int32", where)
    if bias.elements != channels:
        raise UnsupportedOpError(f"{where}: {bias.elements} biases for {channels} output channels")
    return Constant(bias.array())


def _spatial(
    graph: Graph,
    index: int,
    window: Window | None,
    fields: dict[str, Any],
    kernel: str,
    struct: str,
    in_place_scratch_bytes: int,
) -> Call:
    op = graph.ops[index]
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    window = window or op_window(graph, op)
    assert window is not None
    columns = {
        "input_width": source.shape[2],
        "input_channels": source.shape[3],
        "kernel_h": window.kernel_h,
        "kernel_w": window.kernel_w,
        "stride_w": window.stride_w,
        "dilation_w": window.dilation_w,
        "pad_left": window.pad_left,
    }
    return Call(
        kernel=f"{kernel}_row",
        source=f"kernels/{kernel}",
        params=Params(struct, {**columns, **fields}),
        inputs=(image_view(graph, op.inputs[0]),),
        outputs=(image_view(graph, op.outputs[0]),),
        window=window,
        width=output.shape[2],
        batch=output.shape[0],
        in_place_scratch_bytes=in_place_scratch_bytes,
    )


def conv_2d(graph: Graph, index: int, window: Window | None) -> Call:
    """CONV_2D, grouped where the weights read fewer channels than the input has."""
    op, where = graph.ops[index], graph.describe(index)
    channels = graph.tensors[op.outputs[0]].shape[3]
    depth, group = graph.tensors[op.inputs[0]].shape[3], graph.tensors[op.inputs[1]].shape[3]
    if depth % group or channels % (depth // group):
        raise UnsupportedOpError(f"{where}: {depth} input channels do not form groups of {group}")
    fields = {
        **_common(graph, index, channels),
        "group_channels": group,
        "output_channels": channels,
    }
    return _spatial(graph, index, window, fields, "conv_2d", "Conv2D", depth)


def depthwise_conv_2d(graph: Graph, index: int, window: Window | None) -> Call:
    """DEPTHWISE_CONV_2D; the multiplier follows from the shapes, as in TFLite Micro."""
    op, where = graph.ops[index], graph.describe(index)
    channels, depth = graph.tensors[op.outputs[0]].shape[3], graph.tensors[op.inputs[0]].shape[3]
    if channels % depth or channels // depth != op.options.get("depth_multiplier", channels // depth):
        raise UnsupportedOpError(f"{where}: {channels} output channels from {depth} with that multiplier")
    fields = {**_common(graph, index, channels), "depth_multiplier": channels // depth}
    row = window or op_window(graph, op)
    delay = row.pad_left + 1 if row else 1
    return _spatial(graph, index, window, fields, "depthwise_conv_2d", "DepthwiseConv2D", delay)


def _layer_multiplier(source: Tensor, weights: Tensor, output: Tensor) -> tuple[int, int]:
    """A per-tensor layer's multiplier: TFLite takes the product of the scales in float32 first."""
    product = np.float32(source.scale) * np.float32(weights.scale)
    return quantize_multiplier(float(product) / output.scale)


def _require_bias_scale(graph: Graph, index: int) -> None:
    """Refuse what TFLite's `GetQuantizedConvolutionMultipler` refuses: a bias on another scale than the products."""
    op, where = graph.ops[index], graph.describe(index)
    if len(op.inputs) < 3 or op.inputs[2] < 0:
        return
    source, weights, bias = (graph.tensors[i] for i in op.inputs)
    difference = abs(source.scale * weights.scale - bias.scale) / graph.tensors[op.outputs[0]].scale
    wrong = f"the bias's scale {bias.scale:g} is not input scale times weight scale"
    require(difference <= 0.02, where, wrong)


def fully_connected(graph: Graph, index: int, window: Window | None) -> Call:
    """FULLY_CONNECTED; every vector of the batch is a row."""
    op, where = graph.ops[index], graph.describe(index)
    source, weights, output = (graph.tensors[i] for i in (op.inputs[0], op.inputs[1], op.outputs[0]))
    units, depth = weights.shape
    if op.options.get("weights_format", 0) != 0:
        raise UnsupportedOpError(f"{where}: shuffled weights have no kernel in TFLite Micro")
    vectors = source.elements // depth
    if source.elements % depth or output.elements != vectors * units or output.shape[-1:] != (units,):
        raise UnsupportedOpError(f"{where}: {source.elements} inputs do not form vectors of {depth}")
    fields = {**_common(graph, index, units), "depth": depth}
    if len(weights.quantization.scale if weights.quantization else ()) == 1:
        _require_bias_scale(graph, index)
        multiplier, shift = _layer_multiplier(source, weights, output)
        fields["multiplier"] = Constant(np.full(units, multiplier, np.int32))
        fields["shift"] = Constant(np.full(units, shift, np.int8))
    return Call(
        kernel="fully_connected_row",
        source="kernels/fully_connected",
        params=Params("FullyConnected", fields),
        inputs=(View(op.inputs[0], vectors, depth),),
        outputs=(View(op.outputs[0], vectors, units),),
        width=units,
    )


LOWER = {
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "FULLY_CONNECTED": fully_connected,
}
