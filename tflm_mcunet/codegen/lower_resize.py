"""Lowers what changes an image's size: PAD, PADV2 and RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

import numpy as np

from tflm_mcunet.codegen.axes import strides
from tflm_mcunet.codegen.call import Call, Constant, Params
from tflm_mcunet.codegen.checks import int32_values, require, require_int8, require_one_dtype
from tflm_mcunet.codegen.fixed_point import round_half_away
from tflm_mcunet.codegen.lower_move import item_bytes, move_call
from tflm_mcunet.codegen.moves import move_params, part
from tflm_mcunet.codegen.views import are_images, image_view, vector_view
from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.ops import Window
from tflm_mcunet.ops import window as op_window


def _fill(graph: Graph, index: int) -> tuple[int, ...]:
    """The four bytes that padding repeats: the given value, or zero as the output's quantisation has it."""
    op, where = graph.ops[index], graph.describe(index)
    output = graph.tensors[op.outputs[0]]
    if output.dtype == "int8":
        require_int8(output, where)
    value = np.array([output.zero_point if output.dtype == "int8" else 0], dtype=output.dtype)
    if len(op.inputs) > 2:
        given = graph.tensors[op.inputs[2]]
        require_one_dtype((output, given), (output.dtype,), where)
        require(given.is_constant and given.elements == 1, where, "the padding must be one constant value")
        same = (given.scale, given.zero_point) == (output.scale, output.zero_point)
        differs = f"tensor {given.name!r} is not quantised like the output, as TFLite Micro demands"
        require(output.dtype != "int8" or same, where, differs)
        value = given.array().reshape(1)
    raw = value.tobytes()
    return tuple(raw * (4 // len(raw)))


def pad(graph: Graph, index: int, window: Window | None) -> Call:
    """PAD or PADV2: row by row where only rows and columns are padded, else the whole tensor."""
    op, where = graph.ops[index], graph.describe(index)
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    require_one_dtype((source, output), ("int8", "int16", "int32", "float32"), where)
    rank = len(source.shape)
    require(rank <= 5, where, f"TFLite Micro pads at most 5 dimensions, not {rank}")
    pads = int32_values(graph, index, 1, 2 * rank)
    require(min(pads, default=0) >= 0, where, f"a padding is negative: {pads}")
    fill = _fill(graph, index)
    window = window or op_window(graph, op)
    if window is not None and are_images(graph, op.inputs[:1]):
        fields = {
            "input_width": source.shape[2],
            "pixel_bytes": source.shape[3] * item_bytes(source),
            "pad_left": window.pad_left,
            "fill": fill,
        }
        return Call(
            kernel="pad_row",
            source="kernels/pad",
            params=Params("Pad", fields),
            inputs=(image_view(graph, op.inputs[0]),),
            outputs=(image_view(graph, op.outputs[0]),),
            window=window,
            width=output.shape[2],
            batch=output.shape[0],
        )
    steps = strides(output.shape)
    offset = sum(before * step for before, step in zip(pads[::2], steps))
    walk = part(source.shape, strides(source.shape), steps, item_bytes(source), 0, offset)
    params = move_params([walk], fill_bytes=output.size_bytes, fill=fill)
    return move_call(graph, op.inputs[:1], op.outputs, params)


def nearest(input_size: int, output_size: int, align_corners: bool, half_pixel_centers: bool) -> np.ndarray:
    """The input index that each output index takes, computed in float32 as TFLite Micro does.

    Returns:
        uint16[output_size].

    >>> nearest(3, 6, align_corners=False, half_pixel_centers=False).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    if align_corners and output_size > 1:
        scale = np.float32(input_size - 1) / np.float32(output_size - 1)
    else:
        scale = np.float32(input_size) / np.float32(output_size)
    offset = np.float32(0.5 if half_pixel_centers else 0.0)
    indices = []
    for i in range(output_size):
        position = float((np.float32(i) + offset) * scale)
        index = round_half_away(position) if align_corners else int(position)
        indices.append(min(index, input_size - 1))
    return np.array(indices, dtype=np.uint16)


def _agreed(input_size: int, output_size: int, op: Op, where: str) -> Constant:
    """The indices, where TFLite Micro's releases agree about them: before mid-2026 they ignored half-pixel centres."""
    align, half = (bool(op.options.get(name)) for name in ("align_corners", "half_pixel_centers"))
    indices = nearest(input_size, output_size, align, half)
    same = not half or np.array_equal(indices, nearest(input_size, output_size, align, False))
    problem = f"releases of TFLite Micro disagree about half_pixel_centers from {input_size} to {output_size}"
    require(same, where, problem, "resize by a whole factor, or without half_pixel_centers")
    return Constant(indices)


def resize_nearest_neighbor(graph: Graph, index: int, window: Window | None) -> Call:
    """RESIZE_NEAREST_NEIGHBOR to a constant size."""
    op, where = graph.ops[index], graph.describe(index)
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    require_one_dtype((source, output), ("int8", "int16", "float32"), where)
    require(len(source.shape) == 4, where, f"expected 4 dimensions, got {len(source.shape)}")
    height, width = int32_values(graph, index, 1, 2)
    batch, input_height, input_width, channels = source.shape
    require(max(input_height, input_width) < 1 << 16, where, "more than 65535 rows or columns")
    fields = {
        "row": _agreed(input_height, height, op, where),
        "column": _agreed(input_width, width, op, where),
        "batch": batch,
        "input_height": input_height,
        "input_width": input_width,
        "output_height": height,
        "output_width": width,
        "pixel_bytes": channels * item_bytes(source),
    }
    return Call(
        kernel="resize_nearest_neighbor",
        source="kernels/resize_nearest_neighbor",
        params=Params("ResizeNearestNeighbor", fields),
        inputs=(vector_view(graph, op.inputs[0]),),
        outputs=(vector_view(graph, op.outputs[0]),),
        whole=True,
    )


LOWER = {"PAD": pad, "PADV2": pad, "RESIZE_NEAREST_NEIGHBOR": resize_nearest_neighbor}
