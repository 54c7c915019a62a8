"""Which buffers TFLite Micro's planner is asked to place, and for how long: `micro_allocation_info.cc`.

Time is a count of scopes: the graph's inputs come alive at 0 and operator i runs at i + 1; operators that call
subgraphs run them in scopes of their own. A tensor that is neither an input nor produced lives from -1; one that is
not used at all is still placed, at time -1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tflm_mcunet.errors import ModelError
from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.tflm.greedy import Buffer
from tflm_mcunet.tflm.layout import ARENA_ALIGNMENT

#: The options by which an operator names the subgraphs that it calls, in the order in which they are planned.
_CALLED: dict[str, tuple[str, ...]] = {
    "CALL_ONCE": ("init_subgraph_index",),
    "IF": ("then_subgraph_index", "else_subgraph_index"),
    "WHILE": ("cond_subgraph_index", "body_subgraph_index"),
}

#: Calls deeper than this cannot end: a file with so many subgraphs that call each other calls itself.
_MAX_DEPTH = 32


@dataclass(frozen=True)
class Owner:
    """Whose bytes a planned buffer holds.

    Args:
        subgraph: int. 0 is the main graph.
        tensor: int or None. The tensor's index; None for a scratch buffer.
        op: int or None. The operator that asked for the scratch buffer; None for a tensor.
    """

    subgraph: int
    tensor: int | None = None
    op: int | None = None


def aligned(size: int) -> int:
    """Rounded up to the arena's alignment."""
    return -(-size // ARENA_ALIGNMENT) * ARENA_ALIGNMENT


def planned_buffers(
    graphs: Sequence[Graph],
    sizes: Sequence[Sequence[int]],
    scratch: Sequence[Sequence[Sequence[int]]],
    offline: Sequence[int] | None = None,
) -> tuple[list[Buffer], list[Owner]]:
    """What the planner is asked to place, in the order in which it is asked: tensors, then scratch buffers.

    Args:
        graphs: the main graph and the other subgraphs.
        sizes: bytes of each tensor of each graph.
        scratch: bytes of the scratch buffers of each operator of each graph.
        offline: an offset for each tensor over all graphs, -1 for none; None where the model has no plan.

    Raises:
        ModelError: an operator calls a subgraph that is not there or that calls itself.
    """
    spans = [([-1] * len(g.tensors), [-1] * len(g.tensors)) for g in graphs]
    scopes: list[list[tuple[int, int]]] = [[(-1, -1)] * len(g.ops) for g in graphs]
    _mark(graphs, 0, 0, 0, spans, scopes)
    buffers: list[Buffer] = []
    owners: list[Owner] = []
    index = 0
    for g, graph in enumerate(graphs):
        first, last = spans[g]
        # The kernel that makes a handle points it at its own data.
        handles = {t for op in graph.ops if op.type == "VAR_HANDLE" for t in op.outputs}
        for t, tensor in enumerate(graph.tensors):
            fixed = offline[index] if offline is not None else -1
            index += 1
            size = sizes[g][t]
            if size == 0 or t in handles or (fixed < 0 if tensor.is_variable else tensor.data):
                continue
            buffers.append(Buffer(aligned(size), first[t], last[t], fixed if fixed >= 0 else None))
            owners.append(Owner(g, tensor=t))
    for g, requests in enumerate(scratch):
        for op, ops_requests in enumerate(requests):
            for size in ops_requests:
                buffers.append(Buffer(aligned(size), *scopes[g][op]))
                owners.append(Owner(g, op=op))
    return buffers, owners


def _mark(
    graphs: Sequence[Graph],
    which: int,
    now: int,
    depth: int,
    spans: Sequence[tuple[list[int], list[int]]],
    scopes: Sequence[list[tuple[int, int]]],
) -> int:
    """Mark what one subgraph uses, entered at scope `now`; returns the scope in which it ends."""
    if depth > _MAX_DEPTH:
        raise ModelError(f"subgraph {which} calls itself", "TFLite Micro cannot plan recursion")
    graph = graphs[which]
    first, last = spans[which]
    for t in graph.inputs:
        first[t] = now if first[t] < 0 else first[t]
        last[t] = now
    for i, op in enumerate(graph.ops):
        now += 1
        for t in op.outputs:
            if first[t] < 0:
                first[t] = now
        start = now
        for callee in _callees(op, i, len(graphs)):
            now = _mark(graphs, callee, now + 1, depth + 1, spans, scopes)
        for t in op.inputs:
            if t >= 0:
                last[t] = now
        for t in op.outputs:
            last[t] = now
        earliest = scopes[which][i][0]
        scopes[which][i] = (start if earliest < 0 else earliest, now)
    for t in graph.outputs:
        first[t] = now if first[t] < 0 else first[t]
        last[t] = now
    return now


def _callees(op: Op, index: int, count: int) -> list[int]:
    """The subgraphs that an operator calls; a negative index of an absent branch calls none."""
    called = [int(op.options.get(name, -1)) for name in _CALLED.get(op.type, ())]
    for callee in called:
        if callee >= count:
            raise ModelError(f"op {index} {op.type}: calls subgraph {callee} of {count}")
    return [callee for callee in called if callee >= 0]
