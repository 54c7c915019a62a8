"""Classes of operators that are compared with each other: by kernel size, stride and depth, as PEERS' tables are."""

from __future__ import annotations

from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.ops import macs, window

#: Input channels at which a pointwise convolution changes its class.
_POINTWISE_DEPTHS = (48, 24, 16)
#: A convolution of at most so many input channels is a network's first.
_FIRST_CHANNELS = 4
_LONG_FULLY_CONNECTED = 128


def op_class(graph: Graph, op: Op) -> str:
    """The class of an operator.

    >>> from tflm_mcunet.builder import GraphBuilder
    >>> b = GraphBuilder()
    >>> graph = b.finish([b.depthwise_conv_2d(b.conv_2d(b.input((1, 16, 16, 16)), 24))])
    >>> [op_class(graph, op) for op in graph.ops]
    ['pointwise, 16 to 23 inputs', 'depthwise 3x3 stride 1']
    """
    if op.type == "FULLY_CONNECTED":
        depth = graph.tensors[op.inputs[1]].shape[-1]
        size = f"{_LONG_FULLY_CONNECTED} inputs and more"
        return f"fully connected, {size if depth >= _LONG_FULLY_CONNECTED else 'fewer inputs'}"
    spatial = window(graph, op)
    if op.type not in ("CONV_2D", "DEPTHWISE_CONV_2D") or spatial is None:
        return op.name.lower().replace("_", " ")
    shape, channels = graph.tensors[op.inputs[1]].shape, graph.tensors[op.inputs[0]].shape[3]
    kernel = f"{shape[1]}x{shape[2]} stride {spatial.stride_h}"
    if shape[1:3] == (1, 1) and op.type == "CONV_2D":
        return f"pointwise, {_depths(channels)} inputs"
    if channels <= _FIRST_CHANNELS:
        return f"first conv {kernel}"
    return f"depthwise {kernel}" if op.type == "DEPTHWISE_CONV_2D" else f"conv {kernel}"


def _depths(channels: int) -> str:
    above = None
    for least in _POINTWISE_DEPTHS:
        if channels >= least:
            return f"{least} and more" if above is None else f"{least} to {above - 1}"
        above = least
    return f"1 to {_POINTWISE_DEPTHS[-1] - 1}"


def work(graph: Graph, op: Op) -> tuple[int, str]:
    """How much an operator does: its MACs, or the elements of its larger side, and the unit's name."""
    count = macs(graph, op)
    if count:
        return count, "MAC"
    sides = (op.inputs, op.outputs)
    return max(sum(graph.tensors[t].elements for t in side[:1] if t >= 0) for side in sides), "element"
