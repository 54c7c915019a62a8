"""Stages on emulated cores with the kernels of their family: TFLite Micro's bytes, as fast as the C++ program."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from stage_graphs import inputs_of
from stage_program import write_stage_program
from tflm_headers import package_folder

from tflm_mcunet.codegen.emit import emit, write
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.deploy.run import run_program
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.stages import plan_stages, with_cheaper_streams
from tflm_mcunet.tflite import prune, read
from tflm_mcunet.tflite import write as write_model
from tflm_mcunet.tflm import interpreter
from tflm_mcunet.tflm.stage_graph import stage_graph
from tflm_mcunet.transforms import canonical

#: Operators at the end that only stock kernels compute.
_STOCK = ("TRANSPOSE", "MEAN", "FULLY_CONNECTED", "DEQUANTIZE")


def streamed_part(path: Path) -> Graph:
    """A model's graph up to where rows do not flow any more."""
    graph = canonical(read(path.read_bytes()))[0]
    kept = list(graph.ops)
    if kept[-1].type == "DEQUANTIZE":
        while kept[-1].type in _STOCK:
            kept.pop()
    return prune(replace(graph, ops=tuple(kept), outputs=kept[-1].outputs[:1]))


@pytest.mark.parametrize(
    ("name", "family", "board"),
    [
        ("mcunet_vww_80", "arm_dsp", "cortex-m4"),
        ("mlperf_kws_ref_model", "arm_dsp", "cortex-m4"),
        ("tflm_person_detect", "arm_dsp", "cortex-m4"),
        ("mlperf_kws_ref_model", "arm_mve", "cortex-m55"),
        ("tflm_person_detect", "arm_mve", "cortex-m55"),
        ("mlperf_kws_ref_model", "riscv", "rv32"),
    ],
)
def test_stages_compute_as_fast_as_the_program(
    name: str, family: str, board: str, shared_models: Path, tmp_path: Path
) -> None:
    path = shared_models / f"{name}.tflite"
    if not path.exists():
        pytest.skip(f"no {path.name}")
    headers = package_folder("xmos_ai_tools", "runtime", "include")
    source = streamed_part(path)
    schedule = plan_stages(source, kinds=("layer", "stream"), family=family)
    schedule = with_cheaper_streams(schedule, family=family)
    feed = inputs_of(source, 2, 0)
    write_stage_program(stage_graph(schedule, family), headers, tmp_path / "stages", board != "rv32")
    write(emit(build_program(schedule, family)), tmp_path / "program")
    ran, program = (run_program(tmp_path / f, feed, on=f"qemu:{board}") for f in ("stages", "program"))
    stock = interpreter.run(write_model(source), feed).outputs
    assert [o[0] for o in ran.outputs] == [o[0].tobytes() for o in stock] == [o[0] for o in program.outputs]
    assert ran.instructions and program.instructions and ran.init_instructions
    assert ran.instructions[0] < 1.001 * program.instructions[0]
    assert ran.init_instructions < 0.02 * ran.instructions[0], (
        "Prepare is to cost at most 2 % of an inference"
    )


def test_a_familys_kernels_take_a_tenth_of_the_portable_ones_instructions(
    shared_models: Path, tmp_path: Path
) -> None:
    path = shared_models / "mlperf_kws_ref_model.tflite"
    if not path.exists():
        pytest.skip(f"no {path.name}")
    source = streamed_part(path)
    schedule, feed = plan_stages(source, kinds=("layer", "stream")), inputs_of(source, 1, 0)
    ran = []
    for family in ("portable", "arm_dsp"):
        headers = package_folder("xmos_ai_tools", "runtime", "include")
        write_stage_program(stage_graph(schedule, family), headers, tmp_path / family)
        ran.append(run_program(tmp_path / family, feed, on="qemu:cortex-m4"))
    portable, special = ran
    assert portable.outputs == special.outputs
    assert portable.instructions and special.instructions
    assert special.instructions[0] < 0.1 * portable.instructions[0]
