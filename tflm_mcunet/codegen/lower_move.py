"""Lowers what moves bytes and changes none: RESHAPE and its kin, TRANSPOSE, slices, CONCATENATION and SPLIT."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tflm_mcunet.codegen.axes import strides
from tflm_mcunet.codegen.call import Call, Params
from tflm_mcunet.codegen.checks import MOVABLE, int32_values, require, require_one_dtype
from tflm_mcunet.codegen.moves import Part, move_params, part
from tflm_mcunet.codegen.views import are_images, image_view, vector_view
from tflm_mcunet.graph import ITEM_BYTES, Graph, Tensor
from tflm_mcunet.ops import Window, slice_bounds

#: The dtypes that TFLite Micro's own kernels take (kernels/*.cc), as far as the generated tables hold them.
_DTYPES = {
    "CONCATENATION": ("int8", "int16", "int32", "float32"),
    "EXPAND_DIMS": ("int8", "int16", "float32"),
    "RESHAPE": MOVABLE,
    "SPLIT": ("int8", "int16", "int32", "float32"),
    "SQUEEZE": MOVABLE,
    "STRIDED_SLICE": ("int8", "int16", "int32", "float32"),
    "TRANSPOSE": ("int8", "int16", "float32"),
}

#: Operands and results at most: the kernel's table, and the engine's.
_MOST_INPUTS, _MOST_OUTPUTS = 10, 16


def item_bytes(tensor: Tensor) -> int:
    """Bytes of one element."""
    return int(ITEM_BYTES[tensor.dtype])


def move_call(
    graph: Graph, inputs: Sequence[int], outputs: Sequence[int], params: Params, is_copy: bool = False
) -> Call:
    """A call of the kernel `move` over whole tensors."""
    return Call(
        kernel="move",
        source="kernels/move",
        params=params,
        inputs=tuple(vector_view(graph, i) for i in inputs),
        outputs=tuple(vector_view(graph, i) for i in outputs),
        whole=True,
        is_copy=is_copy,
    )


def _source_and_output(graph: Graph, index: int) -> tuple[Tensor, Tensor]:
    """The first operand and the result of a mover, of one dtype that TFLite Micro takes."""
    op = graph.ops[index]
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    require_one_dtype((source, output), _DTYPES[op.type], graph.describe(index))
    return source, output


def copy(graph: Graph, index: int, window: Window | None) -> Call:
    """RESHAPE, SQUEEZE or EXPAND_DIMS: the bytes stay, only the shape changes."""
    op, where = graph.ops[index], graph.describe(index)
    source, output = _source_and_output(graph, index)
    sizes = f"{source.elements} elements become {output.elements}"
    require(source.elements == output.elements, where, sizes)
    if op.type == "EXPAND_DIMS":
        int32_values(graph, index, 1, 1)
    run = Part((), (), (), 0, 0, source.size_bytes)
    return move_call(graph, op.inputs[:1], op.outputs, move_params([run]), is_copy=True)


def transpose(graph: Graph, index: int, window: Window | None) -> Call:
    """TRANSPOSE by a constant permutation."""
    op, where = graph.ops[index], graph.describe(index)
    source, output = _source_and_output(graph, index)
    rank = len(source.shape)
    require(1 <= rank <= 5, where, f"TFLite Micro transposes 1 to 5 dimensions, not {rank}")
    order = int32_values(graph, index, 1, rank)
    require(sorted(order) == list(range(rank)), where, f"{order} is no permutation of {rank} dimensions")
    steps = strides(source.shape)
    walk = part(output.shape, [steps[i] for i in order], strides(output.shape), item_bytes(source))
    return move_call(graph, op.inputs[:1], op.outputs, move_params([walk]))


def strided_slice(graph: Graph, index: int, window: Window | None) -> Call:
    """STRIDED_SLICE with constant bounds."""
    op, where = graph.ops[index], graph.describe(index)
    source, _ = _source_and_output(graph, index)
    rank = len(source.shape)
    require(1 <= rank <= 4, where, f"TFLite Micro slices 1 to 4 dimensions, not {rank}")
    begin, _, step = (int32_values(graph, index, i, rank) for i in (1, 2, 3))
    for mask in ("ellipsis_mask", "new_axis_mask", "offset"):
        require(not op.options.get(mask), where, f"TFLite Micro does not know {mask}")
    shrunk = op.options.get("shrink_axis_mask", 0)
    for axis, size in enumerate(source.shape):
        if shrunk >> axis & 1:
            # Elsewhere TFLite Micro's Prepare and Eval disagree with TensorFlow or with each other.
            plain = step[axis] > 0 and not op.options.get("begin_mask", 0) >> axis & 1
            require(plain and -size <= begin[axis] < size, where, f"axis {axis} cannot be shrunk")
    bounds = slice_bounds(graph, op)
    require(bounds is not None, where, "a stride is 0")
    assert bounds is not None
    steps = strides(source.shape)
    extent = [count for _, count, _ in bounds]
    offset = sum(start * step for (start, _, _), step in zip(bounds, steps))
    source_steps = [jump * step for (_, _, jump), step in zip(bounds, steps)]
    walk = part(extent, source_steps, strides(extent), item_bytes(source), offset)
    return move_call(graph, op.inputs[:1], op.outputs, move_params([walk]))


def concatenation(graph: Graph, index: int, window: Window | None) -> Call:
    """CONCATENATION along any axis; along the channels row by row."""
    op, where = graph.ops[index], graph.describe(index)
    sources, output = [graph.tensors[i] for i in op.inputs], graph.tensors[op.outputs[0]]
    require_one_dtype([*sources, output], _DTYPES[op.type], where)
    require(len(sources) <= _MOST_INPUTS, where, f"TFLite Micro joins at most {_MOST_INPUTS} tensors")
    activation = op.options.get("fused_activation_function", 0)
    require(activation == 0, where, "TFLite Micro's CONCATENATION fuses no activation")
    for tensor in sources:
        same = (tensor.scale, tensor.zero_point) == (output.scale, output.zero_point)
        different = f"tensor {tensor.name!r} is not quantised like the output, as TFLite Micro demands"
        require(output.dtype != "int8" or same, where, different)
        require(output.dtype != "int16" or tensor.zero_point == 0 == output.zero_point, where, different)
    rank = len(output.shape)
    axis = op.options["axis"] % rank
    if axis == 3 and are_images(graph, op.inputs):
        return _concatenated_rows(graph, index, [t.shape[3] * item_bytes(t) for t in sources])
    inner = math.prod(output.shape[axis + 1 :])
    parts, offset = [], 0
    for tensor in sources:
        extent = (math.prod(tensor.shape[:axis]), tensor.shape[axis] * inner)
        source_steps, target_steps = (extent[1], 1), (output.shape[axis] * inner, 1)
        parts.append(part(extent, source_steps, target_steps, item_bytes(tensor), 0, offset))
        offset += extent[1]
    return move_call(graph, op.inputs, op.outputs, move_params(parts, many_inputs=True))


def _concatenated_rows(graph: Graph, index: int, part_bytes: list[int]) -> Call:
    op = graph.ops[index]
    batch, _, width, _ = graph.tensors[op.outputs[0]].shape
    padded = tuple(part_bytes) + (0,) * (_MOST_INPUTS - len(part_bytes))
    return Call(
        kernel="concatenation_row",
        source="kernels/concatenation",
        params=Params("Concatenation", {"parts": len(part_bytes), "part_bytes": padded}),
        inputs=tuple(image_view(graph, i) for i in op.inputs),
        outputs=(image_view(graph, op.outputs[0]),),
        width=width,
        batch=batch,
    )


def split(graph: Graph, index: int, window: Window | None) -> Call:
    """SPLIT into equal parts along a constant axis."""
    op, where = graph.ops[index], graph.describe(index)
    source, outputs = graph.tensors[op.inputs[1]], [graph.tensors[i] for i in op.outputs]
    require_one_dtype([source, *outputs], _DTYPES[op.type], where)
    require(len(outputs) <= _MOST_OUTPUTS, where, f"{len(outputs)} outputs; the engine takes {_MOST_OUTPUTS}")
    (axis,) = int32_values(graph, index, 0, 1)
    rank = len(source.shape)
    require(-rank <= axis < rank, where, f"axis {axis} is outside the input's {rank} dimensions")
    axis %= rank
    extent = (math.prod(source.shape[:axis]), math.prod(source.shape[axis:]) // len(outputs))
    source_steps, target_steps = (extent[1] * len(outputs), 1), (extent[1], 1)
    parts = [
        part(extent, source_steps, target_steps, item_bytes(source), i * extent[1])
        for i in range(len(outputs))
    ]
    return move_call(graph, op.inputs[1:], op.outputs, move_params(parts, many_outputs=True))


LOWER = {
    "CONCATENATION": concatenation,
    "EXPAND_DIMS": copy,
    "RESHAPE": copy,
    "SPLIT": split,
    "SQUEEZE": copy,
    "STRIDED_SLICE": strided_slice,
    "TRANSPOSE": transpose,
}
