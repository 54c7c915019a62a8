"""Every kernel of the MVE family gives the portable kernel's bytes, on an emulated Cortex-M55 and in its C form."""

from __future__ import annotations

import shutil

import drawn_dsp
import pytest
from drawn_dsp import Drawer

from tflm_mcunet.codegen import program as programs
from tflm_mcunet.codegen.family import specialised
from tflm_mcunet.convert import convert

FAMILY, BOARD = "arm_mve", "qemu:cortex-m55"
OPERATORS = 60

pytestmark = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-g++")),
    reason="needs qemu-system-arm and arm-none-eabi-g++",
)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("draw", "share"),
    [
        (Drawer.pointwise, 0.6),
        (Drawer.conv_2d, 0.6),
        (Drawer.depthwise_conv_2d, 0.6),
        (Drawer.any_depthwise_conv_2d, 0.6),
        (Drawer.fully_connected, 0.6),
        (Drawer.add, 0.2),
        (Drawer.pool_2d, 1.0),
    ],
)
def test_drawn_operators_give_the_bytes_of_the_portable_kernels(draw, share: float, seed: int) -> None:
    schedule = drawn_dsp.layer_schedule(drawn_dsp.drawn_graph(draw, seed, OPERATORS))
    assert drawn_dsp.special_share(schedule, FAMILY) >= share
    drawn_dsp.assert_family_agrees(schedule, FAMILY, BOARD)


@pytest.mark.parametrize("kind", ["layer", "stream"])
def test_networks_give_the_same_bytes_however_they_are_scheduled(kind: str) -> None:
    for seed in (1, 2):
        conversion = convert(drawn_dsp.bottlenecks(seed), schedule=kind)
        assert any(stage.plan is not None for stage in conversion.schedule.stages) == (kind == "stream")
        drawn_dsp.assert_family_agrees(conversion.schedule, FAMILY, BOARD)


@pytest.mark.parametrize(
    "draw",
    [Drawer.pointwise, Drawer.conv_2d, Drawer.any_depthwise_conv_2d, Drawer.add, Drawer.pool_2d],
)
def test_kernels_compute_a_part_of_the_columns(draw, monkeypatch: pytest.MonkeyPatch) -> None:
    def by_rows(call, family, *, is_layer, overlaps):
        return specialised(call, family, is_layer=False, overlaps=overlaps)

    monkeypatch.setattr(programs, "specialised", by_rows)
    schedule = drawn_dsp.layer_schedule(drawn_dsp.drawn_graph(draw, 5, 30))
    feed = drawn_dsp.inputs(schedule.graph)
    portable = drawn_dsp.run_parts(schedule, feed, "portable", "host")
    for on in ("host", BOARD):
        assert drawn_dsp.run_parts(schedule, feed, FAMILY, on) == portable
