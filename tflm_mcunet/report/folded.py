"""A graph as our own engine sees its memory: padding inside its reader's window, names of the same bytes joined."""

from __future__ import annotations

from dataclasses import replace

from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.rows import row_graph


def folded(graph: Graph) -> Graph:
    """The graph without the PADs, RESHAPEs and the like that vanish into the operator behind them.

    Only for planning memory: a convolution whose padding was folded stands here with its unpadded input, and its
    options no longer say how it reads it.

    Example:
        >>> from tflm_mcunet.builder import GraphBuilder
        >>> b = GraphBuilder()
        >>> x = b.pad(b.input((1, 8, 8, 3)), [(0, 0), (2, 2), (2, 2), (0, 0)])
        >>> g = folded(b.finish([b.conv_2d(x, 4, (3, 3), padding=1)]))
        >>> [(op.type, op.inputs[0]) for op in g.ops]
        [('CONV_2D', 0)]
    """
    kept = {node.op for node in row_graph(graph).nodes}
    same: dict[int, int] = {}
    ops = []
    for i, op in enumerate(graph.ops):
        inputs = tuple(same.get(t, t) for t in op.inputs)
        if i in kept:
            ops.append(replace(op, inputs=inputs))
        else:
            same[op.outputs[0]] = inputs[0]
    return replace(graph, ops=tuple(ops), outputs=tuple(same.get(t, t) for t in graph.outputs))
