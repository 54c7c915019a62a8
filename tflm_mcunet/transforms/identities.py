"""Operators that move no byte, and operators whose results nothing uses."""

from __future__ import annotations

import math
from dataclasses import replace

from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.ops import STATEFUL, constant_ints
from tflm_mcunet.transforms.edit import Draft, Rewritten, is_per_tensor, same_values
from tflm_mcunet.transforms.fuse_activation import clamp_range


def drop_identities(graph: Graph) -> Rewritten:
    """Drop RESHAPE, TRANSPOSE, QUANTIZE, RELU and RELU6 that give their input's bytes as they got them.

    A TRANSPOSE that moves only axes of size 1 keeps the data order: it becomes a RESHAPE where the shape changes, and
    a RESHAPE reads what a RESHAPE before it read.

    Args:
        graph: Graph.

    Returns:
        Rewritten. A reason for every identity that stays.
    """
    draft = Draft(graph)
    for index, op in draft:
        if _is_identity(graph, op):
            draft.note(index, "dropped: it changes nothing", draft.bypass(index))
        elif op.type == "TRANSPOSE" and _keeps_data_order(graph, op):
            options = {"new_shape": list(graph.tensors[op.outputs[0]].shape)}
            draft.put(index, Op("RESHAPE", op.inputs[:1], op.outputs, options))
            draft.note(index, "became RESHAPE: only axes of size 1 move", "")
        elif op.type == "RESHAPE":
            _skip_reshape(draft, index, op)
    return draft.finish()


def drop_dead_code(graph: Graph) -> Rewritten:
    """Drop operators from which no graph output and no state can be reached.

    Args:
        graph: Graph.

    Returns:
        Rewritten.
    """
    used = set(graph.outputs)
    kept: list[Op] = []
    done = []
    for index in range(len(graph.ops) - 1, -1, -1):
        op = graph.ops[index]
        touches_state = any(t >= 0 and graph.tensors[t].is_variable for t in (*op.inputs, *op.outputs))
        if touches_state or op.type in STATEFUL or not op.outputs or used.intersection(op.outputs):
            kept.append(op)
            used.update(op.inputs)
        else:
            done.append(f"{graph.describe(index)} dropped: nothing uses its results")
    return Rewritten(graph.with_ops(kept[::-1]), tuple(done[::-1])) if done else Rewritten(graph)


def _is_identity(graph: Graph, op: Op) -> bool:
    if not op.inputs or op.inputs[0] < 0 or len(op.outputs) != 1:
        return False
    x, y = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    if x.shape != y.shape or not same_values(x, y):
        return False
    if op.type == "RESHAPE":
        return True
    if op.type == "TRANSPOSE":
        return _keeps_data_order(graph, op)
    if op.type == "QUANTIZE":
        # Requantising by a factor of exactly 1 returns every value (reference/requantize.h).
        return x.dtype in ("int8", "int16") and is_per_tensor(x)
    if op.type in ("RELU", "RELU6"):
        return (
            x.dtype == "int8"
            and is_per_tensor(x)
            and clamp_range(op.type, x.scale, x.zero_point) == (-128, 127)
        )
    return False


def _keeps_data_order(graph: Graph, op: Op) -> bool:
    """Whether a TRANSPOSE leaves the axes that are longer than 1 in their order."""
    order = constant_ints(graph, op, 1)
    x = graph.tensors[op.inputs[0]]
    if order is None or x.dtype != graph.tensors[op.outputs[0]].dtype:
        return False
    moved = [axis % len(x.shape) for axis in order]
    long = [axis for axis in moved if x.shape[axis] != 1]
    return sorted(moved) == list(range(len(x.shape))) and long == sorted(long) and math.prod(x.shape) > 0


def _skip_reshape(draft: Draft, index: int, op: Op) -> None:
    """Let a RESHAPE that alone reads another RESHAPE's output read that one's input; the other one is dead then."""
    middle = op.inputs[0]
    maker = draft.maker(middle)
    if (
        maker is None
        or maker.type != "RESHAPE"
        or middle in draft.returned
        or draft.readers(middle) != [index]
    ):
        return
    x = maker.inputs[0]
    if draft.tensors[x].dtype == draft.tensors[op.outputs[0]].dtype and not draft.tensors[x].is_variable:
        draft.put(index, replace(op, inputs=(x, *op.inputs[1:])))
        draft.note(index, "reads what the RESHAPE before it reads", "")
