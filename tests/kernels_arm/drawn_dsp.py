"""Draws operators that the kernels of a family take, many independent ones to a graph, and runs it in both families."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen.emit import emit, write
from tflm_mcunet.codegen.program import Step, build_program
from tflm_mcunet.deploy.run import run_program
from tflm_mcunet.graph import Graph, Quantization
from tflm_mcunet.ops import SAME, VALID
from tflm_mcunet.schedule.in_place import own_kernels
from tflm_mcunet.schedule.layer import plan_layer
from tflm_mcunet.schedule.schedule import Schedule

Outputs = list[list[bytes]]


class Drawer:
    """Adds drawn operators, each with an input of its own, to one graph."""

    def __init__(self, seed: int) -> None:
        self.builder = GraphBuilder(seed)
        self.random = self.builder.random
        self.outputs: list[int] = []

    def pick(self, *choices):
        return choices[int(self.random.integers(len(choices)))]

    def between(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def zero_point(self) -> int:
        return self.pick(-128, -128, 0, 127, self.between(-128, 127))

    def image(self, most: int, channels: int) -> int:
        # Odd channel counts begin pixels at every address modulo 4.
        shape = (self.pick(1, 1, 2), self.between(1, most), self.between(1, most), channels)
        return self.builder.input(shape, scale=0.05, zero_point=self.zero_point())

    def activation(self) -> dict:
        return {
            "activation": self.pick("NONE", "RELU", "RELU6", "RELU_N1_TO_1"),
            "zero_point": self.zero_point(),
            "bias": self.pick(True, True, False),
        }

    def keep(self, y: int) -> None:
        """Move the output's scale off the one that suits: saturation, and multipliers above 1 and below 0."""
        tensor = self.builder.tensors[y]
        scale = float(np.float32(tensor.scale * self.pick(1.0, 1.0, 1.0, 0.002, 0.3, 20.0, 3000.0)))
        self.builder.tensors[y] = replace(tensor, quantization=Quantization((scale,), (tensor.zero_point,)))
        self.outputs.append(y)
        weights = self.builder.ops[-1].inputs[1]
        quantization = self.builder.tensors[weights].quantization
        if self.pick(True, False, False) and quantization and len(quantization.scale) > 1:
            scales = tuple(s * self.pick(1, -1) for s in quantization.scale)
            turned = replace(quantization, scale=scales)
            self.builder.tensors[weights] = replace(self.builder.tensors[weights], quantization=turned)

    def pointwise(self) -> None:
        x = self.image(7, self.pick(1, 3, 4, 5, 8, 16, 17, 20, 24, 36))
        stride = self.pick(1, 1, 1, 2)
        y = self.builder.conv_2d(x, self.between(1, 18), stride=(stride, stride), **self.activation())
        self.keep(y)

    def pointwise_of_few_inputs(self) -> None:
        """One to six words of inputs, as layers in front of a depthwise convolution have them."""
        x = self.image(9, self.pick(3, 7, 8, 12, 14, 16, 22, 24, 27))
        y = self.builder.conv_2d(x, self.between(2, 18), activation="RELU", zero_point=-128)
        self.outputs.append(y)

    def conv_2d(self) -> None:
        x = self.image(8, self.pick(1, 2, 3, 4, 5, 8))
        height, width = self.builder.tensors[x].shape[1:3]
        padding = self.pick(SAME, VALID)
        most = (5, 5) if padding == SAME else (min(height, 5), min(width, 5))
        kernel = (self.between(1, most[0]), self.between(1, most[1]))
        stride = (self.between(1, 3), self.between(1, 3))
        y = self.builder.conv_2d(
            x, self.between(1, 7), kernel, stride=stride, padding=padding, **self.activation()
        )
        self.keep(y)

    def depthwise_conv_2d(self) -> None:
        x = self.image(14, self.pick(1, 3, 4, 5, 6, 8, 11))
        height, width = self.builder.tensors[x].shape[1:3]
        padding = self.pick(SAME, SAME, VALID)
        kernels = [k for k in (3, 5, 7) if padding == SAME or k <= min(height, width)]
        kernel, stride = self.pick(*(kernels or [1])), self.pick(1, 2)
        y = self.builder.depthwise_conv_2d(
            x, (kernel, kernel), stride=(stride, stride), padding=padding, **self.activation()
        )
        self.keep(y)

    def any_depthwise_conv_2d(self) -> None:
        """Windows of every shape."""
        x = self.image(9, self.pick(1, 2, 3, 8, 9, 17, 24))
        height, width = self.builder.tensors[x].shape[1:3]
        padding = self.pick(SAME, VALID)
        most = (7, 8) if padding == SAME else (min(height, 7), min(width, 8))
        kernel = (self.between(1, most[0]), self.between(1, most[1]))
        stride = (self.between(1, 3), self.between(1, 3))
        y = self.builder.depthwise_conv_2d(x, kernel, stride=stride, padding=padding, **self.activation())
        self.keep(y)

    def pool_2d(self) -> None:
        x = self.image(9, self.pick(1, 3, 8, 11, 16, 21))
        height, width = self.builder.tensors[x].shape[1:3]
        padding = self.pick(SAME, VALID)
        most = (6, 6) if padding == SAME else (min(height, 6), min(width, 6))
        self.outputs.append(
            self.builder.pool_2d(
                self.pick("AVERAGE_POOL_2D", "MAX_POOL_2D"),
                x,
                (self.between(1, most[0]), self.between(1, most[1])),
                stride=(self.between(1, 3), self.between(1, 3)),
                padding=padding,
                activation=self.pick("NONE", "RELU", "RELU6"),
            )
        )

    def wide_depthwise_conv_2d(self) -> None:
        shape = (1, self.between(1, 10), self.between(11, 40), self.pick(3, 4, 5, 8))
        x = self.builder.input(shape, scale=0.05, zero_point=self.zero_point())
        kernel, stride = self.pick(5, 7), self.pick(1, 2)
        y = self.builder.depthwise_conv_2d(
            x, (kernel, kernel), stride=(stride, stride), padding=SAME, **self.activation()
        )
        self.keep(y)

    def narrow_depthwise_conv_2d(self) -> None:
        """Maps of the widths that have a kernel of their own."""
        shapes = ((3, 1, 5), (3, 1, 6), (3, 1, 10), (5, 1, 10), (5, 2, 5), (7, 1, 3), (7, 1, 5), (7, 1, 6))
        kernel, stride, width = self.pick(
            *shapes, (3, 1, 12), (3, 2, 6), (3, 2, 11), (3, 2, 12), (7, 2, 9), (7, 2, 19)
        )
        height = self.between(1, 25 if width == 19 else (5 if kernel == 3 else 9))
        x = self.builder.input(
            (self.pick(1, 1, 2), height, width, self.between(2, 13)), scale=0.05, zero_point=self.zero_point()
        )
        y = self.builder.depthwise_conv_2d(
            x, (kernel, kernel), stride=(stride, stride), padding=SAME, activation="RELU", zero_point=-128
        )
        self.keep(y)

    def strided_depthwise_conv_2d(self) -> None:
        """Maps of 3x3 windows at stride 2, wide, tall, and of more rows than the kernel keeps."""
        shape = (self.pick(1, 1, 2), self.between(1, 60), self.between(1, 30), self.between(2, 9))
        x = self.builder.input(shape, scale=0.05, zero_point=self.zero_point())
        padding = self.pick(SAME, VALID) if min(shape[1:3]) >= 3 else SAME
        y = self.builder.depthwise_conv_2d(
            x, (3, 3), stride=(2, 2), padding=padding, activation="RELU", zero_point=-128
        )
        self.keep(y)

    def smallest_depthwise_conv_2d(self) -> None:
        shape = (self.pick(1, 1, 2), 3, 3, self.between(2, 13))
        x = self.builder.input(shape, scale=0.05, zero_point=self.zero_point())
        y = self.builder.depthwise_conv_2d(x, (3, 3), activation="RELU", zero_point=-128)
        self.outputs.append(y)

    def fully_connected(self) -> None:
        shape = (self.between(1, 3), self.pick(1, 3, 8, 15, 64, 130))
        x = self.builder.input(shape, scale=0.05, zero_point=self.zero_point())
        self.keep(self.builder.fully_connected(x, self.between(1, 11), **self.activation()))

    def add(self) -> None:
        shape = (1, self.between(1, 5), self.between(1, 5), self.pick(1, 3, 4, 8, 13))
        scales = (0.05, self.pick(0.05, 0.001, 0.03, 0.7))
        a, b = (self.builder.input(shape, scale=s, zero_point=self.zero_point()) for s in scales)
        activation = self.pick("NONE", "RELU", "RELU6")
        y = self.builder.binary(
            self.pick("ADD", "SUB"), a, b, activation=activation, zero_point=self.zero_point()
        )
        self.keep(y)

    def product(self) -> None:
        shape = (1, self.between(1, 5), self.between(1, 5), self.pick(1, 3, 4, 8, 13))
        a, b = (
            self.builder.input(shape, scale=self.pick(0.05, 0.004), zero_point=self.zero_point())
            for _ in "ab"
        )
        activation = self.pick("NONE", "NONE", "RELU")
        self.keep(self.builder.binary("MUL", a, b, activation=activation, zero_point=self.zero_point()))

    def broadcast(self) -> None:
        """A map and what a gate or a constant gives: a value for each channel, each pixel, each row, or one."""
        height, width, channels = self.between(1, 5), self.between(1, 5), self.pick(4, 5, 8, 16, 20)
        shape = self.pick(
            (1, 1, channels), (height, width, 1), (height, 1, channels), (1, 1, 1), (height, 1, 1)
        )
        x = self.builder.input((1, height, width, channels), scale=0.05, zero_point=self.zero_point())
        gate = {"scale": self.pick(0.05, 0.004), "zero_point": self.zero_point()}
        if self.pick(True, False):
            values = self.random.integers(-128, 128, (1, *shape))
            y = self.builder.constant(values, "int8", **gate)
        else:
            y = self.builder.input((1, *shape), **gate)
        operands = self.pick((x, y), (y, x))
        self.keep(
            self.builder.binary(self.pick("ADD", "SUB", "MUL"), *operands, zero_point=self.zero_point())
        )

    def table(self) -> None:
        x = self.image(6, self.pick(1, 3, 4, 9, 16))
        kind, scale, zero_point = self.pick(
            ("LOGISTIC", 1 / 256, -128), ("TANH", 1 / 128, 0), ("HARD_SWISH", 0.03, self.zero_point())
        )
        y = self.builder.op(kind, [x], scale=scale, zero_point=zero_point)
        self.outputs.append(y)

    def mean(self) -> None:
        x = self.image(self.pick(4, 20), self.pick(1, 3, 8, 13, 20))
        y = self.builder.mean(
            x, (1, 2), keep_dims=self.pick(True, False), scale=0.04, zero_point=self.zero_point()
        )
        self.keep(y)


