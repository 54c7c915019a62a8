"""Strips that write over their input, the rows of maps a halo apart: the engine's bytes are TFLite Micro's."""

from __future__ import annotations

import pytest
from test_streams_equal_tflm import assert_equal_to_tflm

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.stages import plan_stages
from tflm_mcunet.schedule.stream import PatchPlan


def residual(blocks: tuple[int, ...], width: int = 20, expand: int = 40) -> Graph:
    """Blocks with a shortcut around a wide window."""
    b = GraphBuilder(11)
    x = b.conv_2d(b.input((1, 2 * width, 2 * width, 3)), 8, (3, 3), stride=(2, 2), activation="RELU6")
    for kernel in blocks:
        y = b.depthwise_conv_2d(b.conv_2d(x, expand, (1, 1), activation="RELU6"), (kernel, kernel))
        x = b.binary("ADD", b.conv_2d(y, 8, (1, 1)), x)
    y = b.depthwise_conv_2d(b.conv_2d(x, 2 * expand, (1, 1)), (5, 5), stride=(2, 2))
    return b.finish([b.fully_connected(b.mean(b.conv_2d(y, 12, (1, 1)), (1, 2)), 3)])


@pytest.mark.parametrize("source", ["resident", "rows"])
def test_residual_blocks_in_strips(source: str) -> None:
    plans = [
        plan_stages(residual(b), input=source, max_mac_overhead=1.1, spread_maps=True)
        for b in ((7,), (3, 7), (3, 7, 5))
    ]
    apart = [
        s.pitch_bytes > s.row_bytes
        for plan in plans
        for stage in plan.stages
        for part in (stage.plan.passes if isinstance(stage.plan, PatchPlan) else ())
        for s in part.storages
        if s.role == "output"
    ]
    assert any(apart)
    assert_equal_to_tflm([p.graph for p in plans], plans)
