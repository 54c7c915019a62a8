"""All subgraphs of a graph's file, and what is counted over them."""

from __future__ import annotations

from collections.abc import Iterable

from tflm_mcunet.graph import Graph


def all_subgraphs(graph: Graph) -> tuple[Graph, ...]:
    """The graph and its file's other subgraphs, in the file's order; a built graph stands alone."""
    if graph.container is None:
        return (graph,)
    # Not at the top: a built graph must be planned in milliseconds, and the schema takes long to load.
    from tflm_mcunet.tflite.containers import container_of

    return (graph, *container_of(graph).subgraphs)


def resource_variable_count(graphs: Iterable[Graph]) -> int:
    """How many resource variables a model has: the distinct shared names of its VAR_HANDLE operators."""
    names = {op.options.get("shared_name") for g in graphs for op in g.ops if op.type == "VAR_HANDLE"}
    return len(names)


def state_bytes(graphs: Iterable[Graph]) -> int:
    """Bytes that a model keeps from one inference to the next: its resource variables and its variable tensors."""
    sizes: dict[object, int] = {}
    for number, graph in enumerate(graphs):
        handles = {
            op.outputs[0]: op.options.get("shared_name") for op in graph.ops if op.type == "VAR_HANDLE"
        }
        for op in graph.ops:
            if op.type == "ASSIGN_VARIABLE" and op.inputs[0] in handles:
                sizes[handles[op.inputs[0]]] = graph.tensors[op.inputs[1]].size_bytes
        sizes |= {(number, i): t.size_bytes for i, t in enumerate(graph.tensors) if t.is_variable}
    return sum(sizes.values())
