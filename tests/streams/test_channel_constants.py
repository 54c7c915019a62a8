"""ADD, SUB and MUL with a constant of one value a channel flow through stages, with TFLite Micro's bytes."""

from __future__ import annotations

import numpy as np
import pytest
from stage_graphs import exact_runs
from test_streams_equal_tflm import assert_equal_to_tflm
from tiled_schedules import tiled_schedule

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.patch import Tiling
from tflm_mcunet.schedule.stages import plan_stages
from tflm_mcunet.tflm.stage_graph import stage_graph


def scaled(seed: int) -> Graph:
    """Convolutions with constants between them, on either side of the operator."""
    b, r = GraphBuilder(seed), np.random.default_rng(seed)
    x = b.input((1, 14, 11, 3))
    for n, kind in enumerate(r.permutation(["ADD", "MUL", "SUB", "MUL"])):
        x = b.conv_2d(x, 6, (3, 3), stride=(1 + n % 2, 1), activation="RELU6")
        shape = (6,) if r.random() < 0.5 else (1, 1, 1, 6)
        values = b.constant(
            r.integers(-128, 128, shape), "int8", scale=0.03, zero_point=int(r.integers(-9, 9))
        )
        operands = (x, values) if kind == "SUB" or r.random() < 0.5 else (values, x)
        x = b.binary(kind, *operands, activation="RELU" if r.random() < 0.3 else "NONE")
    return b.finish([b.conv_2d(x, 4, (3, 3))])


@pytest.mark.parametrize("source", ["resident", "rows"])
def test_constants_of_channels_stream(source: str) -> None:
    graphs = [scaled(seed) for seed in range(12)]
    plans = [plan_stages(g, input=source, effort=2000) for g in graphs]
    assert not any("runs as a layer:" in note for plan in plans for note in plan.notes)
    assert sum(any(stage.kind == "stream" for stage in plan.stages) for plan in plans) > 10
    assert_equal_to_tflm(graphs, plans)


def test_constants_of_channels_in_tiles_and_as_layers() -> None:
    graphs = [scaled(seed) for seed in range(12, 20)]
    tiles = [tiled_schedule(g, Tiling(2, 2), fed=False) for g in graphs]
    layers = [plan_stages(g, kinds=("layer",)) for g in graphs]
    assert all(tiles)
    assert_equal_to_tflm(2 * graphs, [*tiles, *layers])


def test_constants_of_channels_in_the_interpreter_of_tflite_micro() -> None:
    for seed in range(20, 24):
        graph = scaled(seed)
        exact_runs(graph, stage_graph(plan_stages(graph, effort=2000)))
