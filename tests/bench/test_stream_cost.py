"""On every emulated core `prefer="speed"` runs streams at the cost of layers, in fewer bytes, and ranks plans by it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tflm_mcunet.bench.measure import Measurement, measure
from tflm_mcunet.bench.suite import drawn_input
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen.family import family_of
from tflm_mcunet.convert import RESERVED_BYTES, Conversion, convert
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.rows import row_graph
from tflm_mcunet.schedule.stages_cost import SHARE, costs_of, layers_cost, schedule_cost
from tflm_mcunet.targets import Target

BOARDS = ("qemu:cortex-m4", "qemu:cortex-m55", "qemu:rv32")


def narrow() -> Graph:
    """Like the keyword spotter of MLPerf Tiny: rows of five columns, depthwise and pointwise in turn."""
    b = GraphBuilder(5)
    x = b.conv_2d(b.input((1, 49, 10, 1)), 64, (10, 4), stride=(2, 2), activation="RELU")
    for _ in range(2):
        x = b.depthwise_conv_2d(x, (3, 3), activation="RELU")
        x = b.conv_2d(x, 64, activation="RELU")
    return b.finish([x])


def funnel() -> Graph:
    """Like MCUNet's: wide maps first, of which the depthwise ones are the largest, with an activation behind them.

    Where the clamp hides no sign fix, the Cortex-M4 computes a strided 3x3 layer row by row, too.
    """
    b = GraphBuilder(6)
    x = b.conv_2d(b.input((1, 48, 48, 3)), 8, (3, 3), stride=(2, 2), activation="RELU6")
    for stride, channels in ((1, 8), (2, 16), (1, 16)):
        y = b.conv_2d(x, 4 * channels, activation="RELU6")
        y = b.depthwise_conv_2d(
            y, (3, 3), stride=(stride, stride), activation="RELU", scale=0.3, zero_point=-128
        )
        x = b.conv_2d(y, channels)
    return b.finish([x])


def counted(conversion: Conversion, board: str, planned: str, prefer: str) -> Measurement:
    x = drawn_input(conversion.graph.tensors[conversion.graph.inputs[0]])
    return measure("built", conversion, [x], on=board, planned=planned, prefer=prefer)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("build", [narrow, funnel])
def test_streams_cost_little_more_than_layers(build: Callable[[], Graph], board: str) -> None:
    graph = build()
    layer, fast, least = (
        counted(convert(graph, schedule=schedule, prefer=prefer), board, schedule, prefer)
        for schedule, prefer in (("layer", "speed"), ("stream", "speed"), ("stream", "sram"))
    )
    assert fast.outputs == layer.outputs == least.outputs
    assert fast.schedule != "layer"
    assert fast.instructions <= 1.03 * layer.instructions < least.instructions
    assert least.sram["arena"] < fast.sram["arena"] < layer.sram["arena"]


@pytest.mark.parametrize("board", BOARDS)
def test_plans_cost_what_the_model_says_and_rank_as_it_says(board: str) -> None:
    graph, family = funnel(), family_of(board)
    layer = counted(convert(graph, schedule="layer"), board, "layer", "speed").instructions
    least = convert(graph, schedule="stream").schedule.arena_bytes
    core = "rv32imc" if family == "riscv" else board.removeprefix("qemu:")
    found = []
    for quarters in (4, 5, 10):
        target = Target("room", sram=least * quarters // 4 + RESERVED_BYTES, flash=1 << 20, core=core)
        conversion = convert(graph, target, schedule="stream", prefer="speed")
        rows, (costs,) = row_graph(conversion.graph), costs_of(family)
        modelled = schedule_cost(rows, conversion.schedule, (costs,)) * layers_cost(rows, costs) / SHARE
        more = counted(conversion, board, "stream", "speed").instructions - layer
        assert 0.4 * modelled <= more <= 1.5 * modelled, (quarters, modelled, more)
        found.append((modelled, more))
    assert found == sorted(found, reverse=True)
    assert [more for _, more in found] == sorted((more for _, more in found), reverse=True)
