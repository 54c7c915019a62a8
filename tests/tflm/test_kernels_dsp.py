"""The drop-in kernels of cores with the DSP extension: TFLite Micro's bytes in its interpreter, fewer instructions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import drawn_ops
import numpy as np
import pytest
from hypothesis import given
from kernel_check import batches, in_batches, inputs
from kernel_graphs import assorted, huge_biases, next_to_thresholds, turned, with_odd_channels
from kernel_program import dsp_files, write_kernel_program
from test_kernels import REGISTER, network
from test_kernels_on_core import bottleneck
from tflm_headers import WARNINGS, compiler, headers, package_folder, run
from value_pairs import every_pair, pairs

from tflm_mcunet import tflite
from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.deploy.run import run_program
from tflm_mcunet.graph import Graph
from tflm_mcunet.tflm import interpreter
from tflm_mcunet.tflm.drop_in import drop_in_memory, drop_in_types
from tflm_mcunet.tflm.memory import memory


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kernels for this machine, plain C++ in place of the instructions."""
    root, target = cpp_sources() / "src", tmp_path_factory.mktemp("library") / "kernels.so"
    sources = [*(root / "tflm").glob("*.cpp"), root / "engine" / "engine.cpp"]
    sources += [*(root / "kernels").glob("*.cpp")]
    sources += [p for p in dsp_files(cpp_sources()) if p.suffix == ".cpp"]
    flags = ("-std=c++14", "-O1", "-fPIC", "-shared", "-ffp-contract=off")
    defined = ("-DTFLM_MCUNET_HOST_PACKAGE", "-DTFLM_MCUNET_DSP_KERNELS")
    run([compiler("g++"), *flags, *defined, *WARNINGS, *headers(), *map(str, sources), "-o", str(target)])
    return target


def assert_equal(graph: Graph, library: Path, feeds: int = 2) -> None:
    model, feed = tflite.write(graph), inputs(graph, feeds)
    stock = interpreter.run(model, feed)
    ours = interpreter.run(model, feed, custom_ops=[(library, REGISTER)])
    assert [o.tobytes() for i in ours.outputs for o in i] == [o.tobytes() for i in stock.outputs for o in i]
    modelled = memory(graph, 64, kernels=drop_in_memory(drop_in_types([graph]), has_dsp=True))
    assert modelled.arena_bytes and ours.allocations
    assert ours.allocations.head_bytes == modelled.head_bytes, "the scratch is what the model says"
    if {op.type for op in graph.ops} & {"MEAN", "SUB"}:
        return  # The library replaces these, too, whose kernels take other memory than the stock ones.
    interpreter.run(model, feed[:1], custom_ops=[(library, REGISTER)], arena_bytes=modelled.arena_bytes)


@pytest.mark.parametrize("name", ["conv_2d", "depthwise_conv_2d", "fully_connected", "grouped_conv_2d"])
def test_drawn_operators_compute_the_bytes_of_tflite_micro(name: str, library: Path) -> None:
    @in_batches
    @given(batches(getattr(drawn_ops, name)()))
    def check(batch):
        for graph in batch.graphs:
            assert_equal(graph, library)

    check()


def test_every_pair_of_values_of_a_sum_a_difference_and_a_product(library: Path) -> None:
    for graph in pairs():
        stock = interpreter.run(tflite.write(graph), every_pair()).outputs
        ours = interpreter.run(tflite.write(graph), every_pair(), custom_ops=[(library, REGISTER)]).outputs
        assert ours[0][0].tobytes() == stock[0][0].tobytes(), repr(graph)


def test_assorted_shapes_compute_the_bytes_of_tflite_micro(library: Path) -> None:
    for seed in range(100, 140):
        assert_equal(assorted(seed), library)


def test_channels_that_training_left_without_weights_compute_the_bytes_of_tflite_micro(
    library: Path,
) -> None:
    for seed in range(40):
        assert_equal(with_odd_channels(assorted(seed, 4), seed), library)


@pytest.mark.parametrize("make", [huge_biases, next_to_thresholds, turned])
def test_layers_at_the_limits_compute_the_bytes_of_tflite_micro(
    make: Callable[[], Graph], library: Path, tmp_path: Path
) -> None:
    graph = make()
    shape = graph.tensors[graph.inputs[0]].shape
    values = np.random.default_rng(1).integers(-3, 4, shape).astype(np.int8)
    feed = [*inputs(graph), [values]]
    stock = interpreter.run(tflite.write(graph), feed).outputs
    ours = interpreter.run(tflite.write(graph), feed, custom_ops=[(library, REGISTER)]).outputs
    assert [o[0].tobytes() for o in ours] == [o[0].tobytes() for o in stock]
    write_kernel_program(graph, package_folder("xmos_ai_tools", "runtime", "include"), tmp_path / "program")
    ran = run_program(tmp_path / "program", feed, on="qemu:cortex-m4")
    assert [o[0] for o in ran.outputs] == [o[0].tobytes() for o in stock]


@pytest.mark.parametrize("name", ["mcunet_vww_80", "mcunet-320kb-1mb_imagenet", "mlperf_vww_96_int8"])
def test_reference_models_compute_the_bytes_of_tflite_micro(
    name: str, shared_models: Path, library: Path
) -> None:
    assert_equal(tflite.read(shared_models / f"{name}.tflite"), library, feeds=1)


def test_a_network_computes_the_bytes_of_tflite_micro(library: Path) -> None:
    for graph in (network(), bottleneck()):
        assert_equal(graph, library)


@pytest.mark.parametrize(("name", "share"), [("network", 0.4), ("bottleneck", 0.15)])
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
    if name == "bottleneck":
        assert dsp.init_instructions is not None
        assert dsp.init_instructions < 0.02 * dsp.instructions[0], (
            "Prepare is to cost at most 2 % of an inference"
        )


@pytest.mark.parametrize("is_odd", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_a_core_computes_the_bytes_of_tflite_micro_whatever_the_layers(
    seed: int, is_odd: bool, tmp_path: Path
) -> None:
    graph = with_odd_channels(assorted(seed), seed) if is_odd else assorted(seed)
    feed = inputs(graph)
    write_kernel_program(graph, package_folder("xmos_ai_tools", "runtime", "include"), tmp_path / "program")
    ran = run_program(tmp_path / "program", feed, on="qemu:cortex-m4")
    stock = interpreter.run(tflite.write(graph), feed).outputs
    assert [o[0] for o in ran.outputs] == [o[0].tobytes() for o in stock]
