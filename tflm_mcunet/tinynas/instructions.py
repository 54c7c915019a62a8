"""A model of how many instructions an inference takes: for ranking and budgets, never for reports of measurements."""

from __future__ import annotations

from collections.abc import Mapping

from tflm_mcunet.codegen.family import PORTABLE
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import macs

#: Instructions for each MAC of dense and of depthwise operators, and for each value of any operator's output; fitted
#: to counts of emulated cores; `benchmarks/search_oracle.py instructions` prints how far off they are.
_COSTS: Mapping[str, tuple[float, float, float]] = {
    PORTABLE: (7.0, 10.0, 130.0),
    "arm_dsp": (1.9, 0.5, 14.0),
    "arm_mve": (0.1, 0.2, 7.6),
    "riscv": (2.9, 1.0, 55.0),
}
_DEFAULT = _COSTS[PORTABLE]


def instructions_estimate(graph: Graph, family: str = PORTABLE) -> int:
    """Instructions of one inference, modelled from MACs and sizes.

    Args:
        graph: Graph.
        family: str. The kernels.
    """
    dense, depthwise, value = _COSTS.get(family, _DEFAULT)
    total = 0.0
    for op in graph.ops:
        total += value * graph.tensors[op.outputs[0]].elements
        total += (depthwise if op.type == "DEPTHWISE_CONV_2D" else dense) * macs(graph, op)
    return round(total)
