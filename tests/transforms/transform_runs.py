"""Runs a graph before and after a rewrite in unmodified TFLite Micro and compares every output byte."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from tflm_mcunet import tflite
from tflm_mcunet.graph import Graph
from tflm_mcunet.tflm.interpreter import run

needs_tflm = pytest.mark.skipif(
    importlib.util.find_spec("tflite_micro") is None, reason="the package tflite-micro is not installed"
)


def drawn_inputs(graph: Graph, seed: int = 0, inferences: int = 2) -> list[list[np.ndarray]]:
    """Random inputs over the whole range of their dtypes; the first inference is all extremes."""
    rng = np.random.default_rng(seed)
    result = []
    for n in range(inferences):
        arrays = []
        for t in graph.inputs:
            tensor = graph.tensors[t]
            if tensor.dtype == "float32":
                arrays.append(rng.normal(0, 3, tensor.shape).astype(np.float32))
                continue
            info = np.iinfo(tensor.dtype)
            if n == 0:
                drawn = rng.choice([info.min, info.max], tensor.shape)
            else:
                drawn = rng.integers(info.min, info.max, tensor.shape, endpoint=True)
            arrays.append(drawn.astype(tensor.dtype))
        result.append(arrays)
    return result


def outputs_of(graph: Graph, inputs: list[list[np.ndarray]]) -> list[list[np.ndarray]]:
    """TFLite Micro's outputs, one list per inference."""
    return [list(arrays) for arrays in run(tflite.write(tflite.prune(graph)), inputs).outputs]


def assert_same_outputs(
    before: Graph, after: Graph, seed: int = 0, inferences: int = 2
) -> list[list[np.ndarray]]:
    """Both graphs give the same bytes for the same inputs; returns them."""
    tflite.verify(after)
    inputs = drawn_inputs(before, seed, inferences)
    expected, got = outputs_of(before, inputs), outputs_of(after, inputs)
    for one, other in zip(expected, got, strict=True):
        for a, b in zip(one, other, strict=True):
            assert a.dtype == b.dtype and a.shape == b.shape
            assert a.tobytes() == b.tobytes()
    return expected


def types(graph: Graph) -> list[str]:
    return [op.type for op in graph.ops]
