"""Which output may take the bytes of which operand: the part of the in-place rule that no operator order changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tflm_mcunet import ops
from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.ops import constant_ints
from tflm_mcunet.schedule.schedule import ALIGNMENT, aligned

#: The operand positions whose bytes the output may take in one runtime: by operator type, or by (Graph, Op) where
#: it depends on the operator's tensors.
Whitelist = Mapping[str, Sequence[int]] | Callable[[Graph, Op], Sequence[int]]


def own_kernels() -> dict[str, tuple[int, ...]]:
    """The whitelist of our own kernels, from the table of operator facts."""
    return {name: facts.in_place for name, facts in ops.OPS.items() if facts.in_place}


class Pair(NamedTuple):
    """An operand and an output that may share bytes.

    Args:
        operand, output: int. Tensors.
        shift_bytes: int. Where the operand begins in the output's bytes: 0 for operators that write each element over
            the one that they read, more for a PAD, which writes behind what it reads.
    """

    operand: int
    output: int
    shift_bytes: int = 0


def candidates(
    graph: Graph, whitelist: Whitelist | None, overwrite_inputs: bool = False
) -> tuple[tuple[Pair, ...], ...]:
    """For every operator, the operands and outputs that may share bytes if nothing reads the operand later.

    Sizes and dtypes are equal (but for PAD, see `pad_shift`), and the operand is computed, no variable, no graph
    output, a graph input only where `overwrite_inputs` says that the caller does not need it afterwards, and every
    position at which the operator reads it is in the whitelist. An operand is listed for every output that it could
    serve; at most one takes it.
    """
    if not whitelist:
        return ((),) * len(graph.ops)
    kept = set(graph.outputs) if overwrite_inputs else set(graph.outputs) | set(graph.inputs)
    if callable(whitelist):
        return tuple(_pairs(graph, op, whitelist(graph, op), kept) for op in graph.ops)
    return tuple(_pairs(graph, op, whitelist.get(op.type, ()), kept) for op in graph.ops)


def pad_shift(graph: Graph, op: Op) -> int | None:
    """How far into its output a PAD's input may begin, so that copying it forwards overwrites nothing unread.

    Rows are copied in ascending order, each in one piece or byte by byte, and the padding between them is written in
    that order too: a row must end before the next unread one begins. It is tightest at the last row, and the
    whole input then ends where the output ends, or before.

    Args:
        graph: Graph.
        op: Op. A PAD or PADV2.

    Returns:
        The shift in bytes, a multiple of 16; None where the operator pads other axes than height and width of one
        map, or nothing behind the map, or its amounts are computed.

    Example:
        >>> from tflm_mcunet.builder import GraphBuilder
        >>> b = GraphBuilder()
        >>> graph = b.finish([b.pad(b.input((1, 40, 40, 48)), [(0, 0), (1, 1), (1, 1), (0, 0)])])
        >>> pad_shift(graph, graph.ops[0])
        7872
    """
    x, y = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    pads = constant_ints(graph, op, 1)
    if (
        pads is None
        or len(pads) != 8
        or len(x.shape) != 4
        or x.shape[0] != 1
        or any(pads[:2])
        or any(pads[6:])
    ):
        return None
    _, height, width, _ = x.shape
    padded_width = y.shape[2]
    pixel_bytes = x.size_bytes // (height * width)
    rows_end = (height - 1 + pads[2]) * padded_width + pads[4] + width
    least = (rows_end - (height - 1) * width) * pixel_bytes
    shift = (aligned(y.size_bytes) - x.size_bytes) // ALIGNMENT * ALIGNMENT
    return shift if shift >= least else None


def _pairs(graph: Graph, op: Op, positions: Sequence[int], kept: set[int]) -> tuple[Pair, ...]:
    pairs = []
    for t in dict.fromkeys(op.inputs[p] for p in positions if p < len(op.inputs)):
        if t < 0 or t in kept or any(i == t and p not in positions for p, i in enumerate(op.inputs)):
            continue
        operand = graph.tensors[t]
        if operand.is_constant or operand.is_variable or not operand.size_bytes:
            continue
        for output in op.outputs:
            made = graph.tensors[output] if output >= 0 else operand
            if output < 0 or made.is_variable or made.dtype != operand.dtype:
                continue
            if made.size_bytes == operand.size_bytes:
                pairs.append(Pair(t, output))
            elif op.type in ("PAD", "PADV2") and t not in graph.inputs:
                shift = pad_shift(graph, op)
                if shift:
                    pairs.append(Pair(t, output, shift))
    return tuple(pairs)
