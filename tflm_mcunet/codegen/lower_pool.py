"""Lowers what reduces: AVERAGE_POOL_2D, MAX_POOL_2D and MEAN."""

from __future__ import annotations

from typing import Any

from tflm_mcunet.codegen.axes import merge
from tflm_mcunet.codegen.call import Call, Params
from tflm_mcunet.codegen.checks import int32_values, require, require_int8
from tflm_mcunet.codegen.fixed_point import activation_range, quantize_multiplier, require_headroom
from tflm_mcunet.codegen.views import image_view, vector_view
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import Window, mean_axes
from tflm_mcunet.ops import window as op_window

#: TFLite Micro's tolerance for the scales on either side of a pool (kernels/pooling_common.cc).
_SCALE_TOLERANCE = 1e-6

#: Axes of one kind that the MEAN kernel walks.
_MEAN_AXES = 3


def pool_2d(graph: Graph, index: int, window: Window | None) -> Call:
    """AVERAGE_POOL_2D or MAX_POOL_2D of an int8 tensor."""
    op, where = graph.ops[index], graph.describe(index)
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    for tensor in (source, output):
        require_int8(tensor, where)
    same = abs(source.scale - output.scale) <= _SCALE_TOLERANCE and source.zero_point == output.zero_point
    require(same, where, "a pool's input and output must have one quantisation, as in TFLite Micro")
    low, high = activation_range(output, op.options["fused_activation_function"], where)
    window = window or op_window(graph, op)
    assert window is not None
    fields = {
        "input_width": source.shape[2],
        "channels": source.shape[3],
        "kernel_h": window.kernel_h,
        "kernel_w": window.kernel_w,
        "stride_w": window.stride_w,
        "pad_left": window.pad_left,
        "output_min": low,
        "output_max": high,
    }
    kernel = "average_pool_2d_row" if op.type == "AVERAGE_POOL_2D" else "max_pool_2d_row"
    return Call(
        kernel=kernel,
        source="kernels/pool_2d",
        params=Params("Pool2D", fields),
        inputs=(image_view(graph, op.inputs[0]),),
        outputs=(image_view(graph, op.outputs[0]),),
        window=window,
        width=output.shape[2],
        batch=output.shape[0],
    )


def _mean_multiplier(ratio: float, count: int) -> tuple[int, int]:
    """The multiplier of the sum: the ratio of the scales over `count`, divided in int64.

    Source: TFLite's `QuantizedMeanOrSum` (kernels/internal/reference/reduce.h).
    """
    multiplier, shift = quantize_multiplier(ratio)
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << extra) // count, shift - extra


def mean(graph: Graph, index: int, window: Window | None) -> Call:
    """MEAN of an int8 tensor over constant axes."""
    op, where = graph.ops[index], graph.describe(index)
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    for tensor in (source, output):
        require_int8(tensor, where)
    rank = len(source.shape)
    in_range = all(-rank <= a < rank for a in int32_values(graph, index, 1))
    require(in_range, where, f"an axis is outside the input's {rank} dimensions")
    reduced = mean_axes(graph, op) or ()
    axes = merge(source.shape, [i in reduced for i in range(rank)])
    kept, summed = ([a for a in axes if a.kind is kind] for kind in (False, True))
    fits = len(kept) <= _MEAN_AXES and len(summed) <= _MEAN_AXES
    require(fits, where, f"kept and reduced axes alternate more than {_MEAN_AXES} times")
    count = 1
    for axis in summed:
        count *= axis.extent
    multiplier, shift = _mean_multiplier(source.scale / output.scale, count)
    require_headroom(255 * count, shift, where)
    fields: dict[str, Any] = {
        "input_offset": source.zero_point * count,
        "multiplier": multiplier,
        "shift": shift,
        "output_zero_point": output.zero_point,
    }
    for name, group in (("kept", kept), ("reduced", summed)):
        missing = _MEAN_AXES - len(group)
        fields[f"{name}_extent"] = (1,) * missing + tuple(a.extent for a in group)
        fields[f"{name}_stride"] = (0,) * missing + tuple(a.stride for a in group)
    return Call(
        kernel="mean",
        source="kernels/mean",
        params=Params("Mean", fields),
        inputs=(vector_view(graph, op.inputs[0]),),
        outputs=(vector_view(graph, op.outputs[0]),),
        whole=True,
    )


LOWER = {"AVERAGE_POOL_2D": pool_2d, "MAX_POOL_2D": pool_2d, "MEAN": mean}
