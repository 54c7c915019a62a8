"""The generated programs of real networks compute TFLite Micro's bytes, from the first layer to the last."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from harness import Arrays, run_graphs
from kernel_check import values

from tflm_mcunet import tflite
from tflm_mcunet.graph import Graph
from tflm_mcunet.tflm import interpreter


@pytest.fixture(scope="module")
def networks(shared_models) -> dict[str, Graph]:
    return {path.name: tflite.read(path.read_bytes()) for path in sorted(shared_models.glob("*.tflite"))}


def _inputs(graph: Graph, inferences: int) -> list[list[np.ndarray]]:
    random = np.random.default_rng(inferences)
    return [[values(graph.tensors[i], random) for i in graph.inputs] for _ in range(inferences)]


def _assert_equal(names: Sequence[str], graphs: Sequence[Graph], feeds: Sequence[Sequence[Arrays]]) -> None:
    for name, graph, feed, results in zip(names, graphs, feeds, run_graphs(graphs, feeds), strict=True):
        truth = interpreter.run(tflite.write(graph), feed).outputs
        for inference, computed in enumerate(results):
            pairs = zip(graph.outputs, truth[inference], computed, strict=True)
            wrong = [graph.tensors[i].name for i, a, b in pairs if a.tobytes() != b.tobytes()]
            assert not wrong, f"{name}, input {inference}: {wrong[:3]} of {len(wrong)} tensors differ"


def test_outputs_equal_tflite_micro(networks):
    graphs = list(networks.values())
    _assert_equal(list(networks), graphs, [_inputs(g, 3) for g in graphs])


def test_every_tensor_equals_tflite_micro(networks):
    """A saturated output hides what came before it; here every tensor is an output."""
    graphs = []
    for graph in networks.values():
        computed = tuple(t for op in graph.ops for t in op.outputs)
        graphs.append(replace(graph, outputs=computed, container=None))
    _assert_equal(list(networks), graphs, [_inputs(g, 1) for g in graphs])
