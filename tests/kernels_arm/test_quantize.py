"""Floats become int8 as in the portable kernel: halves, their neighbours, what saturates, and what is no number."""

from __future__ import annotations

import shutil

import drawn_dsp
import numpy as np
import pytest

from tflm_mcunet.builder import GraphBuilder


def telling_floats(scale: float, random: np.random.Generator) -> np.ndarray:
    halves = (np.arange(-300, 300, dtype=np.float32) + np.float32(0.5)) * np.float32(scale)
    beside = [np.nextafter(halves, np.float32(end)) for end in (-np.inf, np.inf)]
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, 3e38, -3e38, 512 * scale, -512 * scale, 1e9, -1e9]
    drawn = random.normal(0, 100 * scale, 1500)
    return np.concatenate((halves, *beside, np.float32(special), drawn.astype(np.float32))).astype(np.float32)


@pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-g++")),
    reason="needs qemu-system-arm and arm-none-eabi-g++",
)
def test_floats_are_quantised_as_by_the_portable_kernel() -> None:
    random = np.random.default_rng(2)
    builder = GraphBuilder(2)
    outputs, feed = [], []
    for scale, zero_point in ((1.0, 0), (0.05, -128), (0.0123, 127), (3.7, 11)):
        values = telling_floats(scale, random)
        x = builder.input((1, 1, len(values), 1), dtype="float32")
        outputs.append(builder.op("QUANTIZE", [x], dtype="int8", scale=scale, zero_point=zero_point))
        feed.append(values)
    schedule = drawn_dsp.layer_schedule(builder.finish(outputs))
    assert drawn_dsp.special_share(schedule, "arm_dsp") == 1
    portable = drawn_dsp.run(schedule, [feed], "portable", "host")
    for on in ("host", "qemu:cortex-m4"):
        assert drawn_dsp.run(schedule, [feed], "arm_dsp", on) == portable
