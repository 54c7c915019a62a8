"""The bytes in use while operators run, for any order: the model that the search for the best order minimises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.in_place import Whitelist, candidates
from tflm_mcunet.schedule.lifetimes import Scratch
from tflm_mcunet.schedule.schedule import aligned


@dataclass(frozen=True)
class OpMemory:
    """What one operator does to the arena; all sizes aligned.

    Args:
        made: int. Bytes of outputs and scratch that are in use while the operator runs.
        kept: int. Bytes of the outputs that stay in use after it.
        frees: tuple of (tensor, bytes). Operands that may die here: no graph outputs, no variables.
        shares: tuple of (tuple of operands, outputs, bytes). Groups of equal size within which an output takes the
            bytes of an operand that dies here; as many pairs as the smaller side has.
    """

    made: int
    kept: int
    frees: tuple[tuple[int, int], ...]
    shares: tuple[tuple[tuple[int, ...], int, int], ...]


@dataclass(frozen=True)
class PeakModel:
    """A graph reduced to what decides its peak.

    Args:
        ops: tuple of OpMemory.
        sizes: mapping. Tensor -> aligned bytes, of the tensors that need arena bytes and are no variables.
        operands, results: per operator, its tensors that are in `sizes`, each once.
        producer: mapping. Tensor -> operator that writes it.
        readers: mapping. Tensor -> operators that read it.
        returned: frozenset of graph outputs.
        fed_bytes: int. In use before the first operator: graph inputs that something reads or returns, variables.
        unread_bytes: int. Graph inputs that nothing reads: in use at the first step only.
    """

    ops: tuple[OpMemory, ...]
    sizes: dict[int, int]
    operands: tuple[tuple[int, ...], ...]
    results: tuple[tuple[int, ...], ...]
    producer: dict[int, int]
    readers: dict[int, list[int]]
    returned: frozenset[int]
    fed_bytes: int
    unread_bytes: int


def peak_model(
    graph: Graph,
    *,
    in_place: Whitelist | None = None,
    scratch: Scratch | None = None,
    overwrite_inputs: bool = False,
    variables: bool = True,
) -> PeakModel:
    """Reduce a graph to its peak model; the arguments are those of `lifetimes`."""
    readers, returned = graph.consumers(), frozenset(graph.outputs)
    sizes = {
        t: aligned(tensor.size_bytes)
        for t, tensor in enumerate(graph.tensors)
        if not tensor.is_constant and not tensor.is_variable and tensor.size_bytes
    }
    operands = tuple(tuple(t for t in dict.fromkeys(op.inputs) if t in sizes) for op in graph.ops)
    results = tuple(tuple(t for t in dict.fromkeys(op.outputs) if t in sizes) for op in graph.ops)
    pairs_of = candidates(graph, in_place, overwrite_inputs)
    ops = []
    for i, op in enumerate(graph.ops):
        extra = sum(aligned(n) for n in scratch(graph, op)) if scratch is not None else 0
        made = sum(sizes[t] for t in results[i]) + extra
        kept = sum(sizes[t] for t in results[i] if t in returned or t in readers)
        frees = tuple((t, sizes[t]) for t in operands[i] if t not in returned)
        groups: dict[tuple[int, str], tuple[set[int], set[int]]] = {}
        for t, output, shift in pairs_of[i]:
            key = (sizes[t], f"PAD of {t}" if shift else graph.tensors[t].dtype)
            takeable, takers = groups.setdefault(key, (set(), set()))
            takeable.add(t)
            takers.add(output)
        shares = tuple((tuple(sorted(a)), len(b), size) for (size, _), (a, b) in groups.items())
        ops.append(OpMemory(made, kept, frees, shares))
    fed = [t for t in dict.fromkeys(graph.inputs) if t in sizes]
    used = sum(sizes[t] for t in fed if t in readers or t in returned)
    unread = sum(sizes[t] for t in fed) - used
    if variables:
        used += sum(aligned(t.size_bytes) for t in graph.tensors if t.is_variable and not t.is_constant)
    return PeakModel(tuple(ops), sizes, operands, results, graph.producers(), readers, returned, used, unread)


def step_bytes(model: PeakModel, order: Sequence[int]) -> tuple[list[int], list[int]]:
    """Bytes in use at every step of an order, and bytes in use before it (and, last, after the last step)."""
    unread = {t: len(r) for t, r in model.readers.items()}
    live = model.fed_bytes
    during, between = [], [live]
    for step, i in enumerate(order):
        op = model.ops[i]
        freed = 0
        dead = set()
        for t, size in op.frees:
            unread[t] -= 1
            if not unread[t]:
                dead.add(t)
                freed += size
        total = live + op.made + (model.unread_bytes if step == 0 else 0)
        for operands, outputs, size in op.shares:
            total -= min(sum(t in dead for t in operands), outputs) * size
        during.append(total)
        live += op.kept - freed
        between.append(live)
    return during, between
