"""On Espressif's chips the device's kernels are those of esp-tflite-micro where that is asked for, elsewhere ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from tflm_headers import WARNINGS, compiler, interpreter_headers, run

from tflm_mcunet.cpp import cpp_sources

FIRMWARE = """
#include "tensorflow/lite/micro/kernels/micro_ops.h"
#include "tflm_mcunet/tflm_device_kernels.h"
TFLMRegistration conv() { return tflm_mcunet::device::Register_CONV_2D(); }
TFLMRegistration softmax() { return tflm_mcunet::device::Register_SOFTMAX(); }
"""


@pytest.mark.parametrize("with_esp_nn", [False, True])
def test_the_choice_is_made_at_compile_time(with_esp_nn: bool, tmp_path: Path) -> None:
    source = tmp_path / "firmware.cpp"
    source.write_text(FIRMWARE)
    # These headers have another namespace than TensorFlow Lite Micro's own.
    flags = ["-std=c++17", "-Dtflite_micro=tflite", *interpreter_headers()]
    flags += [f"-I{cpp_sources() / 'include'}", *(["-DTFLM_MCUNET_USE_ESP_NN"] if with_esp_nn else [])]
    run([compiler("g++"), *flags, *WARNINGS, "-c", str(source), "-o", str(tmp_path / "firmware.o")])
    wanted = {line.split()[-1] for line in run(["nm", "-C", "-u", str(tmp_path / "firmware.o")]).splitlines()}
    owner = "tflite" if with_esp_nn else "tflm_mcunet"
    assert {f"{owner}::Register_CONV_2D()", f"{owner}::Register_SOFTMAX()"} <= wanted
