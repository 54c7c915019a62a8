"""Lowers pools and means whose only output row is a sum over input rows, taken one by one."""

from __future__ import annotations

from dataclasses import replace

from tflm_mcunet.codegen.call import Call, Params, View
from tflm_mcunet.codegen.lower_pool import mean, pool_2d
from tflm_mcunet.codegen.views import image_view
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import Window

_SOURCE = "kernels/row_sum"


def average_pool_2d(graph: Graph, index: int, window: Window) -> Call:
    """AVERAGE_POOL_2D with one output row."""
    call = pool_2d(graph, index, window)
    return replace(call, kernel="average_pool_2d_sum", source=_SOURCE, is_sum=True)


def map_mean(graph: Graph, index: int, window: Window) -> Call:
    """MEAN over the rows and columns of a [1, height, width, channels] tensor."""
    op = graph.ops[index]
    _, _, width, channels = graph.tensors[op.inputs[0]].shape
    fields = mean(graph, index, None).params.fields
    shared = ("input_offset", "multiplier", "shift", "output_zero_point")
    return Call(
        kernel="mean_sum",
        source=_SOURCE,
        params=Params(
            "MapMean", {"input_width": width, "channels": channels, **{name: fields[name] for name in shared}}
        ),
        inputs=(image_view(graph, op.inputs[0]),),
        outputs=(View(op.outputs[0], 1, channels),),
        window=window,
        is_sum=True,
    )


LOWER_SUM = {"AVERAGE_POOL_2D": average_pool_2d, "MEAN": map_mean}
