"""What streams cost in instructions beside whole layers: a model, for `prefer="speed"` to rank plans by.

A whole operator shares work between its rows that an operator of a stream does again for each row: a depthwise
convolution widens every input row once instead of once for each row of the window and sets its channels up once, the
others enter their kernel once. The model is fitted to counts on the Cortex-M4: of the plans of lowest peak of the
reference models it tells 0.9 to 2 times what they measure. Where a number of it is printed, it is called modelled.
"""

from __future__ import annotations

from collections.abc import Sequence

from tflm_mcunet.schedule.rows import RowGraph, RowNode
from tflm_mcunet.schedule.schedule import Schedule

#: Instructions: the engine's for a row step, a pointwise kernel's and a depthwise kernel's for a channel of a row.
STEP, POINTWISE_CHANNEL, DEPTHWISE_CHANNEL = 250, 10, 50

#: Pixels of a row from which on depthwise kernels of large windows take a whole layer in one call.
WIDE = 16


def streaming_cost(rows: RowGraph, nodes: Sequence[RowNode]) -> int:
    """Instructions that one stage takes more row by row than operator by operator; modelled.

    Args:
        rows: RowGraph.
        nodes: sequence of RowNode. Those of the stage.
    """
    if len(nodes) == 1 and _runs_whole(rows, nodes[0]):
        return STEP
    return sum(_cost(rows, node) for node in nodes)


def _runs_whole(rows: RowGraph, node: RowNode) -> bool:
    """Whether kernels compute this operator as a whole layer although its output lies over its input."""
    if not node.in_place or rows.graph.ops[node.op].type != "DEPTHWISE_CONV_2D":
        return False
    # Larger windows on narrow rows have a kernel that takes some rows a call; it cannot lie over its input.
    width = rows.graph.tensors[node.outputs[0]].shape[2]
    return node.windows[0].kernel_w <= 3 or width >= WIDE


def _cost(rows: RowGraph, node: RowNode) -> int:
    op, output = rows.graph.ops[node.op], node.outputs[0]
    height, channels = rows.shape[output][0], rows.graph.tensors[output].shape[-1]
    if node.accumulate:
        height = rows.shape[node.inputs[0]][0]
    cost = height * STEP
    window = node.windows[0]
    if op.type == "DEPTHWISE_CONV_2D":
        cost += height * channels * DEPTHWISE_CHANNEL + node.macs // 2
    elif op.type == "CONV_2D" and window.kernel_h == window.kernel_w == 1:
        cost += height * channels * POINTWISE_CHANNEL
    return cost


def schedule_cost(rows: RowGraph, plan: Schedule) -> int:
    """`streaming_cost` of all stages of a plan that stream."""
    node_of = {node.op: node for node in rows.nodes}
    stages = [[node_of[i] for i in s.ops if i in node_of] for s in plan.stages if s.plan is not None]
    return sum(streaming_cost(rows, nodes) for nodes in stages)
