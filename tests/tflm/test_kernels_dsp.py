"""The drop-in kernels of cores with the DSP extension: TFLite Micro's bytes in its interpreter, fewer instructions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import drawn_ops
import pytest
from hypothesis import given
from kernel_check import batches, in_batches, inputs
from kernel_program import write_kernel_program
from test_kernels import REGISTER, network
from test_kernels_on_core import bottleneck
from tflm_headers import WARNINGS, compiler, headers, package_folder, run

from tflm_mcunet import tflite
from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.deploy.run import run_program
from tflm_mcunet.graph import Graph
from tflm_mcunet.tflm import interpreter


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kernels for this machine, plain C++ in place of the instructions."""
    root, target = cpp_sources() / "src", tmp_path_factory.mktemp("library") / "kernels.so"
    sources = [*(root / "tflm").glob("*.cpp"), root / "engine" / "engine.cpp"]
    sources += [*(root / "kernels").glob("*.cpp"), root / "kernels" / "arm_dsp" / "unpacked.cpp"]
    flags = ("-std=c++14", "-O1", "-fPIC", "-shared", "-ffp-contract=off")
    defined = ("-DTFLM_MCUNET_HOST_PACKAGE", "-DTFLM_MCUNET_DSP_KERNELS")
    run([compiler("g++"), *flags, *defined, *WARNINGS, *headers(), *map(str, sources), "-o", str(target)])
    return target


def assert_equal(graph: Graph, library: Path) -> None:
    model, feed = tflite.write(graph), inputs(graph)
    stock = interpreter.run(model, feed)
    ours = interpreter.run(model, feed, custom_ops=[(library, REGISTER)])
    assert [o.tobytes() for i in ours.outputs for o in i] == [o.tobytes() for i in stock.outputs for o in i]
    assert stock.allocations and ours.allocations
    assert ours.allocations.head_bytes <= stock.allocations.head_bytes, "the kernels need no scratch"


@pytest.mark.parametrize("name", ["conv_2d", "depthwise_conv_2d", "fully_connected", "grouped_conv_2d"])
def test_drawn_operators_compute_the_bytes_of_tflite_micro(name: str, library: Path) -> None:
    @in_batches
    @given(batches(getattr(drawn_ops, name)()))
    def check(batch):
        for graph in batch.graphs:
            assert_equal(graph, library)

    check()


def test_a_network_computes_the_bytes_of_tflite_micro(library: Path) -> None:
    for graph in (network(), bottleneck()):
        assert_equal(graph, library)


@pytest.mark.parametrize(("name", "share"), [("network", 0.8), ("bottleneck", 0.45)])
def test_a_core_executes_fewer_instructions_for_the_same_bytes(
    name: str, share: float, tmp_path: Path
) -> None:
    include = package_folder("xmos_ai_tools", "runtime", "include")
    graph = network() if name == "network" else bottleneck()
    graph = replace(graph, outputs=graph.outputs[-1:])
    feed, ran = inputs(graph), []
    for has_dsp in (False, True):
        folder = tmp_path / str(has_dsp)
        write_kernel_program(graph, include, folder, has_dsp=has_dsp)
        ran.append(run_program(folder, feed, on="qemu:cortex-m4"))
    portable, dsp = ran
    assert dsp.outputs == portable.outputs
    assert portable.instructions is not None and dsp.instructions is not None
    assert dsp.instructions[0] < share * portable.instructions[0]
