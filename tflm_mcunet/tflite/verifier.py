"""Is a Graph a model? Every index, shape, size and quantisation parameter, before anything relies on them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import TypeVar

import numpy as np

from tflm_mcunet.errors import ModelError
from tflm_mcunet.graph import ITEM_BYTES, Graph, Op, Tensor
from tflm_mcunet.ops import OPS
from tflm_mcunet.tflite import operands
from tflm_mcunet.tflite.containers import Container, metadata, references, shape_signature
from tflm_mcunet.tflite.schema import builtin_codes, text
from tflm_mcunet.tflite.signatures import settled

_T = TypeVar("_T")

MAX_TENSOR_BYTES = 2**31 - 1
#: The most dimensions that numpy takes; TFLite Micro's kernels take six.
MAX_RANK = 64
OFFLINE_PLAN = "OfflineMemoryAllocation"
_COMPRESSION = "COMPRESSION_METADATA"
_OPAQUE = frozenset({"string", "resource", "variant"})
_INTEGER_RANGES = {
    f"{sign}int{bits}": (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for bits in (4, 8, 16, 32)
    for sign in ("", "u")
}


def verify(graph: Graph, *, open_shapes: bool = True) -> None:
    """Check that a graph is a model that an interpreter may run without asking further.

    Tensors: sizes below 2 GiB, constants of exactly their shape's bytes, usable quantisation. Operators:
    indices, operand counts and options, shapes that agree with `ops.OPS`, each tensor written once and only
    read after that. Signatures and metadata name tensors and buffers that exist. Other subgraphs are held to
    the same.

    Args:
        graph: Graph. Read or built.
        open_shapes: bool. Whether a dimension that the file leaves open (-1 in shape_signature, held as 1) may
            differ from what the operators make of it. An engine whose shapes are fixed says False.

    Raises:
        ModelError: the first broken fact with its path: "subgraph 0, op 12, input 1: tensor index 99 of 45".
    """
    container = settled(graph)
    _check_container(graph, container)
    graphs = (graph, *container.subgraphs)
    for index, subgraph in enumerate(graphs):
        _check_subgraph(subgraph, f"subgraph {index}", len(graphs), open_shapes)


def _check_subgraph(graph: Graph, path: str, subgraph_count: int, open_shapes: bool) -> None:
    for i, tensor in enumerate(graph.tensors):
        fault = _tensor_fault(tensor)
        if fault:
            raise ModelError(f"{path}, tensor {i} {tensor.name!r}: {fault}")
        for name, t in references(tensor).items():
            if not (-1 if name == "zeroPoints" else 0) <= t < len(graph.tensors):
                fact = f"quantisation details: {name} is tensor index {t} of {len(graph.tensors)}"
                raise ModelError(f"{path}, tensor {i} {tensor.name!r}: {fact}")
    for end, indices in (("input", graph.inputs), ("output", graph.outputs)):
        for i, t in enumerate(indices):
            _check_index(graph, t, f"{path}, {end} {i}")
    for i, op in enumerate(graph.ops):
        _check_op_indices(graph, op, f"{path}, op {i}")
    _check_order(graph, path)
    for i, op in enumerate(graph.ops):
        _check_op(graph, op, f"{path}, op {i}", subgraph_count, open_shapes)


def _check_index(graph: Graph, index: int, path: str) -> None:
    if not 0 <= index < len(graph.tensors):
        raise ModelError(f"{path}: tensor index {index} of {len(graph.tensors)}")


def _tensor_fault(tensor: Tensor) -> str:
    """What is wrong with a tensor by itself; empty if nothing."""
    if tensor.dtype not in ITEM_BYTES:
        return f"unknown dtype {tensor.dtype!r}"
    shape = tensor.shape
    if len(shape) > MAX_RANK:
        return f"{len(shape)} dimensions; at most {MAX_RANK}"
    if shape and (min(shape) < 0 or max(shape) >= 2**31):
        return f"shape {shape} has a dimension outside 0 to 2^31 - 1"
    if tensor.size_bytes > MAX_TENSOR_BYTES:
        return f"shape {shape} of {tensor.dtype} takes {tensor.size_bytes} bytes, past 2 GiB"
    record = tensor.extra.get("record")
    if tensor.data is not None and tensor.dtype not in _OPAQUE:
        sparsity = record.sparsity if record is not None else None
        if sparsity is not None:
            if fault := _sparsity_fault(tensor, sparsity):
                return fault
        elif len(tensor.data) != tensor.size_bytes:
            wanted = f"shape {shape} of {tensor.dtype} takes {tensor.size_bytes}"
            return f"{len(tensor.data)} bytes of data, but {wanted}"
    if tensor.is_variable and tensor.data:
        return "a variable tensor with constant data"
    signature = shape_signature(tensor)
    if signature and any(n not in (size, -1) for n, size in zip_longest(signature, shape)):
        return f"shape_signature {signature} of shape {shape}"
    return _quantization_fault(tensor)


def _sparsity_fault(tensor: Tensor, sparsity: object) -> str:
    order = getattr(sparsity, "traversalOrder", None)
    levels = getattr(sparsity, "dimMetadata", None)
    if order is None or levels is None or len(order) != len(levels):
        return "sparsity: traversal_order and dim_metadata have different lengths"
    if sorted(order.tolist()) != list(range(len(order))) or len(order) < len(tensor.shape):
        return f"sparsity: traversal_order {order.tolist()} is no permutation of the dimensions and blocks"
    return ""


def _quantization_fault(tensor: Tensor) -> str:
    quantization = tensor.quantization
    if quantization is None:
        return ""
    scales, zero_points, axis = quantization.scale, quantization.zero_point, quantization.axis
    if not scales or len(scales) != len(zero_points):
        return f"quantisation has {len(scales)} scales and {len(zero_points)} zero points"
    # A vector has one axis, whatever the file calls it: old converters gave biases their weights' axis.
    if len(scales) > 1 and tensor.shape != (len(scales),):
        if not 0 <= axis < len(tensor.shape):
            return f"quantised along axis {axis} of {len(tensor.shape)}"
        if len(scales) != tensor.shape[axis]:
            return f"{len(scales)} scales for the {tensor.shape[axis]} indices of axis {axis}"
    with np.errstate(over="ignore", under="ignore"):
        stored = np.array(scales, np.float32)
    # A constant's scale may be negative or zero: real models have convolution weights with such channels, and
    # TFLite's fixed-point multipliers carry the sign. What is computed is divided by its scale.
    usable = np.isfinite(stored) if tensor.is_constant else np.isfinite(stored) & (stored > 0)
    if not usable.all():
        kind = "a constant's scales are finite" if tensor.is_constant else "scales are finite and positive"
        return f"quantisation scale {scales[int(np.argmin(usable))]}; {kind}"
    least, most = _INTEGER_RANGES.get(tensor.dtype, (-(2**63), 2**63 - 1))
    if min(zero_points) < least or max(zero_points) > most:
        bad_point = next(z for z in zero_points if not least <= z <= most)
        return f"quantisation zero point {bad_point} is outside {tensor.dtype}"
    return ""


def _check_op_indices(graph: Graph, op: Op, path: str) -> None:
    if op.type not in builtin_codes():
        raise ModelError(f"{path}: unknown operator type {op.type!r}")
    if (op.type == "CUSTOM") != bool(op.custom_code):
        raise ModelError(f"{path} {op.type}: a custom operator has a custom code, and nothing else has one")
    if not 0 < op.version < 2**31:
        raise ModelError(f"{path} {op.name}: version {op.version}")
    for i, t in enumerate(op.inputs):
        if t != -1:
            _check_index(graph, t, f"{path}, input {i}")
    for i, t in enumerate(op.outputs):
        _check_index(graph, t, f"{path}, output {i}")
    for i, t in enumerate(op.extra.get("intermediates", ())):
        if t != -1:
            _check_index(graph, t, f"{path}, intermediate {i}")


def _check_order(graph: Graph, path: str) -> None:
    """Each tensor is written once, and read only where it holds something."""
    written: dict[int, str] = {}
    for i, t in enumerate(graph.inputs):
        if t in written:
            raise ModelError(f"{path}, input {i}: tensor {t} {graph.tensors[t].name!r} is {written[t]} too")
        if graph.tensors[t].is_constant:
            raise ModelError(f"{path}, input {i}: tensor {t} {graph.tensors[t].name!r} is a constant")
        written[t] = f"input {i}"

    def holds(t: int) -> bool:
        return t in written or graph.tensors[t].is_constant or graph.tensors[t].is_variable

    for i, op in enumerate(graph.ops):
        for position, t in enumerate(op.inputs):
            if t >= 0 and not holds(t):
                writer = next((j for j, other in enumerate(graph.ops) if t in other.outputs), None)
                reason = "nothing writes it" if writer is None else f"op {writer} is the first to write it"
                name = graph.tensors[t].name
                raise ModelError(
                    f"{path}, op {i}, input {position}: tensor {t} {name!r} is read, but {reason}"
                )
        for position, t in enumerate(op.outputs):
            name = graph.tensors[t].name
            if t in written:
                where = f"{path}, op {i}, output {position}"
                raise ModelError(f"{where}: tensor {t} {name!r} is written already, by {written[t]}")
            if graph.tensors[t].is_constant:
                raise ModelError(f"{path}, op {i}, output {position}: tensor {t} {name!r} is a constant")
            written[t] = f"op {i}"
    for i, t in enumerate(graph.outputs):
        if not holds(t):
            raise ModelError(f"{path}, output {i}: nothing writes tensor {t} {graph.tensors[t].name!r}")


def _check_op(graph: Graph, op: Op, path: str, subgraph_count: int, open_shapes: bool) -> None:
    path = f"{path} {op.name}"
    for key, value in op.options.items():
        if key.endswith("subgraph_index") and value not in range(subgraph_count):
            raise ModelError(f"{path}: {key} {value} of {subgraph_count}")
    facts = OPS.get(op.type)
    if facts is None:
        return
    least, most = facts.inputs
    if not least <= len(op.inputs) <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise ModelError(f"{path}: expected {wanted} inputs, got {len(op.inputs)}")
    if not op.outputs:
        raise ModelError(f"{path}: has no output")
    for i, t in enumerate(op.inputs[:least]):
        if t < 0:
            raise ModelError(f"{path}, input {i}: absent, but the operator needs it")
    fault = _guarded(operands.fault, graph, op, path)
    if fault:
        raise ModelError(f"{path}: {fault}")
    shape = _guarded(facts.output_shape, graph, op, path)
    if shape is None:
        return
    for i, t in enumerate(op.outputs):
        if not _agrees(tuple(shape), graph.tensors[t], open_shapes):
            given = f"shape {graph.tensors[t].shape}, but the inputs and options give {tuple(shape)}"
            hint = "if the model was converted with open shapes, convert it again with fixed ones"
            raise ModelError(f"{path}, output {i}: {given}", hint)


def _guarded(function: Callable[[Graph, Op], _T], graph: Graph, op: Op, path: str) -> _T:
    """Facts index shapes and options freely; where they stumble, the model is at fault."""
    try:
        return function(graph, op)
    except KeyError as error:
        raise ModelError(f"{path}: option {error.args[0]} is missing") from None
    except (ArithmeticError, IndexError, TypeError, ValueError) as error:
        shapes = [graph.tensors[t].shape for t in op.inputs if t >= 0]
        raise ModelError(f"{path}: input shapes {shapes} do not fit the operator ({error})") from None


def _agrees(shape: tuple[int, ...], tensor: Tensor, open_shapes: bool) -> bool:
    """Whether a computed shape is the tensor's, its open dimensions left out where these are allowed."""
    signature = shape_signature(tensor)
    if shape == tensor.shape or not open_shapes or signature is None or len(shape) != len(tensor.shape):
        return shape == tensor.shape
    return all(a == b or s < 0 for a, b, s in zip(shape, tensor.shape, signature, strict=True))


