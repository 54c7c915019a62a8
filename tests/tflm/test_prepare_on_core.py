"""What Prepare of the drop-in kernels costs on an emulated core, in shares of one inference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from kernel_check import inputs
from kernel_program import write_kernel_program
from test_kernels_on_core import bottleneck
from tflm_headers import package_folder

from tflm_mcunet import tflite
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.deploy.run import ProgramRun, run_program
from tflm_mcunet.graph import Graph, Op

RELU6 = {"activation": "RELU6", "scale": 6 / 255, "zero_point": -128}


def one(shape: tuple[int, ...], layer: Callable[[GraphBuilder, int], int]) -> Graph:
    b = GraphBuilder(5)
    return b.finish([layer(b, b.input(shape))])


#: Layers of usual sizes, those of few pixels among them.
LAYERS = {
    "pointwise 24 to 72": one((1, 10, 10, 24), lambda b, x: b.conv_2d(x, 72, **RELU6)),
    "pointwise 96 to 480": one((1, 3, 3, 96), lambda b, x: b.conv_2d(x, 480, **RELU6)),
    "pointwise 480 to 96": one((1, 3, 3, 480), lambda b, x: b.conv_2d(x, 96)),
    "3x3 3 to 16": one((1, 48, 48, 3), lambda b, x: b.conv_2d(x, 16, (3, 3), stride=(2, 2), **RELU6)),
    "depthwise 3x3": one((1, 10, 10, 72), lambda b, x: b.depthwise_conv_2d(x, (3, 3), **RELU6)),
    "depthwise 3x3 at stride 2": one(
        (1, 20, 20, 48), lambda b, x: b.depthwise_conv_2d(x, (3, 3), stride=(2, 2), **RELU6)
    ),
    "depthwise 5x5": one((1, 10, 10, 72), lambda b, x: b.depthwise_conv_2d(x, (5, 5), **RELU6)),
    "depthwise 7x7": one((1, 10, 10, 72), lambda b, x: b.depthwise_conv_2d(x, (7, 7), **RELU6)),
    "bottleneck": bottleneck(),
}


def measured(graph: Graph, folder: Path) -> ProgramRun:
    write_kernel_program(graph, package_folder("xmos_ai_tools", "runtime", "include"), folder, 1 << 17)
    return run_program(folder, inputs(graph)[:1], on="qemu:cortex-m4")


def share(ran: ProgramRun) -> float:
    assert ran.instructions is not None and ran.init_instructions is not None
    return ran.init_instructions / ran.instructions[0]


@pytest.mark.parametrize("name", LAYERS)
def test_one_layer_prepares_in_2_percent_of_an_inference(name: str, tmp_path: Path) -> None:
    assert share(measured(LAYERS[name], tmp_path / "program")) < 0.02


def test_softmax_of_few_values_makes_no_table(tmp_path: Path) -> None:
    """A table of all exponentials takes 28,000 instructions, a small network a few hundred thousand."""
    ran = measured(one((1, 12), lambda b, x: b.softmax(x)), tmp_path / "program")
    assert ran.instructions is not None and ran.init_instructions is not None
    assert ran.init_instructions + ran.instructions[0] < 4000


def without_reshapes(graph: Graph) -> Graph:
    """The graph whose operators read what a RESHAPE reads."""
    names: dict[int, int] = {}
    ops: list[Op] = []
    for op in graph.ops:
        read = replace(op, inputs=tuple(names.get(t, t) for t in op.inputs))
        if op.type == "RESHAPE":
            names[op.outputs[0]] = read.inputs[0]
        else:
            ops.append(read)
    return replace(graph, ops=tuple(ops), outputs=tuple(names.get(t, t) for t in graph.outputs))


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("mlperf_kws_ref_model", 0.01),
        # A third of its channels have no weights left and biases that no kernel of the DSP extension takes.
        ("mlperf_vww_96_int8", 0.03),
        ("tflm_person_detect", 0.01),
    ],
)
def test_a_network_prepares_in_few_percent_of_an_inference(
    name: str, most: float, shared_models: Path, tmp_path: Path
) -> None:
    graph = without_reshapes(tflite.read(shared_models / f"{name}.tflite"))
    assert share(measured(graph, tmp_path / "program")) < most
