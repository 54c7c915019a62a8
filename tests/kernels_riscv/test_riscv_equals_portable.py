"""Every kernel of the RISC-V family gives the portable kernel's bytes, on an emulated core and on the host."""

from __future__ import annotations

import shutil

import drawn_dsp
import numpy as np
import pytest
from drawn_dsp import Drawer

from tflm_mcunet.codegen import program as programs
from tflm_mcunet.codegen.family import specialised
from tflm_mcunet.codegen.riscv.pairs import pair_stream, unit_stream
from tflm_mcunet.convert import convert

FAMILY, BOARD = "riscv", "qemu:rv32"
OPERATORS = 60

needs_board = pytest.mark.skipif(
    not (shutil.which("qemu-system-riscv32") and shutil.which("riscv64-unknown-elf-g++")),
    reason="needs qemu-system-riscv32 and riscv64-unknown-elf-g++",
)


@needs_board
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("draw", "share"),
    [
        (Drawer.pointwise, 0.6),
        (Drawer.conv_2d, 0.6),
        (Drawer.depthwise_conv_2d, 0.6),
        (Drawer.fully_connected, 0.6),
        (Drawer.add, 0.3),
    ],
)
def test_drawn_operators_give_the_bytes_of_the_portable_kernels(draw, share: float, seed: int) -> None:
    schedule = drawn_dsp.layer_schedule(drawn_dsp.drawn_graph(draw, seed, OPERATORS))
    assert drawn_dsp.special_share(schedule, FAMILY) >= share
    drawn_dsp.assert_family_agrees(schedule, FAMILY, BOARD)


@needs_board
@pytest.mark.parametrize("kind", ["layer", "stream"])
def test_networks_give_the_same_bytes_however_they_are_scheduled(kind: str) -> None:
    conversion = convert(drawn_dsp.bottlenecks(1), schedule=kind)
    assert any(stage.plan is not None for stage in conversion.schedule.stages) == (kind == "stream")
    drawn_dsp.assert_family_agrees(conversion.schedule, FAMILY, BOARD)


@needs_board
@pytest.mark.parametrize("draw", [Drawer.pointwise, Drawer.conv_2d, Drawer.depthwise_conv_2d, Drawer.add])
def test_kernels_compute_a_part_of_the_columns(draw, monkeypatch: pytest.MonkeyPatch) -> None:
    def by_rows(call, family, *, is_layer, overlaps):
        return specialised(call, family, is_layer=False, overlaps=overlaps)

    monkeypatch.setattr(programs, "specialised", by_rows)
    schedule = drawn_dsp.layer_schedule(drawn_dsp.drawn_graph(draw, 5, 30))
    feed = drawn_dsp.inputs(schedule.graph)
    portable = drawn_dsp.run_parts(schedule, feed, "portable", "host")
    for on in ("host", BOARD):
        assert drawn_dsp.run_parts(schedule, feed, FAMILY, on) == portable


def words(weights: np.ndarray) -> tuple[int, int] | None:
    """(taps between which a word is emptied, groups of them), or None where a layer has no stream."""
    channels = np.zeros((len(weights), 4), np.int32)
    stream = pair_stream(weights, channels)
    assert (stream is None) == (unit_stream(weights, channels) is None)
    return None if stream is None else (int(stream[0]), int(stream[1]))


def test_a_word_is_emptied_before_the_first_pixels_sum_can_leave_int16() -> None:
    # 128 times the weights of a group is the largest sum that inputs of -128 give.
    assert words(np.full((2, 16), 31, np.int8)) == (8, 2)
    assert words(np.full((2, 16), 32, np.int8)) == (4, 4)
    assert words(np.full((2, 16), 64, np.int8)) == (2, 8)
    assert words(np.full((2, 15), 127, np.int8)) == (2, 8)
    assert words(np.full((2, 2), -128, np.int8)) is None
