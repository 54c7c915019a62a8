"""Graph → a `.tflite` file: what was read and not changed goes back as it was, what is new is added."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as generated

from tflm_mcunet.errors import ModelError
from tflm_mcunet.graph import Graph, Op, Quantization, Tensor
from tflm_mcunet.tflite import options
from tflm_mcunet.tflite.containers import Container, buffer_of, code_key
from tflm_mcunet.tflite.flatbuffer import AlignedBuffer, pack
from tflm_mcunet.tflite.reader import quantization
from tflm_mcunet.tflite.schema import builtin_codes, dtype_codes, text
from tflm_mcunet.tflite.signatures import settled
from tflm_mcunet.tflite.verifier import verify

#: Where the deprecated byte-wide operator code says "look at builtin_code" (schema.fbs).
_PLACEHOLDER = 127
_CONTROL_DEPENDENCIES = "model_control_dependencies"


def write(graph: Graph) -> bytes:
    """The bytes of a TFLite model.

    A graph that was read and not changed keeps every table, metadata entry, signature and shared buffer. New
    constants get new buffers; tensors with one bytes object, or with the data of the buffer they were read
    from, share one. Nothing is dropped, except TFLite's control dependencies where operators were removed,
    added or reordered, since they name operators by index; `prune` drops what is no longer used. Buffers are
    16-byte aligned. Data that a large file held outside the flatbuffer is moved inside.

    Args:
        graph: Graph. Read, changed or built.

    Returns:
        bytes. With the identifier TFL3.

    Raises:
        ModelError: the graph is no valid model (see `verify`), has an unknown option, or is past 2 GiB.
    """
    verify(graph)
    container = settled(graph)
    state = _Writer(container)
    graphs = (graph, *container.subgraphs)
    records = container.records or [generated.SubGraphT(name=g.name.encode()) for g in graphs]
    model = copy.copy(container.record)
    model.subgraphs = [state.subgraph(g, r, i) for i, (g, r) in enumerate(zip(graphs, records, strict=True))]
    model.operatorCodes = state.codes
    model.buffers = [AlignedBuffer(data=data) for data in state.buffers]
    stale = [op.extra.get("index") for op in graph.ops] != list(range(container.op_count))
    kept = [m for m in container.metadata if not (stale and text(m.name) == _CONTROL_DEPENDENCIES)]
    if kept or model.metadata is not None:
        model.metadata = kept
    return pack(model) + container.trailer


def _vector(values: Sequence[int], record: Any) -> Any:
    """Indices as the record's vector; one that was absent in the file stays absent while it is empty."""
    if record is None and not values:
        return None
    return np.array(values, "<i4")


def _string(value: str, record: bytes | None) -> bytes | None:
    return record if text(record) == value else value.encode("utf-8", "replace")


def _shape(record: Any) -> tuple[int, ...]:
    return () if record.shape is None else tuple(record.shape.tolist())


def _quantization(value: Quantization | None) -> Any:
    if value is None:
        return None
    scale, zero_point = np.array(value.scale, "<f4"), np.array(value.zero_point, "<i8")
    return generated.QuantizationParametersT(scale=scale, zeroPoint=zero_point, quantizedDimension=value.axis)


