"""The metadata `OfflineMemoryAllocation`, by which a model tells TFLite Micro where its tensors go.

Little-endian int32: version, subgraph, count, then one offset for each tensor of every subgraph, -1 where the
runtime is to decide (`micro/docs/memory_management.md`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tflm_mcunet.errors import ModelError, UsageError
from tflm_mcunet.graph import Graph
from tflm_mcunet.tflm.subgraphs import all_subgraphs

#: The metadata's name in the file.
METADATA_NAME = "OfflineMemoryAllocation"

#: An offset that leaves the place to the runtime.
ONLINE = -1

_VERSION = 1
_HEADER = 3


def encode(offsets: Sequence[int]) -> bytes:
    """The metadata of offsets in bytes, one per tensor over all subgraphs, `ONLINE` for none.

    Example:
        >>> decode(encode([0, 64, ONLINE]), tensor_count=3)
        (0, 64, -1)
    """
    for index, offset in enumerate(offsets):
        _check(index, offset, UsageError)
    return np.array([_VERSION, 0, len(offsets), *offsets], "<i4").tobytes()


def decode(data: bytes, tensor_count: int) -> tuple[int, ...]:
    """The offsets that metadata holds.

    Args:
        data: bytes. The metadata's buffer.
        tensor_count: int. Tensors over all subgraphs of the model.

    Raises:
        ModelError: The metadata is cut short, or not for a model of so many tensors, or an offset is one that no
            runtime can take (negative, or not aligned to 16 bytes).
    """
    hint = "remove the metadata, or write the plan again"
    if len(data) < 4 * _HEADER:
        raise ModelError(f"{METADATA_NAME}: expected at least 12 bytes, got {len(data)}", hint)
    count = int(np.frombuffer(data, "<i4", 1, 8)[0])
    if count != tensor_count:
        raise ModelError(
            f"{METADATA_NAME}: expected {tensor_count} offsets, one per tensor, got {count}", hint
        )
    if len(data) < 4 * (_HEADER + count):
        held = (len(data) - 4 * _HEADER) // 4
        raise ModelError(f"{METADATA_NAME}: announces {count} offsets and holds {held}", hint)
    offsets = tuple(np.frombuffer(data, "<i4", count, 4 * _HEADER).tolist())
    for index, offset in enumerate(offsets):
        _check(index, offset, ModelError)
    return offsets


def _check(index: int, offset: int, error: type[ModelError] | type[UsageError]) -> None:
    if offset != ONLINE and not (0 <= offset < 1 << 31 and offset % 16 == 0):
        raise error(f"{METADATA_NAME}: tensor {index}: expected -1 or a multiple of 16, got {offset}")


def offline_offsets(graph: Graph) -> tuple[int, ...] | None:
    """The offsets that a graph's file plans, one per tensor over all subgraphs; None where it plans none.

    Raises:
        ModelError: as `decode`.
    """
    if graph.container is None:
        return None
    from tflm_mcunet.tflite.containers import container_of
    from tflm_mcunet.tflite.schema import text

    container = container_of(graph)
    # Of several entries the last counts: TFLite Micro goes through all of them.
    buffers = [entry.buffer for entry in container.metadata if text(entry.name) == METADATA_NAME]
    return decode(container.holds(buffers[-1]), _tensor_count(graph)) if buffers else None


def with_offline_plan(graph: Graph, offsets: Mapping[int, int]) -> Graph:
    """The graph with a plan that fixes the given tensors' offsets and leaves all others to the runtime.

    Args:
        graph: Graph.
        offsets: mapping of tensor index to offset in bytes, a multiple of 16. Offsets may overlap; whether that is
            sound is the caller's to know (`in_place.py`).

    Raises:
        UsageError: An index is no computed tensor of the graph, or an offset is not a multiple of 16.
    """
    from tflm_mcunet.tflite.containers import with_metadata

    plan = [ONLINE] * _tensor_count(graph)
    for index, offset in offsets.items():
        if not 0 <= index < len(graph.tensors) or graph.tensors[index].data:
            raise UsageError(f"{METADATA_NAME}: {index} is no computed tensor of the graph")
        plan[index] = offset
    return with_metadata(graph, METADATA_NAME, encode(plan))


def _tensor_count(graph: Graph) -> int:
    """Tensors over all subgraphs of the graph's file."""
    return sum(len(g.tensors) for g in all_subgraphs(graph))
