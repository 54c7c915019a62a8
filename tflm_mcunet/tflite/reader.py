"""A `.tflite` file → Graph: the checked object tree turned into plain data, everything else riding along."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tflm_mcunet.errors import ModelError, UsageError
from tflm_mcunet.graph import ITEM_BYTES, Graph, Op, Quantization, Tensor
from tflm_mcunet.tflite import options
from tflm_mcunet.tflite.containers import SCHEMA_VERSION, Container, operator_type
from tflm_mcunet.tflite.flatbuffer import MAX_FILE_BYTES, unpack
from tflm_mcunet.tflite.schema import dtype_names, text
from tflm_mcunet.tflite.verifier import verify


def read(data: bytes | bytearray | memoryview | str | os.PathLike[str]) -> Graph:
    """Read a TFLite model, and verify it.

    The main subgraph becomes the Graph; other subgraphs, metadata, signatures and fields that nothing here
    interprets ride along in `Graph.container`, `Tensor.extra` and `Op.extra`, and `write` writes them back.
    Tensors that share a buffer share one bytes object. `Tensor.extra["record"]` and `Op.extra["record"]` are
    the object API's TensorT and OperatorT; `Op.extra["index"]` is the operator's place in the file, and
    `Op.extra["intermediates"]` its intermediate tensors where it has any. A sparse tensor keeps its stored
    bytes as `data`, and says so in `extra["record"].sparsity`.

    Args:
        data: bytes of a model, or the path of one.

    Returns:
        Graph. See `verify` for what holds of it.

    Raises:
        UsageError: the file cannot be read.
        ModelError: the bytes are no valid model; the message has the path of the first broken fact.
    """
    raw = _bytes(data)
    model, end = unpack(raw)
    if model.version != SCHEMA_VERSION:
        raise ModelError(f"schema version: expected {SCHEMA_VERSION}, got {model.version}")
    if not model.subgraphs:
        raise ModelError("the model has no subgraph")
    _check_stored(raw, model)
    buffers = tuple(_buffer(raw, i, buffer) for i, buffer in enumerate(model.buffers or []))
    graphs = [_graph(raw, model, buffers, i) for i in range(len(model.subgraphs))]
    for subgraph in model.subgraphs:
        subgraph.tensors = subgraph.operators = None
    container = Container(
        model,
        buffers,
        tuple(model.operatorCodes or ()),
        tuple(graphs[1:]),
        tuple(model.subgraphs),
        tuple(model.metadata or ()),
        graphs[0].inputs,
        graphs[0].outputs,
        len(graphs[0].ops),
        _trailer(raw, _end(model, end)),
    )
    model.subgraphs = model.buffers = model.operatorCodes = None
    first = graphs[0]
    graph = Graph(first.tensors, first.ops, first.inputs, first.outputs, first.name, container)
    verify(graph)
    return graph


def _bytes(data: Any) -> bytes:
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    if not isinstance(data, str | os.PathLike):
        raise UsageError(f"expected the bytes or the path of a .tflite model, got {type(data).__name__}")
    hint = "give the path of a .tflite file, or its bytes"
    try:
        path = Path(data)
        if path.exists() and not path.is_file():
            raise UsageError(f"cannot read the model {str(path)!r}: it is no regular file", hint)
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ModelError(f"{str(path)!r} is past TFLite's limit of 2 GiB")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot read the model {str(data)!r}: {reason}", hint) from None


def _stored(raw: bytes, offset: int, size: int, path: str) -> bytes:
    """Data that lies in the file but outside the flatbuffer, as TFLite stores it in large models."""
    if offset + size > len(raw):
        raise ModelError(f"{path}: {size} bytes at byte {offset} pass the end of the file at {len(raw)}")
    return raw[offset : offset + size]


def _check_stored(raw: bytes, model: Any) -> None:
    """Refuse outside data that overlaps so often that copying it would outgrow the file many times over."""
    sizes = [b.size for b in model.buffers or [] if b.offset > 1]
    sizes += [o.largeCustomOptionsSize for s in model.subgraphs for o in s.operators or []]
    if sum(sizes) > 4 * len(raw):
        raise ModelError(f"data outside the flatbuffer adds up to {sum(sizes)} bytes in a file of {len(raw)}")


def _buffer(raw: bytes, index: int, record: Any) -> bytes | None:
    # Offsets 0 and 1 mean that there is no outside data (schema.fbs).
    if record.offset > 1 and record.size:
        return _stored(raw, record.offset, record.size, f"buffer {index}")
    return None if record.data is None else record.data.tobytes()


def _end(model: Any, end: int) -> int:
    """Where the model ends in its file, data outside the flatbuffer included."""
    ends = [b.offset + b.size for b in model.buffers or [] if b.offset > 1]
    return max([end, *ends])


def _trailer(raw: bytes, end: int) -> bytes:
    rest = raw[end:].lstrip(b"\0")
    return rest if rest.startswith(b"PK\x03\x04") else b""


def _ints(vector: Any) -> tuple[int, ...]:
    return tuple(vector.tolist()) if vector is not None else ()


def _graph(raw: bytes, model: Any, buffers: Sequence[bytes | None], index: int) -> Graph:
    record, path = model.subgraphs[index], f"subgraph {index}"
    inputs, ops = _ints(record.inputs), []
    for i, operator in enumerate(record.operators or []):
        ops.append(_op(raw, model.operatorCodes or [], operator, i, f"{path}, op {i}"))
    fed = {*inputs, *(t for op in ops for t in op.outputs)}
    tensors = [
        _tensor(buffers, tensor, i in fed, f"{path}, tensor {i}")
        for i, tensor in enumerate(record.tensors or [])
    ]
    return Graph(tuple(tensors), tuple(ops), inputs, _ints(record.outputs), text(record.name) or "main")


def _tensor(buffers: Sequence[bytes | None], record: Any, is_fed: bool, path: str) -> Tensor:
    dtype = dtype_names().get(record.type, f"{record.type}")
    if dtype not in ITEM_BYTES:
        raise ModelError(f"{path}: unknown tensor type {dtype}")
    if record.externalBuffer:
        hint = "convert the model with its weights inside the .tflite file"
        raise ModelError(f"{path} {text(record.name)!r}: its data is in another file (external_buffer)", hint)
    if record.buffer >= max(len(buffers), 1):
        raise ModelError(f"{path} {text(record.name)!r}: buffer index {record.buffer} of {len(buffers)}")
    shape = _ints(record.shape)
    # TFLite takes an empty buffer for "no constant"; what nothing computes and has no element is one all the
    # same: the shape operand of a RESHAPE to a scalar.
    data = (buffers[record.buffer] if buffers else None) or (b"" if 0 in shape and not is_fed else None)
    return Tensor(
        text(record.name),
        shape,
        dtype,
        quantization(record.quantization, f"{path} {text(record.name)!r}"),
        data if not record.isVariable or data else None,
        bool(record.isVariable),
        {"record": record},
    )


def quantization(record: Any, path: str) -> Quantization | None:
    """What a QuantizationParametersT says; None where it has no scales or has them elsewhere (details)."""
    if record is None or record.details is not None or record.scale is None or not len(record.scale):
        return None
    zero_point = _ints(record.zeroPoint)
    if len(zero_point) != len(record.scale):
        raise ModelError(
            f"{path}: quantisation has {len(record.scale)} scales and {len(zero_point)} zero points"
        )
    return Quantization(tuple(record.scale.tolist()), zero_point, record.quantizedDimension)


def _op(raw: bytes, codes: Sequence[Any], record: Any, index: int, path: str) -> Op:
    if record.opcodeIndex >= len(codes):
        raise ModelError(f"{path}: operator code {record.opcodeIndex} of {len(codes)}")
    code = codes[record.opcodeIndex]
    op_type = operator_type(code, path)
    if record.builtinOptions2Type and record.builtinOptionsType:
        raise ModelError(f"{path} {op_type}: has both builtin_options and builtin_options_2")
    try:
        values = options.decode(op_type, record)
    except ModelError as error:
        raise ModelError(f"{path} {op_type}: {error.message}", error.hint) from None
    custom = b"" if record.customOptions is None else record.customOptions.tobytes()
    if record.largeCustomOptionsOffset > 1 and record.largeCustomOptionsSize:
        where = (record.largeCustomOptionsOffset, record.largeCustomOptionsSize)
        custom = _stored(raw, *where, f"{path}, custom options")
    extra: dict[str, Any] = {"record": record, "index": index}
    if record.intermediates is not None and len(record.intermediates):
        extra["intermediates"] = _ints(record.intermediates)
    return Op(
        op_type,
        _ints(record.inputs),
        _ints(record.outputs),
        values,
        text(code.customCode) if op_type == "CUSTOM" else "",
        custom,
        code.version,
        extra,
    )