class _Writer:
    """Numbers buffers and operator codes while the subgraphs are turned into records."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.buffers = list(container.buffers) or [None]
        self.codes = list(container.operator_codes)
        self.buffer_by_id = {id(data): i for i, data in reversed(list(enumerate(self.buffers))) if data}
        self.keys = [code_key(code) for code in self.codes]
        self.code_by_key = {key: i for i, key in reversed(list(enumerate(self.keys))) if key}

    def subgraph(self, graph: Graph, record: Any, index: int) -> Any:
        result = copy.copy(record)
        path = f"subgraph {index}"
        result.tensors = [self.tensor(tensor) for tensor in graph.tensors]
        result.operators = [self.operator(op, f"{path}, op {i}") for i, op in enumerate(graph.ops)]
        result.inputs = _vector(graph.inputs, record.inputs)
        result.outputs = _vector(graph.outputs, record.outputs)
        if graph.name != (text(record.name) or "main"):
            result.name = graph.name.encode("utf-8", "replace")
        return result

    def tensor(self, tensor: Tensor) -> Any:
        old = tensor.extra.get("record")
        record = copy.copy(old) if old is not None else generated.TensorT(hasRank=True)
        if old is None or _shape(old) != tensor.shape:
            record.shape = np.array(tensor.shape, "<i4")
            record.shapeSignature = None
        record.type = dtype_codes()[tensor.dtype]
        record.buffer = self.buffer(tensor)
        record.name = _string(tensor.name, record.name)
        record.isVariable = tensor.is_variable
        if quantization(record.quantization, tensor.name) != tensor.quantization:
            record.quantization = _quantization(tensor.quantization)
        return record

    def buffer(self, tensor: Tensor) -> int:
        """The index of the tensor's buffer, new if need be."""
        own, data = buffer_of(tensor), tensor.data or b""
        if own < len(self.container.buffers) and self.container.holds(own) == data:
            return own
        if not data:
            return self.empty_buffer()
        known = self.buffer_by_id.get(id(data))
        if known is None:
            known = self.buffer_by_id[id(data)] = len(self.buffers)
            self.buffers.append(data)
        return known

    def empty_buffer(self) -> int:
        """Buffer 0, which the schema reserves for tensors without data; another where a file filled it."""
        empty = next((i for i, data in enumerate(self.buffers) if not data), None)
        if empty is None:
            empty = len(self.buffers)
            self.buffers.append(None)
        return empty

    def operator(self, op: Op, path: str) -> Any:
        old = op.extra.get("record")
        if old is not None and not self.is_same_kind(op, old):
            old = None  # Its remaining fields belonged to another operator.
        record = copy.copy(old) if old is not None else generated.OperatorT()
        record.opcodeIndex = self.code(op, old)
        record.inputs = _vector(op.inputs, old.inputs if old is not None else ())
        record.outputs = _vector(op.outputs, old.outputs if old is not None else ())
        intermediates = op.extra.get("intermediates", ())
        record.intermediates = _vector(intermediates, record.intermediates)
        if old is None or options.decode(op.type, old) != dict(op.options):
            self.set_options(record, op, path)
        held = b"" if record.customOptions is None else record.customOptions.tobytes()
        if held != op.custom_options:
            record.customOptions = np.frombuffer(op.custom_options, np.uint8)
        record.largeCustomOptionsOffset = record.largeCustomOptionsSize = 0
        return record

    def is_same_kind(self, op: Op, record: Any) -> bool:
        """Whether a record still describes the operator: its type and its number of operands."""
        key = self.keys[record.opcodeIndex] if record.opcodeIndex < len(self.keys) else None
        count = 0 if record.inputs is None else len(record.inputs)
        return key is not None and key[:2] == (op.type, op.custom_code) and count == len(op.inputs)

    def code(self, op: Op, old: Any) -> int:
        """The index of the operator's code, new if need be."""
        key = (op.type, op.custom_code, op.version)
        if old is not None and self.keys[old.opcodeIndex] == key:
            return old.opcodeIndex
        if key not in self.code_by_key:
            number = builtin_codes()[op.type]
            custom = op.custom_code.encode("utf-8", "replace") if op.type == "CUSTOM" else None
            self.code_by_key[key] = len(self.codes)
            self.codes.append(generated.OperatorCodeT(min(number, _PLACEHOLDER), custom, op.version, number))
            self.keys.append(key)
        return self.code_by_key[key]

    def set_options(self, record: Any, op: Op, path: str) -> None:
        try:
            attribute, union_type, table = options.encode(op.type, op.options)
        except ModelError as error:
            raise ModelError(f"{path} {op.name}: {error.message}", error.hint) from None
        record.builtinOptionsType = record.builtinOptions2Type = 0
        record.builtinOptions = record.builtinOptions2 = None
        if attribute:
            setattr(record, attribute + "Type", union_type)
            setattr(record, attribute, table)
