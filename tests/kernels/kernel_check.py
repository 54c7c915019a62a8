"""Runs drawn graphs in TFLite Micro and in the generated program, and compares their outputs byte for byte."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from harness import run_graphs
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from tflm_mcunet import tflite
from tflm_mcunet.errors import McuNetError
from tflm_mcunet.graph import Graph, Tensor
from tflm_mcunet.tflm import interpreter

#: Each example is a batch of cases that are compiled together, and each case is a small graph of its own: there is
#: nothing left that shrinking could make clearer.
in_batches = settings(
    max_examples=3,
    phases=(Phase.explicit, Phase.generate),
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class Batch:
    """Graphs; what differs is told by the assertion, so that a failure need not show them all."""

    def __init__(self, graphs: Sequence[Graph]) -> None:
        self.graphs = graphs

    def __repr__(self) -> str:
        return f"{len(self.graphs)} graphs"


@st.composite
def batches(draw, graph: st.SearchStrategy[Graph], size: int = 55) -> Batch:
    """So many drawn graphs."""
    return Batch([draw(graph) for _ in range(size)])


def values(tensor: Tensor, random: np.random.Generator) -> np.ndarray:
    """Values for an input: the whole range of an integer, and floats that reach past both ends of int8."""
    if tensor.dtype != "float32":
        info = np.iinfo(tensor.dtype)
        drawn = random.integers(info.min, info.max, tensor.shape, tensor.dtype, endpoint=True)
        return np.asarray(drawn, tensor.dtype)
    steps = random.choice(np.array([0.5, 1.5, -0.5, 2.5, 126.5, -128.5, 1e4, -1e6]), tensor.shape)
    drawn = np.where(random.random(tensor.shape) < 0.3, steps, random.normal(0, 80, tensor.shape))
    # The scales that are drawn lie about here: halves of a step are reached exactly where the scale is 1/16.
    return (drawn / 16).astype(np.float32)


def inputs(graph: Graph, inferences: int = 2) -> list[list[np.ndarray]]:
    """Seeded inputs of a few inferences; all 256 values of a single int8 input that has room for them."""
    random = np.random.default_rng(len(graph.tensors))
    arrays = [[values(graph.tensors[i], random) for i in graph.inputs] for _ in range(inferences)]
    tensors = [graph.tensors[i] for i in graph.inputs]
    if len(tensors) == 1 and tensors[0].dtype in ("int8", "uint8") and tensors[0].elements >= 256:
        every = np.resize(np.arange(256, dtype=np.uint8), tensors[0].elements)
        arrays[0] = [random.permutation(every).view(tensors[0].dtype).reshape(tensors[0].shape)]
    return arrays


def assert_equal_to_tflm(graphs: Sequence[Graph], feeds: list[list[list[np.ndarray]]] | None = None) -> None:
    """Every output of every graph has the bytes that TFLite Micro computes; of drawn inputs where none are given."""
    feeds = [inputs(g) for g in graphs] if feeds is None else feeds
    results = run_graphs(graphs, feeds)
    for graph, feed, result in zip(graphs, feeds, results, strict=True):
        truth = _tflm(graph, feed)
        for expected, computed in zip(truth, result, strict=True):
            for number, (a, b) in enumerate(zip(expected, computed, strict=True)):
                assert a.dtype == b.dtype and a.tobytes() == b.tobytes(), _difference(graph, number, a, b)


def _tflm(graph: Graph, feed: list[list[np.ndarray]]) -> Sequence[Sequence[np.ndarray]]:
    try:
        return interpreter.run(tflite.write(graph), feed).outputs
    except McuNetError as error:
        raise AssertionError(f"TFLite Micro refuses what we compute: {error}\n{_described(graph)}") from error


def _difference(graph: Graph, number: int, expected: np.ndarray, computed: np.ndarray) -> str:
    flat = expected.reshape(-1), computed.reshape(-1)
    wrong = np.flatnonzero(flat[0] != flat[1])[:8]
    lines = [
        f"output {number}: {len(np.flatnonzero(flat[0] != flat[1]))} of {expected.size} values differ, at {wrong}:"
    ]
    lines += [f"TFLite Micro {flat[0][wrong]}, generated program {flat[1][wrong]}"]
    return "\n".join([*lines, _described(graph)])


def _described(graph: Graph) -> str:
    lines = []
    for op in graph.ops:
        lines.append(f"{op.type} {dict(op.options)}")
        for end, indices in (("in", op.inputs), ("out", op.outputs)):
            lines += [f"  {end} {graph.tensors[t]}" for t in indices if t >= 0]
    return "\n".join(lines)
