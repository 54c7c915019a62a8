"""Graph → Graph without what nothing uses any more: tensors, buffers, operator codes."""

from __future__ import annotations

import copy
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tflm_mcunet.graph import Graph, Op, Tensor
from tflm_mcunet.tflite.containers import (
    Container,
    buffer_of,
    code_key,
    container_of,
    metadata,
    references,
    with_metadata,
)
from tflm_mcunet.tflite.signatures import settled
from tflm_mcunet.tflite.verifier import OFFLINE_PLAN, verify


def prune(graph: Graph) -> Graph:
    """Drop the main subgraph's unused tensors, and the buffers and operator codes that no subgraph uses.

    What stays keeps its order and is renumbered, also in signatures, metadata and an offline memory plan. The
    graph computes what it did.

    Args:
        graph: Graph. Valid (see `verify`).

    Returns:
        Graph.

    Raises:
        ModelError: the graph is no valid model.

    Example:
        >>> from tflm_mcunet.builder import GraphBuilder
        >>> b = GraphBuilder()
        >>> unused, x = b.constant([1, 2]), b.input((1, 4))
        >>> len(prune(b.finish([b.op("RELU", [x])])).tensors)
        2
    """
    verify(graph)
    container = settled(graph)
    index = {old: new for new, old in enumerate(sorted(_used_tensors(graph, container)))}
    pruned = _renumbered(graph, index)
    if graph.container is None:
        return pruned
    container = _renumbered_container(pruned, container, index)
    pruned = _without_codes(replace(pruned, container=container))
    pruned = _with_offline_plan(pruned, index, len(graph.tensors))
    return _without_buffers(pruned)


def _used_tensors(graph: Graph, container: Container) -> set[int]:
    used = {*graph.inputs, *graph.outputs}
    for op in graph.ops:
        used.update(op.inputs, op.outputs, op.extra.get("intermediates", ()))
    for record in container.signatures:
        if record.subgraphIndex == 0:
            used.update(e.tensorIndex for e in [*(record.inputs or []), *(record.outputs or [])])
    # Quantisation details name further tensors, and these may have details of their own.
    found = used
    while found:
        found = {named for t in found - {-1} for named in references(graph.tensors[t]).values()} - used
        used |= found
    return used - {-1}


def _renumbered(graph: Graph, index: Mapping[int, int]) -> Graph:
    def moved(indices: Iterable[int]) -> tuple[int, ...]:
        return tuple(index[t] if t >= 0 else t for t in indices)

    def moved_op(op: Op) -> Op:
        extra = dict(op.extra)
        if "intermediates" in extra:
            extra["intermediates"] = moved(extra["intermediates"])
        return replace(op, inputs=moved(op.inputs), outputs=moved(op.outputs), extra=extra)

    def moved_tensor(tensor: Tensor) -> Tensor:
        named = references(tensor)
        if not named:
            return tensor
        record = copy.copy(tensor.extra["record"])
        record.quantization = copy.copy(record.quantization)
        record.quantization.details = changed = copy.copy(record.quantization.details)
        for name, t in named.items():
            setattr(changed, name, index[t] if t >= 0 else t)
        return replace(tensor, extra={**tensor.extra, "record": record})

    return replace(
        graph,
        tensors=tuple(moved_tensor(graph.tensors[t]) for t in index),
        ops=tuple(moved_op(op) for op in graph.ops),
        inputs=moved(graph.inputs),
        outputs=moved(graph.outputs),
    )


def _renumbered_container(pruned: Graph, container: Container, index: Mapping[int, int]) -> Container:
    """The container with the main subgraph's tensors renumbered in its signatures."""
    record = copy.copy(container.record)
    if container.signatures:
        record.signatureDefs = [_renumbered_signature(s, index) for s in container.signatures]
    return replace(container, record=record, inputs=pruned.inputs, outputs=pruned.outputs)


def _renumbered_signature(record: Any, index: Mapping[int, int]) -> Any:
    if record.subgraphIndex != 0:
        return record
    result = copy.copy(record)
    for end in ("inputs", "outputs"):
        if getattr(record, end) is not None:
            entries = [copy.copy(entry) for entry in getattr(record, end)]
            for entry in entries:
                entry.tensorIndex = index[entry.tensorIndex]
            setattr(result, end, entries)
    return result


