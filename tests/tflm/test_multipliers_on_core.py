"""The fixed-point multipliers of many scales, by the assembler of an emulated core, against float64."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np

from tflm_mcunet.codegen.closure import library_files
from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.deploy.run import run_program

COUNT, LAYERS = 500, 12

PROGRAM = f"""
#include "model.h"
#include "src/tflm/kernel_multiplier.h"
alignas(16) static float scales[{COUNT} + 2];
alignas(16) static struct {{ int32_t multiplier[{COUNT}]; int8_t shift[{COUNT}]; }} found;
extern "C" int model_init(void) {{ return 0; }}
extern "C" int model_invoke(void) {{
  tflm_mcunet::quantize_quotients(scales[0], scales + 2, {COUNT}, scales[1], found.multiplier, found.shift);
  return 0;
}}
extern "C" void* model_input(int) {{ return scales; }}
extern "C" void* model_output(int) {{ return &found; }}
"""
HEADER = f"""#define MODEL_INPUT_COUNT 1
#define MODEL_OUTPUT_COUNT 1
#define MODEL_INPUT_BYTES {{{4 * (COUNT + 2)}}}
#define MODEL_OUTPUT_BYTES {{{5 * COUNT}}}
#define MODEL_ARENA_BYTES 16
#define MODEL_MACS 1
extern "C" {{
int model_init(void);
int model_invoke(void);
void* model_input(int index);
void* model_output(int index);
}}
"""


def layers() -> list[np.ndarray]:
    """Each the input's scale, the output's, and the weights'; every other has channels out of the usual."""
    r = np.random.default_rng(7)
    drawn = []
    for i in range(LAYERS):
        ends = r.uniform(0.002, 0.2, 2)
        scales = ends[1] / ends[0] * 2 ** r.uniform(-15, -1.1, COUNT)
        if i % 2:
            scales[r.integers(0, COUNT, 40)] *= 2.0 ** r.integers(-18, 3, 40)
            scales[r.integers(0, COUNT)] = -scales[0]
        drawn.append(np.concatenate([ends, scales]).astype(np.float32))
    # A quotient of 1 next to a half, then to 2^31: the fractions are 24 bits, so few bits decide.
    exact = np.full(COUNT + 2, 2.0**-9, np.float32)
    exact[1] = np.float32(2.0**-9 * (1 + 2.0**-23))
    exact[2:] *= (1 + np.arange(COUNT, dtype=np.float32) * np.float32(2.0**-23)).astype(np.float32)
    return [*drawn, exact]


def expected(layer: np.ndarray) -> bytes:
    """TFLite's QuantizeMultiplier of a double product and a double quotient."""
    multipliers, shifts = [], []
    for scale in layer[2:]:
        fraction, exponent = math.frexp(float(layer[0]) * float(scale) / float(layer[1]))
        fixed = int(math.copysign(math.floor(abs(fraction) * 2.0**31 + 0.5), fraction))
        if fixed == 1 << 31:
            fixed, exponent = fixed // 2, exponent + 1
        multipliers.append(fixed if exponent >= -31 else 0)
        shifts.append(exponent if exponent >= -31 else 0)
    return np.array(multipliers, np.int32).tobytes() + np.array(shifts, np.int8).tobytes()


def test_multipliers_are_those_of_doubles_in_under_20_instructions_each(tmp_path: Path) -> None:
    root, folder = cpp_sources(), tmp_path / "program"
    for name in library_files(["src/tflm/kernel_multiplier.cpp"], root):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, folder / name)
    (folder / "model.cpp").write_text(PROGRAM)
    (folder / "model.h").write_text(HEADER)
    drawn = layers()
    ran = run_program(folder, [[layer] for layer in drawn], on="qemu:cortex-m4")
    assert [o[0] for o in ran.outputs] == [expected(layer) for layer in drawn]
    assert ran.instructions is not None
    assert ran.instructions[0] < 20 * COUNT
