"""Networks whose rows flow, their staged form, and its comparison with stock TFLite Micro."""

from __future__ import annotations

import random

import numpy as np

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen.family import PORTABLE
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import SAME, VALID
from tflm_mcunet.schedule.schedule import Schedule, aligned
from tflm_mcunet.schedule.stages import plan_stages
from tflm_mcunet.tflite import write
from tflm_mcunet.tflm import interpreter
from tflm_mcunet.tflm.interpreter import Allocations
from tflm_mcunet.tflm.memory import memory
from tflm_mcunet.tflm.stage_graph import stage_graph
from tflm_mcunet.transforms import canonical


def staged(source: Graph, effort: int = 2000, family: str = PORTABLE) -> Graph:
    """The graph with its stages as operators."""
    return stage_graph(plan_stages(canonical(source)[0], kinds=("layer", "stream"), effort=effort), family)


def head_slack(schedule: Schedule, family: str = PORTABLE) -> int:
    """Bytes by which scratch that kernels share makes the head larger than the planned arena."""
    program = build_program(schedule, family)
    scratch = {step.op: step.scratch_bytes for stage in program.stages for step in stage.steps}
    ends = [
        aligned(aligned(stage.peak_bytes) + max((scratch.get(i, 0) for i in stage.ops), default=0))
        for stage in schedule.stages
    ]
    return max(ends) - schedule.arena_bytes


def inputs_of(graph: Graph, inferences: int, seed: int) -> list[list[np.ndarray]]:
    r = np.random.default_rng(seed)
    draws = {"int8": lambda s: r.integers(-128, 128, s).astype(np.int8)}
    return [
        [
            draws.get(t.dtype, lambda s, t=t: r.uniform(-1, 1, s).astype(t.dtype))(t.shape)
            for t in (graph.tensors[i] for i in graph.inputs)
        ]
        for _ in range(inferences)
    ]


def exact_runs(
    source: Graph, graph: Graph, inferences: int = 1, seed: int = 0
) -> tuple[Allocations, Allocations]:
    """Run both; every output byte must agree, and the memory be what the model of it says."""
    inputs = inputs_of(source, inferences, seed)
    stock, ran = interpreter.run(write(source), inputs), interpreter.run(write(graph), inputs)
    for wanted, got in zip(stock.outputs, ran.outputs, strict=True):
        for a, b in zip(wanted, got, strict=True):
            assert a.dtype == b.dtype
            assert a.shape == b.shape
            assert a.tobytes() == b.tobytes(), f"seed {seed}: {np.count_nonzero(a != b)} values differ"
    modelled = memory(graph)
    assert (modelled.head_bytes, modelled.tail_bytes) == (
        ran.allocations.head_bytes,
        ran.allocations.tail_bytes,
    )
    return stock.allocations, ran.allocations


def stream_network(seed: int) -> Graph:
    """A small network of strides, kernels, pads, dilation, residuals, joins, several outputs, and a classifier."""
    rng = random.Random(seed)
    b = GraphBuilder(seed)
    x = b.input((1, rng.randint(6, 17), rng.randint(4, 11), rng.choice((1, 2, 3, 4))))
    outputs: list[int] = []
    for _ in range(rng.randint(3, 8)):
        x = rng.choice((_conv, _conv, _block, _shortcut, _join, _pool, _side))(rng, b, x, outputs)
    _, h, w, channels = b.tensors[x].shape
    if rng.random() < 0.5:
        x = b.pool_2d("AVERAGE_POOL_2D", x, (h, w), padding=VALID)
        x = b.fully_connected(b.reshape(x, (1, channels)), rng.randint(1, 6))
    elif rng.random() < 0.5:
        x = b.mean(x, (1, 2), keep_dims=rng.random() < 0.5, scale=b.tensors[x].scale)
    return b.finish(list(dict.fromkeys([*outputs, x])))


def _conv(rng: random.Random, b: GraphBuilder, x: int, outputs: list[int]) -> int:
    kernel = (rng.choice((1, 2, 3, 5, 7)), rng.choice((1, 3, 5)))
    stride = rng.choice(((1, 1), (1, 1), (2, 2), (2, 1)))
    dilation = rng.choice(((1, 1), (2, 1))) if stride == (1, 1) else (1, 1)
    if rng.random() < 0.4:
        x = b.pad(x, [(0, 0), (rng.randint(0, 3), rng.randint(0, 3)), (1, 2), (0, 0)])
    keywords = {
        "stride": stride,
        "dilation": dilation,
        "padding": SAME,
        "activation": rng.choice(("NONE", "RELU")),
    }
    if rng.random() < 0.5:
        return b.depthwise_conv_2d(x, kernel, multiplier=rng.choice((1, 1, 2)), **keywords)
    return b.conv_2d(x, rng.choice((2, 5, 8)), kernel, **keywords)


def _block(rng: random.Random, b: GraphBuilder, x: int, outputs: list[int]) -> int:
    channels = b.tensors[x].shape[3]
    y = b.conv_2d(x, 3 * channels, (1, 1), activation="RELU6")
    y = b.depthwise_conv_2d(y, (rng.choice((3, 5, 7)), 3), activation="RELU6")
    return b.binary("ADD", *rng.sample((x, b.conv_2d(y, channels, (1, 1))), 2))


def _shortcut(rng: random.Random, b: GraphBuilder, x: int, outputs: list[int]) -> int:
    y = b.conv_2d(b.conv_2d(x, 4, (3, 3), stride=(2, 2)), 4, (3, 3))
    return b.binary(rng.choice(("ADD", "SUB")), y, b.conv_2d(x, 4, (1, 1), stride=(2, 2)))


def _join(rng: random.Random, b: GraphBuilder, x: int, outputs: list[int]) -> int:
    y = b.conv_2d(x, 3, (3, 3))
    z = b.conv_2d(x, 2, (1, 1), scale=b.tensors[y].scale, zero_point=b.tensors[y].zero_point)
    return b.concatenation([y, z])


def _pool(rng: random.Random, b: GraphBuilder, x: int, outputs: list[int]) -> int:
    return b.pool_2d(rng.choice(("AVERAGE_POOL_2D", "MAX_POOL_2D")), x, (2, 2), padding=SAME)


def _side(rng: random.Random, b: GraphBuilder, x: int, outputs: list[int]) -> int:
    outputs.append(x)
    return b.op("HARD_SWISH", [x])
