"""Signatures follow the main subgraph's inputs and outputs where a transform moved these to other tensors."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from tflm_mcunet.errors import ModelError
from tflm_mcunet.graph import Graph
from tflm_mcunet.tflite.containers import Container, container_of
from tflm_mcunet.tflite.schema import text


def settled(graph: Graph) -> Container:
    """The graph's container, its signatures naming the graph's present inputs and outputs by position.

    Raises:
        ModelError: a signature names an input or output that the graph no longer has.
    """
    container = container_of(graph)
    if container.inputs == graph.inputs and container.outputs == graph.outputs:
        return container
    record = copy.copy(container.record)
    if container.signatures:
        record.signatureDefs = [_moved(graph, container, signature) for signature in container.signatures]
    return replace(container, record=record, inputs=graph.inputs, outputs=graph.outputs)


def _moved(graph: Graph, container: Container, signature: Any) -> Any:
    if signature.subgraphIndex != 0:
        return signature
    result = copy.copy(signature)
    ends = (("inputs", container.inputs, graph.inputs), ("outputs", container.outputs, graph.outputs))
    for end, old, new in ends:
        if getattr(signature, end) is not None:
            entries = [_moved_entry(entry, old, new, signature, end) for entry in getattr(signature, end)]
            setattr(result, end, entries)
    return result


def _moved_entry(entry: Any, old: tuple[int, ...], new: tuple[int, ...], signature: Any, end: str) -> Any:
    if entry.tensorIndex not in old:
        return entry
    moved = copy.copy(entry)
    if len(old) == len(new):
        moved.tensorIndex = new[old.index(entry.tensorIndex)]
    elif entry.tensorIndex not in new:
        key, name = text(signature.signatureKey), text(entry.name)
        raise ModelError(f"signature {key!r}: {name!r} is no longer among the graph's {end}")
    return moved
