"""What streams cost in instructions beside whole layers: a model, for `prefer="speed"` to rank plans by.

A whole operator shares work between its rows that an operator of a stream does again for each row: a depthwise
convolution prepares every input row once instead of once for each row of the window, a 1x1 convolution takes its
pixels in blocks that do not end with a row, and both enter their kernel once. A stage of one operator shares it too:
its kernel computes the whole layer over its input. How much that is depends on the core's kernels, so each family has
numbers of its own, fitted to counts on its emulated core over the reference models' plans of lowest peak.

Costs are in millionths of what the graph's layers take (`SHARE`), so that those of several cores can be compared. Where
a number of it is printed, it is called modelled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from tflm_mcunet.schedule.rows import RowGraph, RowNode
from tflm_mcunet.schedule.schedule import Schedule

#: The cost of streams that take as much again as the layers.
SHARE = 1_000_000

#: What outweighs everything that can be gained.
_FORBIDDEN = 1000 * SHARE

#: Instructions of the engine for a row step of a stage, and for a row of a layer that is computed row by row.
STEP, LAYER_STEP = 285, 120

#: Pixels that the 1x1 convolutions of most families take together.
_PIXELS = 3

#: Pixels of a row from which on the DSP family's depthwise kernels of large windows take a whole layer in one call, by
#: window and stride those of narrower rows that have a kernel for whole maps, and bytes of a channel's widened planes,
#: four of them side by side, up to which the others do.
_WIDE = 13
_MAP_PIXELS: Mapping[tuple[int, int], tuple[int, ...]] = {
    (5, 1): (10,),
    (5, 2): (3,),
    (7, 1): (3, 5, 6),
    (7, 2): (5, 10),
}
_MOST_PLANE_BYTES = 4096


@dataclass(frozen=True)
class StreamCosts:
    """What rows of a family's kernels cost more than the same rows of a layer, in instructions.

    Args:
        layer: (float, float). Of layers, for each MAC and for each value of their outputs.
        pointwise: (float, float). Of a 1x1 convolution for a row, and for each channel of a row, in and out.
        ragged: (float, float, float). Of one whose pixels of a row are no multiple of three, besides: for a row, for
            each output channel of a row, for each MAC of a pixel.
        depthwise: (float, float, float, float). For a row, for each channel of a row, and for each value of the rows
            that the window of the row before had too: of 3 rows, of more.
        saved_byte: float. Of a 1x1 convolution that a layer computes over its input, for each byte of that.
        is_whole: function. Whether the family computes a whole depthwise layer over its input, from the rows of its
            output, their pixels, the window's rows and columns and its stride.
        is_pointwise_whole: bool. Whether it computes a whole 1x1 layer over its input.
        in_rows: set of int. Operators that are to stay in a stage with others: whole they would take too much scratch.
    """

    layer: tuple[float, float]
    pointwise: tuple[float, float]
    ragged: tuple[float, float, float]
    depthwise: tuple[float, float, float, float]
    saved_byte: float
    is_whole: Callable[[int, int, int, int, int], bool]
    is_pointwise_whole: bool = True
    in_rows: frozenset[int] = frozenset()


def _is_whole_dsp(height: int, width: int, kernel_h: int, kernel_w: int, stride: int) -> bool:
    if kernel_h != kernel_w or kernel_w <= 3 or width >= _WIDE:
        return True
    if width in _MAP_PIXELS.get((kernel_w, stride), ()):
        return True
    # Larger windows on narrow rows have a kernel that takes some rows a call; it lies over its input if it takes all.
    rows, pixels = kernel_h + (height - 1) * stride, -(-width // 6) * 6 * stride + kernel_w
    return rows * (pixels // 2 + 1) * 16 <= _MOST_PLANE_BYTES


def _is_whole_always(*_: int) -> bool:
    return True


#: By family of kernels (`codegen.family`).
FAMILIES: Mapping[str, StreamCosts] = {
    "arm_dsp": StreamCosts((0.81, 5.1), (85, 0), (145, 5, 0), (430, 28, 1.3, 3.5), 0, _is_whole_dsp),
    "arm_mve": StreamCosts((0.127, 4), (110, 1.8), (0, 0, 0), (120, 0, 0.37, 0.44), 0.33, _is_whole_always),
    "riscv": StreamCosts((2.55, 23.4), (70, 0), (0, 0, 2), (300, 75, 4, 3.9), 0, _is_whole_always),
}


def costs_of(family: str) -> tuple[StreamCosts, ...]:
    """The costs of a family; of all where it has none or is not known, for plans that suit every core."""
    return (FAMILIES[family],) if family in FAMILIES else tuple(FAMILIES.values())


def with_rows_of_pointwise(costs: Sequence[StreamCosts]) -> tuple[StreamCosts, ...]:
    """The same as if a 1x1 convolution alone ran row by row: what goes by it has fewer maps that lie over others."""
    return tuple(replace(c, is_pointwise_whole=False) for c in costs)


def with_operators_in_rows(costs: Sequence[StreamCosts], ops: frozenset[int]) -> tuple[StreamCosts, ...]:
    """The same where these operators are to stay in a stage with others."""
    return tuple(replace(c, in_rows=ops) for c in costs)


def stage_cost(
    rows: RowGraph,
    nodes: Sequence[RowNode],
    costs: Sequence[StreamCosts] = costs_of(""),
    *,
    streams: bool = True,
) -> int:
    """What one stage takes more row by row than operator by operator, in millionths of the graph's layers; modelled.

    Args:
        rows: RowGraph.
        nodes: sequence of RowNode. Those of the stage.
        costs: sequence of StreamCosts. Of several, the largest counts for each operator.
        streams: bool. False for a layer, which takes nothing more.
    """
    is_alone = len(nodes) == 1
    if is_alone and any(nodes[0].op in c.in_rows for c in costs):
        return _FORBIDDEN
    if not streams:
        return 0
    whole = [layers_cost(rows, c) for c in costs]
    return sum(
        max(int(SHARE * _cost(rows, node, c, is_alone) / all_layers) for c, all_layers in zip(costs, whole))
        for node in nodes
    )


def layers_cost(rows: RowGraph, costs: StreamCosts) -> float:
    """Instructions of a graph's operators as layers; modelled."""
    mac, value = costs.layer
    macs = sum(node.macs for node in rows.nodes)
    values = sum(prod(rows.graph.tensors[t].shape) for node in rows.nodes for t in node.outputs)
    return max(mac * macs + value * values, 1.0)


