"""The bytes of a model's tensors as TFLite Micro counts them, with what it cannot count refused."""

from __future__ import annotations

from collections.abc import Sequence

from tflm_mcunet.errors import ModelError, UnsupportedOpError
from tflm_mcunet.graph import ITEM_BYTES, Graph, Tensor

#: What the planner's own int32 arithmetic can hold.
MAX_BYTES = (1 << 31) - 1

#: Types that TFLite Micro has no size for; four-bit integers it takes as bytes.
_UNSIZED = frozenset({"string", "variant", "uint4", "int2"})
_ITEM_BYTES = {**{name: int(size) for name, size in ITEM_BYTES.items()}, "int4": 1}


def tensor_sizes(graphs: Sequence[Graph]) -> list[list[int]]:
    """Bytes of every tensor of every subgraph, without alignment.

    Raises:
        ModelError: an index is no tensor, or a shape has an open dimension.
        UnsupportedOpError: a type has no size, or a tensor is past what the runtime's planner can hold.
    """
    for s, graph in enumerate(graphs):
        _check_indices(graph, s)
    sizes = [[_tensor_bytes(t, i) for i, t in enumerate(g.tensors)] for g in graphs]
    for graph, bytes_of in zip(graphs, sizes, strict=True):
        for op in graph.ops:
            if op.type == "RESHAPE" and len(op.inputs) == 1 and graph.tensors[op.outputs[0]].shape == (0,):
                # What old converters wrote for a scalar; the kernel makes it one.
                bytes_of[op.outputs[0]] = _ITEM_BYTES[graph.tensors[op.outputs[0]].dtype]
            if op.type == "RESHAPE" and -1 in graph.tensors[op.outputs[0]].shape:
                # The kernel closes the output's open dimension.
                bytes_of[op.outputs[0]] = bytes_of[op.inputs[0]]
    return sizes


def _check_indices(graph: Graph, subgraph: int) -> None:
    count = len(graph.tensors)
    for name, edges in (("input", graph.inputs), ("output", graph.outputs)):
        if edges and not (min(edges) >= 0 and max(edges) < count):
            raise ModelError(f"subgraph {subgraph}: an {name} is none of its {count} tensors")
    for i, op in enumerate(graph.ops):
        bad_input = op.inputs and not (min(op.inputs) >= -1 and max(op.inputs) < count)
        bad_output = op.outputs and not (min(op.outputs) >= 0 and max(op.outputs) < count)
        if bad_input or bad_output:
            raise ModelError(
                f"subgraph {subgraph}, op {i} {op.name}: an operand is none of its {count} tensors"
            )


def _tensor_bytes(tensor: Tensor, index: int) -> int:
    size = _ITEM_BYTES.get(tensor.dtype)
    if size is None or tensor.dtype in _UNSIZED:
        raise UnsupportedOpError(
            f"tensor {index} {tensor.name!r}: TFLite Micro has no size for type {tensor.dtype}",
            "remove the tensor or change its type",
        )
    for n in tensor.shape:
        size *= n
    if size > MAX_BYTES:
        raise UnsupportedOpError(
            f"tensor {index} {tensor.name!r}: {size} bytes; TFLite Micro's planner holds at most {MAX_BYTES}",
            "make the tensor smaller",
        )
    return size
