"""`prefer="speed"` streams fewer MACs in no more bytes, or in the bytes that the target has, and changes no output."""

from __future__ import annotations

import numpy as np
import pytest

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.convert import convert
from tflm_mcunet.execute import run
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.stages import plan_stages, streamed_macs
from tflm_mcunet.targets import Target


def funnel(seed: int) -> Graph:
    """Large maps that must flow as rows, then small ones that need not."""
    b = GraphBuilder(seed)
    x = b.conv_2d(b.input((1, 32, 32, 3)), 8, (3, 3), stride=(2, 2), activation="RELU6")
    for stride, channels in ((1, 8), (2, 16), (1, 16), (2, 24), (1, 24)):
        y = b.conv_2d(x, 4 * channels, activation="RELU6")
        y = b.depthwise_conv_2d(y, (3, 3), stride=(stride, stride), activation="RELU6")
        x = b.conv_2d(y, channels)
    return b.finish([x])


@pytest.mark.parametrize("input", ["resident", "rows"])
def test_fewer_macs_are_streamed_in_no_more_bytes(input: str) -> None:
    least = plan_stages(funnel(1), input=input)
    fast = plan_stages(funnel(1), input=input, prefer="speed")
    assert fast.arena_bytes <= least.arena_bytes
    assert streamed_macs(fast) < 0.9 * streamed_macs(least)


def test_room_turns_streams_into_layers() -> None:
    least = plan_stages(funnel(1))
    rooms = [least.arena_bytes * n // 4 for n in (4, 5, 6, 8, 16)]
    plans = [plan_stages(funnel(1), prefer="speed", sram=room) for room in rooms]
    assert all(p.arena_bytes <= room for p, room in zip(plans, rooms, strict=True))
    streamed = [streamed_macs(p) for p in plans]
    assert streamed == sorted(streamed, reverse=True)
    assert streamed[-1] == 0


def test_outputs_do_not_depend_on_the_preference() -> None:
    model = funnel(2)
    x = np.random.default_rng(2).integers(-128, 128, (1, 32, 32, 3), dtype=np.int8)
    least = convert(model, schedule="stream")
    small = Target(
        name="small", sram=least.schedule.arena_bytes * 3 // 2 + 8192, flash=1 << 20, core="cortex-m4"
    )
    expected = run(convert(model, schedule="layer"), x).outputs[0]
    for conversion in (
        least,
        convert(model, schedule="stream", prefer="speed"),
        convert(model, small, prefer="speed"),
    ):
        assert np.array_equal(run(conversion, x).outputs[0], expected)
        if conversion.target is not None:
            assert least.schedule.arena_bytes < conversion.schedule.arena_bytes <= small.sram - 8192
    assert any(
        "MACs run row by row" in reason
        for reason in convert(model, schedule="stream", prefer="speed").skipped
    )