def _cost(rows: RowGraph, node: RowNode, costs: StreamCosts, is_alone: bool) -> float:
    op, output = rows.graph.ops[node.op], node.outputs[0]
    height, shape = rows.shape[output][0], rows.graph.tensors[output].shape
    window, inputs = node.windows[0], rows.graph.tensors[node.inputs[0]].shape[-1]
    is_pointwise = op.type == "CONV_2D" and window.kernel_h == window.kernel_w == 1
    is_depthwise = op.type == "DEPTHWISE_CONV_2D"
    if is_alone and is_pointwise and costs.is_pointwise_whole:
        return STEP + costs.saved_byte * inputs * height * shape[2]
    if is_alone and op.type == "CONV_2D" and not is_pointwise:
        return STEP  # a layer computes it row by row too
    kernel = (window.kernel_h, window.kernel_w, window.stride_h)
    if is_alone and is_depthwise and costs.is_whole(height, shape[2], *kernel):
        return STEP
    if node.accumulate:
        height = rows.shape[node.inputs[0]][0]
    cost = float(height * STEP)
    if op.type == "CONV_2D" and not is_pointwise:
        cost -= height * LAYER_STEP
    elif is_pointwise:
        row, channel = costs.pointwise
        cost += height * (row + channel * (inputs + shape[-1]))
        if shape[2] % _PIXELS:
            row, channel, mac = costs.ragged
            cost += height * (row + channel * shape[-1] + mac * inputs * shape[-1])
    elif is_depthwise and inputs > 1:  # of one channel it runs as a convolution
        row, channel, *values = costs.depthwise
        again = max(0, window.kernel_h - window.stride_h) * rows.graph.tensors[node.inputs[0]].shape[2]
        cost += height * (row + shape[-1] * (channel + values[window.kernel_h > 3] * again))
    return cost


def schedule_cost(rows: RowGraph, plan: Schedule, costs: Sequence[StreamCosts] = costs_of("")) -> int:
    """`stage_cost` of all stages of a plan."""
    node_of = {node.op: node for node in rows.nodes}
    stages = [([node_of[i] for i in s.ops if i in node_of], s.plan is not None) for s in plan.stages]
    return sum(stage_cost(rows, nodes, costs, streams=streams) for nodes, streams in stages)
