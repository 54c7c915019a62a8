"""Checks that a graph's whole maps lie where none is overwritten while it is still needed: the plan is not trusted."""

from __future__ import annotations

from collections.abc import Mapping

from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import Graph


def require_apart(graph: Graph, offsets: Mapping[int, int], ignored: frozenset[int]) -> None:
    """Refuse a plan by which an operator writes over a map that is read later.

    Args:
        graph: Graph, in execution order.
        offsets: mapping. Tensor -> offset; what has none is the runtime's to place.
        ignored: frozenset of int. Workspaces, which reach over everything.

    Raises:
        UnsupportedOpError: naming the operator and both tensors.
    """
    last = {t: max(readers) for t, readers in graph.consumers().items()}
    last |= dict.fromkeys(graph.outputs, len(graph.ops))
    held = {t for t in graph.inputs if t in offsets and last.get(t, -1) >= 0}
    _require(graph, offsets, "the inputs", held, held)
    for i, op in enumerate(graph.ops):
        held = {t for t in held if last[t] > i}
        written = {t for t in op.outputs if t in offsets and t not in ignored}
        _require(graph, offsets, graph.describe(i), written, held | written)
        held |= {t for t in written if last.get(t, -1) > i}


def _require(graph: Graph, offsets: Mapping[int, int], where: str, written: set[int], held: set[int]) -> None:
    for a in sorted(written):
        for b in sorted(held - {a}):
            size_a, size_b = graph.tensors[a].size_bytes, graph.tensors[b].size_bytes
            if offsets[a] < offsets[b] + size_b and offsets[b] < offsets[a] + size_a:
                names = f"{graph.tensors[a].name!r} would lie over {graph.tensors[b].name!r}, which is still needed"
                raise UnsupportedOpError(f"{where}: {names}")