def _check_container(graph: Graph, container: Container) -> None:
    entries = metadata(graph)
    if _COMPRESSION in entries:
        hint = "export the model without weight compression"
        raise ModelError("the model's weights are compressed for TFLite Micro; this cannot be read", hint)
    for index, name, buffer in _metadata_buffers(container):
        if not 0 <= buffer < len(container.buffers):
            raise ModelError(f"metadata {index} {name!r}: buffer index {buffer} of {len(container.buffers)}")
    graphs = (graph, *container.subgraphs)
    for record in container.signatures:
        path = f"signature {text(record.signatureKey)!r}"
        if record.subgraphIndex >= len(graphs):
            raise ModelError(f"{path}: subgraph {record.subgraphIndex} of {len(graphs)}")
        count = len(graphs[record.subgraphIndex].tensors)
        for end, maps in (("input", record.inputs), ("output", record.outputs)):
            for entry in maps or []:
                if entry.tensorIndex >= count:
                    raise ModelError(
                        f"{path}, {end} {text(entry.name)!r}: tensor index {entry.tensorIndex} of {count}"
                    )
    if OFFLINE_PLAN in entries:
        _check_offline_plan(entries[OFFLINE_PLAN], sum(len(g.tensors) for g in graphs))


def _metadata_buffers(container: Container) -> Iterator[tuple[int, str, int]]:
    for i, entry in enumerate(container.metadata):
        yield i, text(entry.name), entry.buffer
    old = container.record.metadataBuffer
    for i, buffer in enumerate(old.tolist() if old is not None else []):
        yield i, "metadata_buffer", buffer


def _check_offline_plan(plan: bytes, tensor_count: int) -> None:
    """TFLite Micro takes one offset per tensor over all subgraphs, after version, subgraph and count."""
    if len(plan) < 12:
        raise ModelError(f"metadata {OFFLINE_PLAN!r}: {len(plan)} bytes hold no plan")
    count = struct.unpack_from("<3i", plan)[2]
    if count != tensor_count or len(plan) != 4 * (3 + count):
        hint = "make the plan again for the changed graph, or drop it: without_metadata(graph, name)"
        got = f"{count} offsets in {len(plan)} bytes"
        raise ModelError(f"metadata {OFFLINE_PLAN!r}: expected {tensor_count} offsets, got {got}", hint)
