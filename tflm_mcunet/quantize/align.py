"""Which tensor of a float .tflite is which of an INT8 one: both come from one network, by ways that differ a little."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from tflm_mcunet.graph import Graph, Op

#: Steps between scales, which a float model has none of.
_SCALE_ONLY = ("QUANTIZE", "DEQUANTIZE")


def align(real: Graph, int8: Graph) -> dict[int, int]:
    """Map the index of each INT8 operator to that of the float operator that computes the same.

    Operators are paired in order, by type and output shape; a pair stays only where what feeds the two is paired
    too, so that two branches of equal shape are not taken for each other.

    Args:
        real: Graph of the float model.
        int8: Graph of the INT8 model.
    """
    ours = [i for i, op in enumerate(int8.ops) if op.type not in _SCALE_ONLY]
    theirs = [i for i, op in enumerate(real.ops) if op.type not in _SCALE_ONLY]
    matcher = SequenceMatcher(
        a=[_signature(int8, int8.ops[i]) for i in ours],
        b=[_signature(real, real.ops[i]) for i in theirs],
        autojunk=False,
    )
    pairs = {
        ours[block.a + n]: theirs[block.b + n]
        for block in matcher.get_matching_blocks()
        for n in range(block.size)
    }
    return _consistent(real, int8, pairs)


def _signature(graph: Graph, op: Op) -> tuple[str, tuple[tuple[int, ...], ...]]:
    return op.type, tuple(graph.tensors[t].shape for t in op.outputs if t >= 0)


def _consistent(real: Graph, int8: Graph, pairs: dict[int, int]) -> dict[int, int]:
    """Pairs whose computed inputs are outputs of pairs, or of operators that have no partner at all."""
    tensors = dict(zip(int8.inputs, real.inputs))
    partners: dict[int, int] = {}
    for index, op in enumerate(int8.ops):
        if op.type in _SCALE_ONLY:
            if op.inputs[0] in tensors:
                tensors[op.outputs[0]] = tensors[op.inputs[0]]
            continue
        other = pairs.get(index)
        if other is None:
            continue
        fed, feeding = (_computed(g, g.ops[i]) for g, i in ((int8, index), (real, other)))
        known = {tensors[t] for t in fed if t in tensors}
        # Reshapes that only one of the two has stand between pairs: unknown is no contradiction, another is.
        taken = set(tensors.values())
        if known - set(feeding) and {t for t in feeding if t in taken} - known:
            continue
        partners[index] = other
        tensors.update(zip(op.outputs, real.ops[other].outputs))
    return partners


def _computed(graph: Graph, op: Op) -> Sequence[int]:
    return [t for t in op.inputs if t >= 0 and not graph.tensors[t].is_constant]
