"""Spaces: draws, changes of draws, architectures and their figures, JSON both ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tflm_mcunet.errors import UsageError
from tflm_mcunet.ops import total_macs
from tflm_mcunet.tinynas.architecture import Architecture, Block
from tflm_mcunet.tinynas.build import graph_of
from tflm_mcunet.tinynas.space import Space, Stage, image_space, mcunet_space, series_space

SPACES = {
    "digits": image_space((8, 8, 1), 10),
    "images": image_space((96, 96, 3), 2),
    "series": series_space((29, 1, 12), 9),
    "mcunet": mcunet_space(1000),
    "mcunet v2": mcunet_space(2, squeeze=True, block_widths=True),
    "own": Space("own", (20, 30, 2), 3, (Stage(8, 2, (1,), (3,), (2,)),), (10, 20), (0.5, 1.0)),
}


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_draw_is_an_architecture_whose_figures_are_those_of_its_graph(name: str, seed: int) -> None:
    space, random = SPACES[name], np.random.default_rng(seed)
    architecture = space.architecture(space.sample(random))
    graph = graph_of(architecture)
    weights = {t for op in graph.ops if op.type != "MEAN" for t in op.inputs if graph.tensors[t].is_constant}
    assert total_macs(graph) == architecture.macs
    assert sum(graph.tensors[t].elements for t in weights) == architecture.parameters
    assert graph.tensors[graph.inputs[0]].shape == (1, *architecture.input_shape)
    assert Architecture.from_json(architecture.to_json()) == architecture


@pytest.mark.parametrize("name", SPACES)
def test_changed_draws_stay_in_the_space(name: str) -> None:
    space, random = SPACES[name], np.random.default_rng(3)
    first, second = space.sample(random), space.sample(random)
    options = space.choices()
    for _ in range(20):
        mutated, child = space.mutated(first, random), space.crossed(first, second, random)
        assert mutated != first
        assert list(child) == list(mutated) == list(options)
        assert all(mutated[name] in values for name, values in options.items())
        assert all(child[name] in (first[name], second[name]) for name in options)
    assert (
        space.architecture(space.extreme(True)).parameters
        > space.architecture(space.extreme(False)).parameters
    )
    assert Space.from_json(space.to_json()) == space


def test_every_draw_of_a_tiny_space_is_counted_and_reached() -> None:
    space = Space("tiny", (8, 8, 1), 2, (Stage(8, 1, (1, 2), (3, 5), (2,)),), stem_channels=8)
    random = np.random.default_rng(0)
    found = {space.architecture(space.sample(random)) for _ in range(300)}
    assert len(found) == space.size() == 2 + 4


def test_a_restricted_space_keeps_its_resolution_and_width() -> None:
    space = mcunet_space(10).restricted(160, 0.4)
    drawn = space.architecture(space.sample(np.random.default_rng(0)))
    assert drawn.input_shape == (160, 160, 3)
    assert "width" not in space.choices()
    assert drawn.stem_channels == 16


def test_a_stage_with_block_widths_leaves_out_the_residual_where_widths_differ() -> None:
    names = [
        layer.kind for layer in Architecture((8, 8, 3), 2, 8, 3, 1, (Block(8, 16), Block(16, 16))).layers()
    ]
    assert names.count("add") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: SPACES["digits"].architecture({}),
        lambda: SPACES["digits"].architecture({**SPACES["digits"].extreme(True), "width": 0.123}),
        lambda: Space("none", (8, 8, 1), 2, ()),
        lambda: Space("none", (8, 8, 1), 2, (Stage(8, kernels=()),)),
        lambda: Space("none", (8, 8, 1), 2, (Stage(8, expansions=(0,)),)),
        lambda: Space.from_dict({"name": "x"}),
        lambda: Space.from_json("{"),
        lambda: Architecture.from_json("nonsense"),
        lambda: Architecture.from_dict({"blocks": [{"colour": 3}]}),
        lambda: Architecture((8, 8, 0), 2, 8, 3, 1, ()),
        lambda: Architecture((8, 8, 1), 2, 8, 3, 1, (Block(8, 16, expands=False),)),
        lambda: series_space((10, 2, 3), 2),
    ],
)
def test_what_is_no_space_is_refused(wrong: object) -> None:
    with pytest.raises(UsageError):
        wrong()  # type: ignore[operator]
