"""Lowers one operator to a kernel call, or refuses it by name: the table of what the C++ kernels can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tflm_mcunet.codegen import (
    lower_binary,
    lower_move,
    lower_pool,
    lower_resize,
    lower_softmax,
    lower_unary,
    lower_weighted,
)
from tflm_mcunet.codegen import lower_sum as lower_sum_rows
from tflm_mcunet.codegen.call import Call
from tflm_mcunet.codegen.checks import require
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import OPS, Window

#: Operator type -> its lowering: (graph, operator index, window that replaces the operator's own, or None).
LOWER: Mapping[str, Callable[[Graph, int, Window | None], Call]] = {
    **lower_weighted.LOWER,
    **lower_binary.LOWER,
    **lower_move.LOWER,
    **lower_pool.LOWER,
    **lower_resize.LOWER,
    **lower_softmax.LOWER,
    **lower_unary.LOWER,
}

#: Operators whose lowerings compare elements instead of shapes, as TFLite Micro does.
_OWN_SHAPE_CHECK = ("EXPAND_DIMS", "FULLY_CONNECTED", "RESHAPE", "SQUEEZE")

#: Dimensions of the shapes that TFLite Micro computes with, and the operators that do without such a shape.
_MOST_DIMENSIONS = 6
_ANY_DIMENSIONS = ("MEAN", "QUANTIZE", "RESHAPE", "SPLIT", "SQUEEZE")

#: What makes a model run that has these operators: those of a model that keeps state, and our own of a converted one.
_HINTS: Mapping[str, str] = {
    **dict.fromkeys(
        ("ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE"),
        "tflm_mcunet.transforms.explicit_state turns variables into inputs and outputs",
    ),
    "TFLM_MCUNET_STAGE": "this file was converted for TFLite Micro: take the model that it was made from, whose stages "
    "are planned anew for the C++ program, or convert it with --schedule layer",
}

#: Operator type -> its lowering as a sum over rows.
LOWER_SUM: Mapping[str, Callable[[Graph, int, Window], Call]] = lower_sum_rows.LOWER_SUM


def lower(graph: Graph, index: int, window: Window | None = None, checked: Graph | None = None) -> Call:
    """The kernel call of one operator.

    Args:
        graph: Graph.
        index: int. The operator.
        window: Window or None. Replaces the operator's own, where a PAD has been folded into it.
        checked: Graph or None. The graph whose shapes must agree, where `graph` is it with operators folded.

    Raises:
        UnsupportedOpError: naming the operator's index, type and tensors, and the reason.
    """
    lowering = LOWER.get(graph.ops[index].type)
    if lowering is None:
        op = graph.ops[index]
        hint = _HINTS.get(op.type) or _HINTS.get(op.name) or f"supported: {', '.join(sorted(LOWER))}"
        raise UnsupportedOpError(f"{graph.describe(index)}: the C++ kernels have no {op.name}", hint)
    _require_shapes(checked or graph, index)
    call = lowering(graph, index, window)
    _require_counters(graph, index, call)
    return call


def _require_shapes(graph: Graph, index: int) -> None:
    """Refuse empty tensors, and outputs of another shape than the operands give: kernels trust the shapes."""
    op, where = graph.ops[index], graph.describe(index)
    for i in (*op.inputs, *op.outputs):
        tensor = graph.tensors[i] if i >= 0 else None
        if tensor is not None:
            require(tensor.elements > 0, where, f"tensor {tensor.name!r} is empty")
            fits = len(tensor.shape) <= _MOST_DIMENSIONS or op.type in _ANY_DIMENSIONS
            rank = f"tensor {tensor.name!r} has {len(tensor.shape)} dimensions; TFLite Micro takes {_MOST_DIMENSIONS}"
            require(fits, where, rank)
    shape = None if op.type in _OWN_SHAPE_CHECK else OPS[op.type].output_shape(graph, op)
    for i in op.outputs if shape is not None else ():
        tensor = graph.tensors[i]
        different = f"tensor {tensor.name!r} has the shape {list(tensor.shape)}, not {list(shape or ())}"
        require(tensor.shape == shape, where, different)


def _require_counters(graph: Graph, index: int, call: Call) -> None:
    """Refuse what the engine's 16-bit counters cannot hold."""
    counts = (
        call.width,
        call.batch,
        call.window.kernel_h,
        *(v.height for v in (*call.inputs, *call.outputs)),
    )
    require(max(counts) < 1 << 16, graph.describe(index), f"{max(counts)} rows or columns; at most 65535")


def lower_sum(graph: Graph, index: int, window: Window) -> Call:
    """The call of an operator whose only output row is a sum over its input rows, taken row by row.

    Raises:
        UnsupportedOpError: the operator has no such kernel.
    """
    summing = LOWER_SUM.get(graph.ops[index].type)
    if summing is None:
        raise UnsupportedOpError(f"{graph.describe(index)}: no kernel sums its rows one by one")
    return summing(graph, index, window)
