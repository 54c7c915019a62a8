"""The portable drop-in kernels on an emulated core: TFLite Micro's bytes there too, and what their Prepare costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from kernel_check import inputs
from kernel_program import write_kernel_program
from test_kernels import network
from tflm_headers import package_folder

from tflm_mcunet import tflite
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.deploy.run import run_program
from tflm_mcunet.graph import Graph
from tflm_mcunet.tflm import interpreter


def bottleneck() -> Graph:
    """A block of the size that MCUNet's networks have in their middle."""
    b = GraphBuilder(4)
    x = b.input((1, 10, 10, 24))
    y = b.conv_2d(x, 72, activation="RELU6")
    y = b.conv_2d(b.depthwise_conv_2d(y, (5, 5), activation="RELU6"), 24)
    return b.finish([b.binary("ADD", x, y)])


@pytest.mark.parametrize("name", ["network", "bottleneck"])
def test_the_kernels_run_on_a_core(name: str, tmp_path: Path) -> None:
    headers = package_folder("xmos_ai_tools", "runtime", "include")
    graph = network() if name == "network" else bottleneck()
    graph = replace(graph, outputs=graph.outputs[-1:])
    feed = inputs(graph)
    write_kernel_program(graph, headers, tmp_path / "program", has_dsp=False)
    ran = run_program(tmp_path / "program", feed, on="qemu:cortex-m4")
    stock = interpreter.run(tflite.write(graph), feed).outputs
    assert [o[0] for o in ran.outputs] == [o[0].tobytes() for o in stock]
    assert ran.instructions is not None and ran.init_instructions is not None
    if name == "bottleneck":
        assert ran.init_instructions < 0.02 * ran.instructions[0], (
            "Prepare is to cost at most 2 % of an inference"
        )
