"""The endings of the MVE cores are TFLite Micro's requantisation, on an emulated Cortex-M55 and in their C form."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.deploy.run import run_program

#: A round checks about 900 outputs. More: TFLM_MCUNET_ROUNDS=100000 pytest tests/kernels_mve/test_requantisation.py
ROUNDS = int(os.environ.get("TFLM_MCUNET_ROUNDS", "1500"))

_HEADER = """#ifndef MODEL_H_
#define MODEL_H_
extern "C" {
int model_init(void);
int model_invoke(void);
void* model_input(int);
void* model_output(int);
}
#define MODEL_INPUT_COUNT 1
#define MODEL_OUTPUT_COUNT 1
#define MODEL_ARENA_BYTES 128
#define MODEL_INPUT_BYTES {16}
#define MODEL_OUTPUT_BYTES {64}
#define MODEL_MACS 1
#endif
"""
_SOURCES = (
    "requantize.h",
    *(f"arm_mve/{name}_core.{end}" for name in ("dot", "depthwise") for end in ("h", "cpp")),
)


def write_program(folder: Path) -> None:
    (folder / "model.h").write_text(_HEADER)
    (folder / "model.cpp").write_text((Path(__file__).parent / "requantisation.cpp").read_text())
    for name in _SOURCES:
        target = folder / "tflm_mcunet" / "kernels" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((cpp_sources() / "src" / "kernels" / name).read_text())


@pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-g++")),
    reason="needs qemu-system-arm and arm-none-eabi-g++",
)
@pytest.mark.parametrize("on", ["host", "qemu:cortex-m55"])
def test_endings_of_the_cores_are_those_of_tflite_micro(on: str, tmp_path: Path) -> None:
    write_program(tmp_path)
    seeds = [np.array([seed, ROUNDS, 0, 0], np.uint32) for seed in (1, 2)]
    result = run_program(tmp_path, [[s] for s in seeds], on=on, sanitize=on == "host", timeout_s=3000)
    for (raw,) in result.outputs:
        checked, wrong, *first = np.frombuffer(raw, np.int32)[:9].tolist()
        assert wrong == 0, dict(
            zip(("sum", "multiplier", "shift", "zero_point", "expected", "output", "core"), first)
        )
        assert checked > 500 * ROUNDS