def drawn_graph(draw: Callable[[Drawer], None], seed: int, count: int) -> Graph:
    """A graph of `count` independent operators."""
    drawer = Drawer(seed)
    for _ in range(count):
        draw(drawer)
    return drawer.builder.finish(drawer.outputs)


def bottlenecks(seed: int) -> Graph:
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


def inputs(graph: Graph, count: int = 2) -> list[list[np.ndarray]]:
    """Inferences of values over the whole range, every third one of its ends only."""
    random = np.random.default_rng(len(graph.tensors))
    shapes = [graph.tensors[i].shape for i in graph.inputs]
    ends = np.array([-128, 127], np.int8)
    return [
        [
            random.choice(ends, s) if (n + i) % 3 == 2 else random.integers(-128, 128, s, dtype=np.int8)
            for n, s in enumerate(shapes)
        ]
        for i in range(count)
    ]


def layer_schedule(graph: Graph) -> Schedule:
    return plan_layer(graph, in_place=own_kernels(), reorder=False)


def special_share(schedule: Schedule, family: str) -> float:
    """The share of the steps that the family has kernels for: its own or those of a simpler one, in a folder."""
    steps = [s for stage in build_program(schedule, family).stages for s in stage.steps]
    return sum(s.call.source.count("/") > 1 for s in steps) / len(steps)


