"""Every kernel of the DSP family gives the portable kernel's bytes, on an emulated Cortex-M4 and in its C form."""

from __future__ import annotations

import shutil

import drawn_dsp
import pytest
from drawn_dsp import Drawer

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.convert import convert
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.schedule import Schedule

needs_board = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-g++")),
    reason="needs qemu-system-arm and arm-none-eabi-g++",
)

OPERATORS = 60


def assert_families_agree(schedule: Schedule) -> None:
    graph = schedule.graph
    feed = drawn_dsp.inputs(graph)
    portable = drawn_dsp.run(schedule, feed, "portable", "host")
    for on in ("host", "qemu:cortex-m4"):
        special = drawn_dsp.run(schedule, feed, "arm_dsp", on)
        for one, other in zip(portable, special, strict=True):
            wrong = [i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
            assert not wrong, (
                f"{on}: {[_described(graph, i) for i in wrong[:3]]}, {len(wrong)} outputs differ"
            )


def _described(graph: Graph, output: int) -> str:
    tensor = graph.outputs[output]
    index = next(i for i, op in enumerate(graph.ops) if tensor in op.outputs)
    return f"{graph.describe(index)} of {[graph.tensors[t].shape for t in graph.ops[index].inputs if t >= 0]}"


@needs_board
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("draw", "share"),
    [
        (Drawer.pointwise, 0.6),
        (Drawer.conv_2d, 0.6),
        (Drawer.depthwise_conv_2d, 0.6),
        (Drawer.fully_connected, 0.6),
        (Drawer.add, 0.3),
    ],
)
def test_drawn_operators_give_the_bytes_of_the_portable_kernels(draw, share: float, seed: int) -> None:
    schedule = drawn_dsp.layer_schedule(drawn_dsp.drawn_graph(draw, seed, OPERATORS))
    assert drawn_dsp.special_share(schedule) >= share
    assert_families_agree(schedule)


def _bottlenecks(seed: int) -> Graph:
    """A small network whose streams work in place: expand, depthwise, project, add."""
    b = GraphBuilder(seed)
    x = b.input((1, 17, 13, 3), zero_point=-5)
    x = b.conv_2d(x, 8, (3, 3), stride=(2, 2), activation="RELU6", zero_point=-128)
    for kernel, stride, channels in ((3, 1, 8), (5, 1, 8), (7, 2, 11), (3, 2, 11)):
        y = b.conv_2d(x, 24, activation="RELU6", zero_point=-128)
        y = b.depthwise_conv_2d(
            y, (kernel, kernel), stride=(stride, stride), activation="RELU6", zero_point=-128
        )
        y = b.conv_2d(y, channels, zero_point=3)
        x = b.binary("ADD", x, y) if stride == 1 and b.tensors[x].shape == b.tensors[y].shape else y
    return b.finish([b.fully_connected(x, 5)])


@needs_board
@pytest.mark.parametrize("kind", ["layer", "stream"])
def test_networks_give_the_same_bytes_however_they_are_scheduled(kind: str) -> None:
    for seed in (1, 2):
        conversion = convert(_bottlenecks(seed), schedule=kind)
        assert any(stage.plan is not None for stage in conversion.schedule.stages) == (kind == "stream")
        assert_families_agree(conversion.schedule)
