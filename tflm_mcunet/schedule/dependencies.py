"""Which operator must run before which: data, variables and side effects; and the orders that this allows."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from tflm_mcunet.errors import ModelError
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import STATEFUL


def predecessors(graph: Graph) -> tuple[tuple[int, ...], ...]:
    """For every operator, the operators that must run before it, ascending.

    Producers of its operands, and for stateful operators and those that touch one variable tensor, the one before
    it in the model's order.

    Raises:
        ModelError: two operators write one tensor, an operator writes a constant or a graph input, or a tensor is
            read that nothing writes.
    """
    producer: dict[int, int] = {}
    fed = set(graph.inputs)
    for i, op in enumerate(graph.ops):
        for t in op.outputs:
            if t < 0 or graph.tensors[t].is_variable:
                continue
            if t in producer:
                raise ModelError(
                    f"tensor {t} {graph.tensors[t].name!r} is written by op {producer[t]} and op {i}",
                    "A tensor has one producer; the model file is damaged.",
                )
            if t in fed or graph.tensors[t].is_constant:
                what = "graph input" if t in fed else "constant"
                raise ModelError(f"{graph.describe(i)} writes the {what} {graph.tensors[t].name!r}")
            producer[t] = i
    result = []
    last_stateful = -1
    last_touch: dict[int, int] = {}
    for i, op in enumerate(graph.ops):
        before = set()
        for t in (*op.inputs, *op.outputs):
            if t < 0:
                continue
            tensor = graph.tensors[t]
            if tensor.is_variable:
                if last_touch.get(t, i) != i:
                    before.add(last_touch[t])
                last_touch[t] = i
            elif t in producer:
                if t in op.inputs:
                    before.add(producer[t])
            elif t not in fed and not tensor.is_constant and tensor.size_bytes:
                raise ModelError(
                    f"{graph.describe(i)} reads tensor {t} {tensor.name!r}, which nothing writes",
                    "It is neither a constant, nor a graph input, nor an operator's output.",
                )
        if op.type in STATEFUL:
            if last_stateful >= 0:
                before.add(last_stateful)
            last_stateful = i
        result.append(tuple(sorted(before)))
    return tuple(result)


def topological_order(graph: Graph, before: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The topological order closest to the model's own: always the lowest operator index that may run.

    Raises:
        ModelError: the operators form a cycle.
    """
    count = len(graph.ops)
    waiting = [len(b) for b in before]
    after: list[list[int]] = [[] for _ in range(count)]
    for i, b in enumerate(before):
        for j in b:
            after[j].append(i)
    ready = [i for i in range(count) if not waiting[i]]
    order = []
    while ready:
        i = heapq.heappop(ready)
        order.append(i)
        for j in after[i]:
            waiting[j] -= 1
            if not waiting[j]:
                heapq.heappush(ready, j)
    if len(order) < count:
        stuck = min(set(range(count)) - set(order))
        raise ModelError(
            f"the operators form a cycle: {graph.describe(stuck)} waits for its own result",
            "A TFLite model is a directed acyclic graph; the file is damaged.",
        )
    return tuple(order)


def check_order(order: Sequence[int], before: Sequence[Sequence[int]]) -> None:
    """Raise ModelError unless `order` holds every operator once and after its predecessors."""
    position = {op: step for step, op in enumerate(order)}
    if len(order) != len(before) or sorted(position) != list(range(len(before))):
        raise ModelError(f"expected an order of {len(before)} operators, each once, got {list(order)[:20]}")
    for i, needed in enumerate(before):
        for j in needed:
            if position[j] >= position[i]:
                raise ModelError(f"the order runs op {i} before op {j}, whose result or state it needs")
