"""Which output may take the bytes of which operand: the part of the in-place rule that no operator order changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tflm_mcunet import ops
from tflm_mcunet.graph import Graph, Op

#: Operator type -> operand positions whose bytes the output may take in one runtime.
Whitelist = Mapping[str, Sequence[int]]


def own_kernels() -> dict[str, tuple[int, ...]]:
    """The whitelist of our own kernels, from the table of operator facts."""
    return {name: facts.in_place for name, facts in ops.OPS.items() if facts.in_place}


def candidates(
    graph: Graph, whitelist: Whitelist | None, overwrite_inputs: bool = False
) -> tuple[tuple[tuple[int, int], ...], ...]:
    """For every operator, the (operand, output) tensors that may share bytes if nothing reads the operand later.

    Sizes and dtypes are equal, and the operand is computed, no variable, no graph output, a graph input only where
    `overwrite_inputs` says that the caller does not need it afterwards, and every position at which the operator
    reads it is in the whitelist. An operand is listed for every output that it could serve; at most one takes it.
    """
    if not whitelist:
        return ((),) * len(graph.ops)
    kept = set(graph.outputs) if overwrite_inputs else set(graph.outputs) | set(graph.inputs)
    return tuple(_pairs(graph, op, whitelist.get(op.type, ()), kept) for op in graph.ops)


def _pairs(graph: Graph, op: Op, positions: Sequence[int], kept: set[int]) -> tuple[tuple[int, int], ...]:
    pairs = []
    for t in dict.fromkeys(op.inputs[p] for p in positions if p < len(op.inputs)):
        if t < 0 or t in kept or any(i == t and p not in positions for p, i in enumerate(op.inputs)):
            continue
        operand = graph.tensors[t]
        if operand.is_constant or operand.is_variable or not operand.size_bytes:
            continue
        for output in op.outputs:
            made = graph.tensors[output] if output >= 0 else operand
            if output < 0 or made.is_variable:
                continue
            if made.size_bytes == operand.size_bytes and made.dtype == operand.dtype:
                pairs.append((t, output))
    return tuple(pairs)
