"""SPLIT_V into equal parts is SPLIT, which the planners and the C++ kernels know."""

from __future__ import annotations

from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.ops import constant_ints
from tflm_mcunet.transforms.edit import Draft, Rewritten


def equal_splits(graph: Graph) -> Rewritten:
    """Turn SPLIT_V with constant, equal sizes into SPLIT.

    Args:
        graph: Graph.

    Returns:
        Rewritten.
    """
    draft = Draft(graph)
    for index, op in draft:
        if op.type != "SPLIT_V":
            continue
        sizes, axis = (constant_ints(graph, op, position) for position in (1, 2))
        shape = graph.tensors[op.inputs[0]].shape
        parts = len(op.outputs)
        if not sizes or not axis or len(sizes) != parts or not -len(shape) <= axis[0] < len(shape):
            continue
        # TFLite lets one size be -1: whatever is left.
        wanted = shape[axis[0]] // parts
        if shape[axis[0]] != wanted * parts or any(s not in (wanted, -1) for s in sizes):
            continue
        if sizes.count(-1) > 1 or any(
            graph.tensors[t].shape[axis[0]] != wanted or len(graph.tensors[t].shape) != len(shape)
            for t in op.outputs
        ):
            continue
        options = {"num_splits": parts}
        draft.put(index, Op("SPLIT", (op.inputs[2], op.inputs[0]), op.outputs, options, version=2))
        draft.note(index, "became SPLIT: its parts are equal", "")
    return draft.finish()
