"""A part of the output columns, from input rows that begin in the middle: what patches ask of the kernels."""

from __future__ import annotations

import shutil

import drawn_dsp
import pytest
from drawn_dsp import Drawer

from tflm_mcunet.codegen import program as programs
from tflm_mcunet.codegen.family import specialised


@pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-g++")),
    reason="needs qemu-system-arm and arm-none-eabi-g++",
)
@pytest.mark.parametrize(
    "draw",
    [
        Drawer.pointwise,
        Drawer.conv_2d,
        Drawer.depthwise_conv_2d,
        Drawer.fully_connected,
        Drawer.add,
        Drawer.product,
        Drawer.broadcast,
        Drawer.pool_2d,
        Drawer.table,
    ],
)
def test_kernels_compute_a_part_of_the_columns(draw, monkeypatch: pytest.MonkeyPatch) -> None:
    def by_rows(call, family, *, is_layer, overlaps):
        return specialised(call, family, is_layer=False, overlaps=overlaps)

    monkeypatch.setattr(programs, "specialised", by_rows)
    schedule = drawn_dsp.layer_schedule(drawn_dsp.drawn_graph(draw, 5, 30))
    feed = drawn_dsp.inputs(schedule.graph)
    portable = drawn_dsp.run_parts(schedule, feed, "portable", "host")
    for on in ("host", "qemu:cortex-m4"):
        assert drawn_dsp.run_parts(schedule, feed, "arm_dsp", on) == portable
