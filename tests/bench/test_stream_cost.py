"""On the Cortex-M4 `prefer="speed"` runs streams at the cost of layers, in fewer bytes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tflm_mcunet.bench.measure import Measurement, measure
from tflm_mcunet.bench.suite import drawn_input
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.convert import convert
from tflm_mcunet.graph import Graph

BOARD = "qemu:cortex-m4"


def narrow() -> Graph:
    """Like the keyword spotter of MLPerf Tiny: rows of five columns, depthwise and pointwise in turn."""
    b = GraphBuilder(5)
    x = b.conv_2d(b.input((1, 49, 10, 1)), 64, (10, 4), stride=(2, 2), activation="RELU")
    for _ in range(2):
        x = b.depthwise_conv_2d(x, (3, 3), activation="RELU")
        x = b.conv_2d(x, 64, activation="RELU")
    return b.finish([x])


def funnel() -> Graph:
    """Like MCUNet's: wide maps first, of which the depthwise ones are the largest."""
    b = GraphBuilder(6)
    x = b.conv_2d(b.input((1, 48, 48, 3)), 8, (3, 3), stride=(2, 2), activation="RELU6")
    for stride, channels in ((1, 8), (2, 16), (1, 16)):
        y = b.conv_2d(x, 4 * channels, activation="RELU6")
        y = b.depthwise_conv_2d(y, (3, 3), stride=(stride, stride), activation="RELU6")
        x = b.conv_2d(y, channels)
    return b.finish([x])


@pytest.mark.parametrize("build", [narrow, funnel])
def test_streams_cost_little_more_than_layers(build: Callable[[], Graph]) -> None:
    graph = build()
    found: dict[tuple[str, str], Measurement] = {}
    for schedule, prefer in (("layer", "speed"), ("stream", "speed"), ("stream", "sram")):
        conversion = convert(graph, schedule=schedule, prefer=prefer)
        x = drawn_input(conversion.graph.tensors[conversion.graph.inputs[0]])
        found[schedule, prefer] = measure("built", conversion, [x], on=BOARD, planned=schedule, prefer=prefer)
    layer, fast, least = found.values()
    assert fast.outputs == layer.outputs == least.outputs
    assert fast.schedule != "layer"
    assert fast.instructions <= 1.05 * layer.instructions < least.instructions
    assert least.sram["arena"] < fast.sram["arena"] < layer.sram["arena"]