def _with_offline_plan(graph: Graph, index: Mapping[int, int], old_count: int) -> Graph:
    """The offline memory plan without the dropped tensors' offsets; it names tensors by their number."""
    plan = metadata(graph).get(OFFLINE_PLAN)
    if plan is None:
        return graph
    version, subgraph, count, *offsets = struct.unpack(f"<{len(plan) // 4}i", plan)
    kept = [offsets[t] for t in index] + offsets[old_count:]
    if len(kept) == count:
        return graph
    return with_metadata(
        graph, OFFLINE_PLAN, struct.pack(f"<{3 + len(kept)}i", version, subgraph, len(kept), *kept)
    )


def _each_subgraph(graph: Graph, change: Callable[[Graph], Graph], **fields: Any) -> Graph:
    """The graph with every subgraph changed, and its container with these fields."""
    container = container_of(graph)
    others = tuple(change(other) for other in container.subgraphs)
    return replace(change(graph), container=replace(container, subgraphs=others, **fields))


def _without_codes(graph: Graph) -> Graph:
    codes = container_of(graph).operator_codes
    keys = [code_key(code) for code in codes]
    first = {key: i for i, key in reversed(list(enumerate(keys))) if key}

    def code_of(op: Op) -> int | None:
        """The code that an operator is written with; None for one that is still to be made."""
        record, key = op.extra.get("record"), (op.type, op.custom_code, op.version)
        if record is not None and record.opcodeIndex < len(keys) and keys[record.opcodeIndex] == key:
            return record.opcodeIndex
        return first.get(key)

    subgraphs = (graph, *container_of(graph).subgraphs)
    used = {code_of(op) for g in subgraphs for op in g.ops} - {None}
    index = {old: new for new, old in enumerate(i for i in range(len(codes)) if i in used)}

    def change_op(op: Op) -> Op:
        record = op.extra.get("record")
        if record is None or index.get(record.opcodeIndex) == record.opcodeIndex:
            return op
        extra = dict(op.extra)
        if record.opcodeIndex in index:
            extra["record"] = copy.copy(record)
            extra["record"].opcodeIndex = index[record.opcodeIndex]
        else:
            del extra["record"]  # It described the operator that this one replaces.
        return replace(op, extra=extra)

    def change(subgraph: Graph) -> Graph:
        return subgraph.with_ops([change_op(op) for op in subgraph.ops])

    return _each_subgraph(graph, change, operator_codes=tuple(codes[i] for i in index))


def _without_buffers(graph: Graph) -> Graph:
    container = container_of(graph)
    old = container.record.metadataBuffer
    used = {0, *(entry.buffer for entry in container.metadata), *(old.tolist() if old is not None else ())}
    for subgraph in (graph, *container.subgraphs):
        for tensor in subgraph.tensors:
            if container.holds(buffer_of(tensor)) == (tensor.data or b""):
                used.add(buffer_of(tensor))
    index = {b: i for i, b in enumerate(b for b in range(len(container.buffers)) if b in used)}

    def change_tensor(tensor: Tensor) -> Tensor:
        own = buffer_of(tensor)
        if index.get(own, 0) == own:
            return tensor
        record = copy.copy(tensor.extra["record"])
        record.buffer = index.get(own, 0)
        return replace(tensor, extra={**tensor.extra, "record": record})

    def change(subgraph: Graph) -> Graph:
        return replace(subgraph, tensors=tuple(change_tensor(t) for t in subgraph.tensors))

    entries = [copy.copy(entry) for entry in container.metadata]
    for entry in entries:
        entry.buffer = index[entry.buffer]
    record = copy.copy(container.record)
    if old is not None:
        record.metadataBuffer = np.array([index[b] for b in old.tolist()], "<i4")
    buffers = tuple(container.buffers[b] for b in index)
    return _each_subgraph(graph, change, record=record, metadata=tuple(entries), buffers=buffers)
