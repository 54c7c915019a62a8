"""The drop-in kernels as a firmware compiles them: for its resolver, for a core, and under the sanitisers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from kernel_program import dsp_files
from tflm_headers import WARNINGS, compiler, headers, interpreter_headers, run

from tflm_mcunet.cpp import cpp_sources

HERE = Path(__file__).parent
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g1")

PRELOADED = ("libasan.so", "libstdc++.so.6")

#: What the header's example says, in the namespace of the headers at hand.
FIRMWARE = """
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tflm_mcunet/tflm_kernels.h"
void fill(tflite_micro::MicroMutableOpResolver<9>& resolver) {
  resolver.AddConv2D(tflm_mcunet::Register_CONV_2D());
  resolver.AddDepthwiseConv2D(tflm_mcunet::Register_DEPTHWISE_CONV_2D());
  resolver.AddFullyConnected(tflm_mcunet::Register_FULLY_CONNECTED());
  resolver.AddAdd(tflm_mcunet::Register_ADD());
  resolver.AddMul(tflm_mcunet::Register_MUL());
  resolver.AddAveragePool2D(tflm_mcunet::Register_AVERAGE_POOL_2D());
  resolver.AddMaxPool2D(tflm_mcunet::Register_MAX_POOL_2D());
  resolver.AddSoftmax(tflm_mcunet::Register_SOFTMAX());
}
"""

#: Runs in a process of its own, into which the address sanitiser is loaded first.
SANITIZED = """
import sys
import numpy as np
from tflm_mcunet import tflite
from tflm_mcunet.tflm import interpreter
from test_kernels import network, refused_biases, REGISTER
from kernel_check import inputs
from kernel_graphs import assorted
drawn = (f(seed) for seed in range(20, 40) for f in (network, assorted))
for graph in (network(), *drawn, refused_biases()):
    model, feed = tflite.write(graph), inputs(graph)
    try:
        stock = interpreter.run(model, feed).outputs
        ours = interpreter.run(model, feed, custom_ops=[(sys.argv[1], REGISTER)]).outputs
        assert all(a.tobytes() == b.tobytes() for x, y in zip(stock, ours) for a, b in zip(x, y))
    except interpreter.ModelError as error:
        assert "overflow" in str(error), error
print("sanitised")
"""


def test_a_firmwares_resolver_takes_the_kernels(tmp_path: Path) -> None:
    source = tmp_path / "firmware.cpp"
    source.write_text(FIRMWARE)
    include = (*interpreter_headers(), f"-I{cpp_sources() / 'include'}")
    run([compiler("g++"), "-std=c++17", "-fsyntax-only", *WARNINGS, *include, str(source)])


def test_adapters_compile_for_a_core(tmp_path: Path) -> None:
    core = ("-mcpu=cortex-m4", "-mthumb", "-std=c++14", "-O0", "-c", "-DTF_LITE_STATIC_MEMORY", *headers())
    for source in sorted((cpp_sources() / "src" / "tflm").rglob("*.cpp")):
        run([compiler("arm-none-eabi-g++"), *core, *WARNINGS, str(source), "-o", str(tmp_path / "object")])


@pytest.mark.parametrize("chosen", ["TFLM_MCUNET_PORTABLE_KERNELS", "TFLM_MCUNET_DSP_KERNELS"])
def test_the_kernels_stay_inside_their_memory(chosen: str, tmp_path: Path) -> None:
    """Our part is compiled with both sanitisers; the interpreter's allocations are watched by the first."""
    gcc, root, library = compiler("g++"), cpp_sources() / "src", tmp_path / "kernels.so"
    sources = [*(root / "tflm").glob("kernel_*.cpp"), root / "tflm" / "host_package.cpp"]
    sources += [*(root / "kernels").glob("*.cpp")]
    sources += [path for path in dsp_files(cpp_sources()) if path.suffix == ".cpp"]
    flags = (
        f"-D{chosen}",
        "-std=c++14",
        "-O1",
        "-fPIC",
        "-shared",
        "-ffp-contract=off",
        "-DTFLM_MCUNET_HOST_PACKAGE",
    )
    run([gcc, *flags, *SANITIZE, *WARNINGS, *headers(), *map(str, sources), "-o", str(library)])
    path = os.pathsep.join([str(HERE), str(HERE.parent / "kernels"), str(HERE.parent)])
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        # The second, so that the first finds the function that throws an exception, as the interpreter does.
        "LD_PRELOAD": " ".join(run([gcc, f"-print-file-name={n}"]).strip() for n in PRELOADED),
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    assert "sanitised" in run([sys.executable, "-c", SANITIZED, str(library)], env=environment)
