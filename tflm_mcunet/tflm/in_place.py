"""Which of stock TFLite Micro's reference kernels may write their output over an operand.

The output then starts at the operand's offset and is no longer than the operand. Every entry is proven by a bit-exact
run in the real interpreter (`tests/tflm/test_in_place.py`), for the types in `_PROVEN`. Why it holds:
- elementwise kernels read element i before they write element i, and nothing of it later;
- an operand of ADD, SUB or MUL that is not broadcast is read like that, whatever the other operand does;
- QUANTIZE from float32 writes byte i after it has read the float that ends at byte 4·i + 3;
- SOFTMAX reads a row twice (largest value, sum) before it writes it element by element;
- RESHAPE does nothing when the addresses are equal; SQUEEZE and EXPAND_DIMS copy each byte onto itself.
Kernels optimised for a core may differ: this is about the reference kernels.
"""

from __future__ import annotations

from collections.abc import Mapping

from tflm_mcunet.graph import Graph, Op

#: Operator type -> positions of the operands that its output may overwrite.
IN_PLACE: Mapping[str, tuple[int, ...]] = {
    "ADD": (0, 1),
    "EXPAND_DIMS": (0,),
    "HARD_SWISH": (0,),
    "LEAKY_RELU": (0,),
    "LOGISTIC": (0,),
    "MUL": (0, 1),
    "QUANTIZE": (0,),
    "RELU": (0,),
    "RELU6": (0,),
    "RESHAPE": (0,),
    "SOFTMAX": (0,),
    "SQUEEZE": (0,),
    "SUB": (0, 1),
    "TANH": (0,),
}

#: The (operand, output) types with which each entry is proven.
_PROVEN = (("int8", "int8"), ("float32", "float32"))
_PROVEN_FOR: Mapping[str, tuple[tuple[str, str], ...]] = {
    "QUANTIZE": (("int8", "int8"), ("float32", "int8")),
}


def in_place_operands(graph: Graph, op: Op) -> tuple[int, ...]:
    """The positions of an operator's operands that its output may overwrite in TFLite Micro's reference kernels.

    What else reads the operand, before or after, is not looked at here: that is the planner's to know.

    Args:
        graph: Graph.
        op: Op. One of its operators.

    Returns:
        tuple of int. Empty where the operator, its types or its shapes are outside of what is proven.

    Example:
        >>> from tflm_mcunet.builder import GraphBuilder
        >>> b = GraphBuilder()
        >>> graph = b.finish([b.op("RELU", [b.input((1, 4, 4, 2))])])
        >>> in_place_operands(graph, graph.ops[0])
        (0,)
    """
    positions = IN_PLACE.get(op.type, ())
    if not positions or len(op.outputs) != 1:
        return ()
    output = graph.tensors[op.outputs[0]]
    proven = _PROVEN_FOR.get(op.type, _PROVEN)
    found = []
    for position in positions:
        index = op.inputs[position] if position < len(op.inputs) else -1
        if index < 0 or index == op.outputs[0]:
            continue
        operand = graph.tensors[index]
        if operand.is_constant or operand.is_variable or output.is_variable:
            continue
        if (operand.dtype, output.dtype) in proven and operand.elements == output.elements:
            found.append(position)
    return tuple(found)


def overlapping_operands(graph: Graph, op: Op) -> tuple[int, ...]:
    """The positions of operands that may lie inside the output's bytes: those of `in_place_operands`, and a PAD's.

    An int8 PAD of height and width copies its input forwards in ascending order: the input may lie so far into the
    output that no byte is overwritten before it is read (`schedule.in_place.pad_shift` says how far; proven in
    `tests/tflm/test_in_place.py`).
    """
    if op.type == "PAD" and graph.tensors[op.inputs[0]].dtype == "int8":
        operand = graph.tensors[op.inputs[0]]
        return () if operand.is_constant or operand.is_variable else (0,)
    return in_place_operands(graph, op)
