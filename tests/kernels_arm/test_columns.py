"""A part of the output columns, from input rows that begin in the middle: what patches ask of the kernels."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import drawn_dsp
import pytest
from drawn_dsp import Drawer

from tflm_mcunet.codegen import program as programs
from tflm_mcunet.codegen.emit import emit, write
from tflm_mcunet.codegen.family import specialised
from tflm_mcunet.codegen.program import Program, Step, build_program
from tflm_mcunet.deploy.run import run_program


def from_the_middle(step: Step) -> Step:
    """The step without its first output column, its rows beginning where the others' windows do."""
    call = step.call
    if call.width < 2:
        return step
    stride, pad = call.params.fields.get("stride_w", call.window.stride_w), call.window.pad_left
    stride = call.params.fields.get("stride", stride)
    return replace(step, columns=(1, call.width, max(0, stride - pad)))


def cut(program: Program) -> Program:
    stages = [replace(s, steps=tuple(from_the_middle(step) for step in s.steps)) for s in program.stages]
    return replace(program, stages=tuple(stages))


@pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-g++")),
    reason="needs qemu-system-arm and arm-none-eabi-g++",
)
@pytest.mark.parametrize("draw", [Drawer.pointwise, Drawer.conv_2d, Drawer.depthwise_conv_2d, Drawer.add])
def test_kernels_compute_a_part_of_the_columns(draw, monkeypatch: pytest.MonkeyPatch) -> None:
    def by_rows(call, family, *, is_layer, overlaps):
        return specialised(call, family, is_layer=False, overlaps=overlaps)

    monkeypatch.setattr(programs, "specialised", by_rows)
    schedule = drawn_dsp.layer_schedule(drawn_dsp.drawn_graph(draw, 5, 30))
    feed = drawn_dsp.inputs(schedule.graph)
    results = []
    for family, on in (("portable", "host"), ("arm_dsp", "host"), ("arm_dsp", "qemu:cortex-m4")):
        with tempfile.TemporaryDirectory() as folder:
            write(emit(cut(build_program(schedule, family))), Path(folder))
            results.append(run_program(Path(folder), feed, on=on, sanitize=on == "host").outputs)
    assert results[0] == results[1] == results[2]
