"""A Graph made from a description has the memory of the one that TensorFlow converts; both Keras compute the same."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tflm_mcunet.backend import to_shape_model
from tflm_mcunet.backend.network import check_equal, transfer_weights
from tflm_mcunet.errors import ModelError, UsageError
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.in_place import own_kernels
from tflm_mcunet.schedule.layer import plan_layer
from tflm_mcunet.schedule.stages import plan_stages
from tflm_mcunet.tflite import read
from tflm_mcunet.tflm.memory import memory
from tflm_mcunet.tinynas.architecture import Architecture, Block
from tflm_mcunet.tinynas.build import graph_of, keras_model_of
from tflm_mcunet.tinynas.space import image_space, mcunet_space, series_space
from tflm_mcunet.transforms import canonical

#: Architectures to convert; a conversion takes seconds. TINYNAS_CONVERSIONS=51 for the whole promise.
CONVERSIONS = int(os.environ.get("TINYNAS_CONVERSIONS", "6"))
SPACES = (
    image_space((8, 8, 1), 10),
    series_space((29, 1, 12), 9),
    mcunet_space(5, resolutions=(48, 64), widths=(0.2, 0.3), squeeze=True, block_widths=True),
)
SMALL = Architecture(
    (12, 12, 3), 4, 8, 3, 2, (Block(8, 8, expands=False), Block(8, 24, 5), Block(16, 16, squeeze=8))
)


def operators(graph: Graph) -> list[tuple]:
    """Everything about a graph but its values; a field of the newest schema that has one value is left out."""
    return [
        (
            op.type,
            [graph.tensors[i].shape for i in op.inputs],
            [graph.tensors[i].shape for i in op.outputs],
            {name: value for name, value in op.options.items() if name != "quantized_bias_type"},
        )
        for op in graph.ops
    ]


@pytest.mark.parametrize("number", range(CONVERSIONS))
def test_the_graph_is_that_of_the_converter(number: int) -> None:
    space = SPACES[number % len(SPACES)]
    architecture = space.architecture(space.sample(np.random.default_rng(number)))
    ours, theirs = graph_of(architecture), read(to_shape_model(keras_model_of(architecture)))
    assert operators(ours) == operators(theirs)
    for bits in (32, 64):
        a, b = memory(ours, bits), memory(theirs, bits)
        assert (a.head_bytes, a.tail_bytes) == (b.head_bytes, b.tail_bytes)
    clean = [canonical(graph)[0] for graph in (ours, theirs)]
    layer = [plan_layer(graph, in_place=own_kernels()).arena_bytes for graph in clean]
    assert layer[0] == layer[1]
    if len(ours.ops) < 40:
        stream = [
            plan_stages(graph, kinds=("layer", "stream"), effort="quick").arena_bytes for graph in clean
        ]
        assert stream[0] == stream[1]


def test_both_keras_build_one_network_and_take_each_others_weights() -> None:
    first, second = keras_model_of(SMALL, "keras", seed=1), keras_model_of(SMALL, "tf_keras", seed=2)
    with pytest.raises(ModelError, match="different outputs"):
        check_equal(first, second)
    assert transfer_weights(first, second) < 1e-5
    third = keras_model_of(SMALL, "keras", seed=3)
    assert transfer_weights(second, third) < 1e-5
    assert check_equal(first, third) < 1e-6


def test_one_seed_gives_one_model() -> None:
    assert check_equal(keras_model_of(SMALL, seed=5), keras_model_of(SMALL, seed=5), tolerance=0) == 0


def test_weights_that_do_not_fit_are_refused_by_name() -> None:
    other = Architecture((12, 12, 3), 4, 16, 3, 2, ())
    with pytest.raises(ModelError, match="'stem'"):
        transfer_weights(keras_model_of(other), keras_model_of(SMALL))
    with pytest.raises(UsageError, match="framework"):
        keras_model_of(SMALL, "pytorch")
