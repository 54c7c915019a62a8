"""`schedule="in_place"`: one operator after the other, row by row over its own input where that lowers the peak."""

from __future__ import annotations

import numpy as np

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.convert import convert
from tflm_mcunet.execute import run
from tflm_mcunet.graph import Graph


def bottleneck(seed: int) -> Graph:
    """Two depthwise convolutions whose maps are the largest of the network, one of them shrinking."""
    b = GraphBuilder(seed)
    x = b.conv_2d(b.input((1, 20, 20, 3)), 24, activation="RELU6")
    x = b.depthwise_conv_2d(x, (3, 3), activation="RELU6")
    x = b.depthwise_conv_2d(x, (5, 5), stride=(2, 2), activation="RELU6")
    return b.finish([b.conv_2d(x, 8)])


def test_a_depthwise_convolution_takes_little_more_than_one_of_its_maps() -> None:
    layer = convert(bottleneck(1), schedule="layer").schedule
    plan = convert(bottleneck(1), schedule="in_place").schedule
    map_bytes = 20 * 20 * 24
    assert layer.arena_bytes >= 2 * map_bytes
    assert plan.arena_bytes <= map_bytes + 4 * 20 * 24
    assert all(len(stage.ops) == 1 for stage in plan.stages)


def test_outputs_are_those_of_whole_layers_here_and_in_tflite_micro() -> None:
    x = np.random.default_rng(1).integers(-128, 128, (1, 20, 20, 3), dtype=np.int8)
    expected = run(convert(bottleneck(2), schedule="layer"), x).outputs[0]
    in_place = convert(bottleneck(2), schedule="in_place")
    assert np.array_equal(run(in_place, x).outputs[0], expected)
    assert np.array_equal(run(in_place, x, on="tflm").outputs[0], expected)
