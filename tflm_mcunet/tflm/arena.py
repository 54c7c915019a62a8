"""The order in which TFLite Micro fills its arena: the tail's parts, and the smallest arena that is enough.

`MicroInterpreter::AllocateTensors` fills the arena from both ends. What is permanent grows down from its end (the
tail). What is not (requests for scratch, temporary records of tensors, the planner's tables, at last the plan
itself, the head) grows up from its start. An arena is enough if the two never meet; often they come closest
while the plan is made, not when it is done: an arena of the used bytes that TFLite Micro reports can be too small.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tflm_mcunet.graph import Graph, Tensor
from tflm_mcunet.tflm.kernel_memory import KernelMemory
from tflm_mcunet.tflm.layout import ARENA_ALIGNMENT, Layout
from tflm_mcunet.tflm.offline_plan import ONLINE

#: TFLite Micro keeps room for so many requests beyond those made, for the next operator to use.
_SPARE_REQUESTS = 12


def _up(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


class Arena:
    """An arena being filled.

    Args:
        of: Layout. Sizes on the machine.

    Attributes:
        tail_bytes: int. The permanent part so far, with padding.
        low_bytes: int. The reserved part at the start.
        needed_bytes: int. The size in which everything so far had room.
        parts: dict of str to int. Shares of the tail, each with the padding that it causes.
    """

    def __init__(self, of: Layout) -> None:
        self.of = of
        self.tail_bytes = 0
        self.low_bytes = 0
        self.needed_bytes = 0
        self.parts: dict[str, int] = {}

    def keep(self, part: str, size: int, alignment: int = ARENA_ALIGNMENT) -> None:
        """A permanent allocation."""
        end = _up(self.tail_bytes + size, alignment)
        self.parts[part] = self.parts.get(part, 0) + end - self.tail_bytes
        self.tail_bytes = end
        self.needed_bytes = max(self.needed_bytes, self.low_bytes + end)

    def reserve(self, size: int) -> None:
        """Set the reserved part at the start."""
        self.low_bytes = size
        self.needed_bytes = max(self.needed_bytes, size + self.tail_bytes)

    def borrow(self, low_bytes: int) -> None:
        """Temporary use of the start up to `low_bytes`."""
        self.needed_bytes = max(self.needed_bytes, low_bytes + self.tail_bytes)


def fill(
    graphs: Sequence[Graph],
    sizes: Sequence[Sequence[int]],
    needs: Sequence[Sequence[KernelMemory | None]],
    head_bytes: int,
    buffer_count: int,
    offline: Sequence[int] | None,
    resource_variables: int,
    of: Layout,
) -> Arena:
    """Every allocation in the order in which TFLite Micro makes it; kernels that are not known take nothing."""
    arena = Arena(of)
    _start(arena, graphs, resource_variables)
    known = [(g, need) for g, ops in zip(graphs, needs, strict=True) for need in ops if need]
    requests = _prepare(arena, known)
    if requests:
        arena.keep("scratch handles", of.scratch_handle * requests, of.pointer)
    _plan(arena, graphs, sizes, offline, requests, buffer_count)
    arena.reserve(head_bytes)
    for edges in (graphs[0].inputs, graphs[0].outputs):
        arena.keep("inputs and outputs", of.pointer * len(edges))
        for t in edges:
            _keep_tensor(arena, graphs[0].tensors[t])
    return arena


def _start(arena: Arena, graphs: Sequence[Graph], resource_variables: int) -> None:
    """`StartModelAllocation`: TFLite Micro's own objects and its arrays over tensors and operators."""
    of = arena.of
    for size in of.allocators:
        arena.keep("allocators", size, of.pointer)
    if resource_variables:
        arena.keep("resource variables", of.variables)
        arena.keep("resource variables", of.variable * resource_variables)
    arena.keep("allocators", of.builtin_data_allocator, of.pointer)
    arena.reserve(of.request * _SPARE_REQUESTS)
    arena.keep("allocators", of.subgraph * len(graphs), of.pointer)
    for graph in graphs:
        arena.keep("tensors", of.eval_tensor * len(graph.tensors), of.pointer)
    for graph in graphs:
        arena.keep("operators", of.node * len(graph.ops), of.pointer)


def _prepare(arena: Arena, known: Sequence[tuple[Graph, KernelMemory]]) -> int:
    """Options of all operators, then all `Init`, then all `Prepare`; returns the requests for scratch."""
    for _, need in known:
        if need.options:
            arena.keep("operator options", *need.options)
    for _, need in known:
        for size in need.init:
            arena.keep("kernels", size)
    requests = 0
    records: dict[int, list[int]] = {}
    for graph, need in known:
        record_bytes = records.get(id(graph))
        if record_bytes is None:
            record_bytes = records[id(graph)] = [_record_bytes(t, arena.of) for t in graph.tensors]
        low = _stack(arena.low_bytes, [record_bytes[t] for t in need.early], arena.of.pointer)
        arena.borrow(low)
        for size in need.prepare:
            arena.keep("kernels", size)
        if need.late:
            arena.borrow(_stack(low, [record_bytes[t] for t in need.late], arena.of.pointer))
        requests += len(need.scratch)
        arena.reserve(arena.of.request * (requests + _SPARE_REQUESTS))
    return requests


def _record_bytes(tensor: Tensor, of: Layout) -> int:
    """A temporary TfLiteTensor with its quantisation."""
    quantization = tensor.quantization
    if quantization and quantization.scale and quantization.zero_point:
        return of.tensor + of.quantization + 4 + 4 * len(quantization.scale)
    return of.tensor


def _stack(low: int, sizes: Iterable[int], alignment: int) -> int:
    """Where temporary allocations on top of `low` end."""
    for size in sizes:
        low = _up(low, alignment) + size
    return low


def _plan(
    arena: Arena,
    graphs: Sequence[Graph],
    sizes: Sequence[Sequence[int]],
    offline: Sequence[int] | None,
    requests: int,
    buffer_count: int,
) -> None:
    """`CommitStaticMemoryPlan`: tables over all tensors and requests, the variables, then the planner's own."""
    of = arena.of
    tensors = sum(len(g.tensors) for g in graphs)
    tables = [of.pointer * len(graphs), of.allocation_info * (tensors + requests)]
    low = _stack(arena.low_bytes, tables, of.pointer)
    arena.borrow(low)
    for graph, bytes_of in zip(graphs, sizes, strict=True):
        for t, tensor in enumerate(graph.tensors):
            # The runtime looks the plan up by the index within the subgraph.
            if tensor.is_variable and (offline is None or offline[t] == ONLINE):
                arena.keep("variables", bytes_of[t])
    planner = _up(low, ARENA_ALIGNMENT) + of.planner_entry * buffer_count
    arena.needed_bytes = max(arena.needed_bytes, planner + _up(arena.tail_bytes, ARENA_ALIGNMENT))
    arena.low_bytes = 0


def _keep_tensor(arena: Arena, tensor: Tensor) -> None:
    """A permanent TfLiteTensor with its quantisation."""
    of, quantization = arena.of, tensor.quantization
    arena.keep("inputs and outputs", of.tensor, of.pointer)
    if quantization and quantization.scale and quantization.zero_point:
        arena.keep("inputs and outputs", of.quantization, of.pointer)
        arena.keep("inputs and outputs", 4 + 4 * len(quantization.scale), 4)
