"""Lowers one operator to a kernel call, or refuses it by name: the table of what the C++ kernels can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tflm_mcunet.codegen import lower_binary, lower_weighted
from tflm_mcunet.codegen.call import Call
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import Window

#: Operator type -> its lowering: (graph, operator index, window that replaces the operator's own, or None).
LOWER: Mapping[str, Callable[[Graph, int, Window | None], Call]] = {
    **lower_weighted.LOWER,
    **lower_binary.LOWER,
}


def lower(graph: Graph, index: int, window: Window | None = None) -> Call:
    """The kernel call of one operator.

    Args:
        graph: Graph.
        index: int. The operator.
        window: Window or None. Replaces the operator's own, where a PAD has been folded into it.

    Raises:
        UnsupportedOpError: naming the operator's index, type and tensors, and the reason.
    """
    lowering = LOWER.get(graph.ops[index].type)
    if lowering is None:
        raise UnsupportedOpError(
            f"{graph.describe(index)}: the C++ kernels have no {graph.ops[index].name}",
            f"supported: {', '.join(sorted(LOWER))}",
        )
    return lowering(graph, index, window)
