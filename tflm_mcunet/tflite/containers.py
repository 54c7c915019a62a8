"""What a file holds besides its main subgraph, as it rides along in `Graph.container`; and its metadata."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

from ai_edge_litert import schema_py_generated as generated

from tflm_mcunet.errors import ModelError
from tflm_mcunet.graph import Graph, Tensor
from tflm_mcunet.tflite.schema import builtin_names, text

SCHEMA_VERSION = 3


def _empty_model() -> Any:
    return generated.ModelT(version=SCHEMA_VERSION)


@dataclass(frozen=True)
class Container:
    """The rest of a file. Records are the object API's and never change in place: who changes one copies it.

    Args:
        record: ModelT without its subgraphs, buffers and operator codes, which are below.
        buffers: tuple of bytes or None. By index; index 0 is empty. Tensors of one buffer share
            the bytes object.
        operator_codes: tuple of OperatorCodeT.
        subgraphs: tuple of Graph. The subgraphs after the main one; their `container` is None.
        records: tuple of SubGraphT. One for every subgraph, without tensors and operators.
        metadata: tuple of MetadataT.
        inputs: tuple of int. The main subgraph's inputs as the signatures mean them.
        outputs: tuple of int. Likewise.
        op_count: int. Operators of the main subgraph when it was read.
        trailer: bytes. A zip archive of associated files after the flatbuffer, where TFLite's metadata tools
            put it.
    """

    record: Any = field(default_factory=_empty_model)
    buffers: tuple[bytes | None, ...] = (None,)
    operator_codes: tuple[Any, ...] = ()
    subgraphs: tuple[Graph, ...] = ()
    records: tuple[Any, ...] = ()
    metadata: tuple[Any, ...] = ()
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    op_count: int = 0
    trailer: bytes = b""

    @property
    def signatures(self) -> list[Any]:
        """The SignatureDefT records."""
        return self.record.signatureDefs or []

    def holds(self, index: int) -> bytes:
        """The data of a buffer; empty where there is none."""
        return self.buffers[index] or b"" if 0 <= index < len(self.buffers) else b""


def container_of(graph: Graph) -> Container:
    """The graph's container; an empty one for a graph that was built."""
    if graph.container is None:
        return Container(inputs=graph.inputs, outputs=graph.outputs)
    if not isinstance(graph.container, Container):
        raise TypeError(
            f"Graph.container: expected what tflite.read made, got {type(graph.container).__name__}"
        )
    return graph.container


def buffer_of(tensor: Tensor) -> int:
    """The buffer index that a tensor had in its file; 0 for one that was built."""
    record = tensor.extra.get("record")
    return record.buffer if record is not None else 0


def shape_signature(tensor: Tensor) -> tuple[int, ...] | None:
    """The tensor's shape with -1 for dimensions that its file leaves open; None where none is left open.

    A tensor whose shape was changed since it was read has none: the file spoke of another shape.
    """
    record = tensor.extra.get("record")
    if record is None or record.shapeSignature is None or record.shape is None:
        return None
    signature = tuple(record.shapeSignature.tolist())
    is_open = any(n < 0 for n in signature) and tuple(record.shape.tolist()) == tensor.shape
    return signature if is_open else None


def references(tensor: Tensor) -> dict[str, int]:
    """The tensors that a tensor's quantisation details name: attribute of the details -> index, -1 for none."""
    record = tensor.extra.get("record")
    details = record.quantization.details if record is not None and record.quantization is not None else None
    return {name: getattr(details, name) for name in ("scales", "zeroPoints") if hasattr(details, name)}


def operator_type(code: Any, path: str) -> str:
    """The builtin name of an OperatorCodeT; old files have it in the deprecated byte-wide field."""
    number = max(code.deprecatedBuiltinCode, code.builtinCode)
    name = builtin_names().get(number)
    if name is None:
        raise ModelError(f"{path}: unknown builtin operator code {number}")
    return name


def code_key(code: Any) -> tuple[str, str, int] | None:
    """(type, custom code, version) of an operator code; None for an unknown one, which no operator uses."""
    try:
        op_type = operator_type(code, "")
    except ModelError:
        return None
    return op_type, text(code.customCode) if op_type == "CUSTOM" else "", code.version


def metadata(graph: Graph) -> dict[str, bytes]:
    """The model's metadata by name; of entries with one name the first counts, as in TFLite.

    Example:
        >>> from tflm_mcunet.builder import GraphBuilder
        >>> metadata(with_metadata(GraphBuilder().finish([]), "notes", b"hello"))
        {'notes': b'hello'}
    """
    container = container_of(graph)
    found: dict[str, bytes] = {}
    for entry in container.metadata:
        found.setdefault(text(entry.name), container.holds(entry.buffer))
    return found


def with_metadata(graph: Graph, name: str, data: bytes) -> Graph:
    """The same graph with one metadata entry added or replaced.

    Args:
        graph: Graph.
        name: str. E.g. "OfflineMemoryAllocation", which TFLite Micro reads.
        data: bytes.
    """
    container = container_of(graph)
    entries, buffers = list(container.metadata), list(container.buffers)
    position = next((i for i, entry in enumerate(entries) if text(entry.name) == name), None)
    if position is not None and _users(graph, container, entries[position].buffer) == 1:
        buffers[entries[position].buffer] = bytes(data)
        return replace(graph, container=replace(container, buffers=tuple(buffers)))
    entry = copy.copy(entries[position]) if position is not None else generated.MetadataT(name=name.encode())
    entry.buffer = len(buffers)
    buffers.append(bytes(data))
    if position is None:
        entries.append(entry)
    else:
        entries[position] = entry
    changed = replace(container, buffers=tuple(buffers), metadata=tuple(entries))
    return replace(graph, container=changed)


def without_metadata(graph: Graph, name: str) -> Graph:
    """The same graph without the metadata entries of that name; `prune` drops their buffers."""
    container = container_of(graph)
    kept = tuple(entry for entry in container.metadata if text(entry.name) != name)
    return replace(graph, container=replace(container, metadata=kept))


def _users(graph: Graph, container: Container, buffer: int) -> int:
    """How often tensors and metadata name a buffer; the reserved buffer 0 counts as shared."""
    if buffer == 0:
        return 2
    tensors = sum(buffer_of(t) == buffer for g in (graph, *container.subgraphs) for t in g.tensors)
    old = list(container.record.metadataBuffer) if container.record.metadataBuffer is not None else []
    return tensors + sum(entry.buffer == buffer for entry in container.metadata) + old.count(buffer)