def kernel_share(schedule: Schedule, kernel: str) -> float:
    """The share of the steps that run one kernel."""
    steps = [s for stage in build_program(schedule, "arm_dsp").stages for s in stage.steps]
    return sum(s.call.kernel == kernel for s in steps) / len(steps)


def run(schedule: Schedule, feed: list[list[np.ndarray]], family: str, on: str) -> Outputs:
    """The outputs of a program of one family; on the host with sanitizers, which then see where scratch ends."""
    with tempfile.TemporaryDirectory(prefix="tflm_mcunet_dsp_") as folder:
        write(emit(build_program(schedule, family, scratch_behind=on == "host")), Path(folder))
        return run_program(Path(folder), feed, on=on, sanitize=on == "host", timeout_s=100).outputs


def assert_family_agrees(schedule: Schedule, family: str, board: str) -> None:
    """The family's outputs on the host and on the board are those of the portable kernels."""
    graph = schedule.graph
    feed = inputs(graph)
    portable = run(schedule, feed, "portable", "host")
    for on in ("host", board):
        special = run(schedule, feed, family, on)
        for one, other in zip(portable, special, strict=True):
            wrong = [i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
            assert not wrong, (
                f"{on}: {[_described(graph, i) for i in wrong[:3]]}, {len(wrong)} outputs differ"
            )


def _described(graph: Graph, output: int) -> str:
    tensor = graph.outputs[output]
    index = next(i for i, op in enumerate(graph.ops) if tensor in op.outputs)
    return f"{graph.describe(index)} of {[graph.tensors[t].shape for t in graph.ops[index].inputs if t >= 0]}"


def from_the_middle(step: Step) -> Step:
    """The step without its first output column, its rows beginning where the others' windows do."""
    call = step.call
    if call.width < 2:
        return step
    stride, pad = call.params.fields.get("stride_w", call.window.stride_w), call.window.pad_left
    stride = call.params.fields.get("stride", stride)
    return replace(step, columns=(1, call.width, max(0, stride - pad)))


def run_parts(schedule: Schedule, feed: list[list[np.ndarray]], family: str, on: str) -> Outputs:
    """As `run`, without the first column of every output."""
    # Scratch inside the arena would leave its bytes in the first columns.
    program = build_program(schedule, family, scratch_behind=True)
    stages = [replace(s, steps=tuple(from_the_middle(step) for step in s.steps)) for s in program.stages]
    with tempfile.TemporaryDirectory(prefix="tflm_mcunet_dsp_") as folder:
        write(emit(replace(program, stages=tuple(stages))), Path(folder))
        return run_program(Path(folder), feed, on=on, sanitize=on == "host").outputs
