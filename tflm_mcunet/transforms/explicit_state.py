"""Resource variables as inputs and outputs: a streaming model becomes a function that the caller feeds its state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from tflm_mcunet import tflite
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.tflite.containers import container_of

#: Operators that run another subgraph in the middle, where a variable may change unseen.
_CALLING = ("CALL", "IF", "WHILE")


@dataclass(frozen=True)
class ExplicitState:
    """A model without hidden state.

    Args:
        graph: Graph. After the model's own inputs come the variables, after its outputs their new values, in the
            same order: what leaves one inference enters the next.
        names: tuple of str. The variables.
        initial: tuple of arrays. Their values before the first inference.
    """

    graph: Graph
    names: tuple[str, ...]
    initial: tuple[np.ndarray, ...]

    @property
    def carried(self) -> Graph:
        """The graph that says so itself: its program hands the state from one inference to the next."""
        return replace(self.graph, state=tuple(value.tobytes() for value in self.initial))


def explicit_state(graph: Graph) -> ExplicitState:
    """Turn READ_VARIABLE and ASSIGN_VARIABLE into inputs and outputs; every byte stays what it was.

    The planners and kernels know no resources. The result is a graph like any other, so they plan and run it; who
    hands the state from one inference to the next is the caller (`graph`) or the C++ program (`carried`).

    Args:
        graph: Graph. A model that was read, with the subgraph that gives its variables their first values.

    Returns:
        ExplicitState. With the same graph and no names where it has no variables.

    Raises:
        UnsupportedOpError: a variable is never assigned, has no constant first value, changes its shape, or may
            change in a subgraph that an operator calls.
    """
    handles = _handles(graph.ops)
    if not handles:
        return ExplicitState(graph, (), ())
    first_values = _first_values(graph)
    read: dict[str, int] = {}  # variable -> the tensor that holds its value as the inference begins
    current: dict[str, int] = {}
    alias: dict[int, int] = {}
    assigned: set[str] = set()
    kept: list[Op] = []
    for index, op in enumerate(graph.ops):
        if op.type in _CALLING:
            raise UnsupportedOpError(f"{graph.describe(index)} may change a variable")
        inputs = tuple(alias.get(t, t) for t in op.inputs)
        if op.type == "READ_VARIABLE":
            name = handles[op.inputs[0]]
            if name not in current:
                read[name] = current[name] = op.outputs[0]
            alias[op.outputs[0]] = current[name]
        elif op.type == "ASSIGN_VARIABLE":
            name = handles[op.inputs[0]]
            current[name] = inputs[1]
            assigned.add(name)
        elif op.type not in ("VAR_HANDLE", "CALL_ONCE"):
            kept.append(replace(op, inputs=inputs, extra={}))
    names = tuple(read)
    produced = {t for op in kept for t in op.outputs}
    for name in names:
        before, after = graph.tensors[read[name]], graph.tensors[current[name]]
        if name not in assigned or current[name] not in produced:
            raise UnsupportedOpError(f"variable {name!r} gets no computed value")
        if (before.shape, before.dtype) != (after.shape, after.dtype):
            raise UnsupportedOpError(f"variable {name!r} changes from {before.shape} to {after.shape}")
        if name not in first_values or len(first_values[name]) != before.size_bytes:
            raise UnsupportedOpError(f"variable {name!r} has no first value of its own size")
    states = [graph.tensors[read[name]] for name in names]
    initial = (np.frombuffer(first_values[n], s.dtype).reshape(s.shape) for n, s in zip(names, states))
    made = Graph(
        tensors=tuple(replace(t, extra={}) for t in graph.tensors),
        ops=tuple(kept),
        inputs=(*graph.inputs, *(read[n] for n in names)),
        outputs=(*(alias.get(t, t) for t in graph.outputs), *(current[n] for n in names)),
        name=graph.name,
    )
    return ExplicitState(tflite.prune(made), names, tuple(initial))


def _handles(ops: Iterable[Op]) -> dict[int, str]:
    """Tensor of a VAR_HANDLE -> the variable's name."""
    return {op.outputs[0]: op.options["shared_name"] for op in ops if op.type == "VAR_HANDLE"}


def _first_values(graph: Graph) -> dict[str, bytes]:
    """What the subgraphs of CALL_ONCE assign, as far as it is constant."""
    subgraphs = container_of(graph).subgraphs
    found: dict[str, bytes] = {}
    for op in graph.ops:
        if op.type != "CALL_ONCE":
            continue
        once = subgraphs[op.options["init_subgraph_index"] - 1]
        handles = _handles(once.ops)
        for inner in once.ops:
            if inner.type == "ASSIGN_VARIABLE":
                data = once.tensors[inner.inputs[1]].data
                if data is not None:
                    found[handles[inner.inputs[0]]] = data
    return found
