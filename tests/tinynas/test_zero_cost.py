"""Scores without training: as their papers define them, and on the side of the better network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tflm_mcunet.backend.frameworks import load
from tflm_mcunet.backend.zero_cost import naswot, synflow
from tflm_mcunet.errors import ConstraintError, UsageError
from tflm_mcunet.tinynas.architecture import Architecture, Block
from tflm_mcunet.tinynas.space import image_space
from tflm_mcunet.tinynas.zero_cost import warm_start, zero_cost_score


def dense(units: list[int], activation: str = "relu") -> Any:
    keras = load("keras", "nas")
    layers = [keras.layers.Dense(n, activation=activation) for n in units[1:-1]]
    model = keras.Sequential([keras.Input((units[0],)), *layers, keras.layers.Dense(units[-1])])
    random = np.random.default_rng(0)
    model.set_weights([random.normal(0, 1, w.shape) for w in model.get_weights()])
    return model


def test_synflow_of_dense_layers_is_the_number_of_layers_times_the_product_of_their_magnitudes() -> None:
    model = dense([5, 4, 3, 2])
    product = np.ones((1, 5))
    for layer in model.layers:
        product = product @ np.abs(layer.get_weights()[0])
    # Each layer's weights carry the whole flow once.
    assert synflow(model) == pytest.approx(np.log(3 * product.sum()), rel=1e-6)


def test_synflow_does_not_see_biases_activations_and_normalisations() -> None:
    keras = load("keras", "nas")
    network = Architecture((8, 8, 1), 3, 8, 3, 2, (Block(8, 16), Block(16, 24, 5, 2, squeeze=8)))
    from tflm_mcunet.tinynas.build import keras_model_of

    model = keras_model_of(network, seed=1)
    before = synflow(model)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([np.full(w.shape, 3.7) for w in layer.get_weights()])
    logits = model.get_layer("logits")
    logits.set_weights([logits.get_weights()[0], np.array([5.0, -100, 3])])
    assert synflow(model) == pytest.approx(before, rel=1e-9)


def test_naswot_is_the_determinant_of_the_hamming_kernel() -> None:
    model, x = dense([4, 6, 5, 2]), np.random.default_rng(1).normal(0, 1, (7, 4)).astype(np.float32)
    first = np.maximum(x @ model.layers[0].get_weights()[0] + model.layers[0].get_weights()[1], 0)
    second = np.maximum(first @ model.layers[1].get_weights()[0] + model.layers[1].get_weights()[1], 0)
    code = np.concatenate([first > 0, second > 0], 1)
    kernel = np.array([[(a == b).sum() for b in code] for a in code], float)
    assert naswot(model, x) == pytest.approx(np.linalg.slogdet(kernel)[1], rel=1e-6)


def test_naswot_of_samples_that_look_alike_ranks_last() -> None:
    same = np.ones((3, 4), np.float32)
    assert naswot(dense([4, 6, 2]), same) == -np.inf
    with pytest.raises(UsageError, match="ReLU"):
        naswot(dense([4, 6, 2], "tanh"), np.eye(4, dtype=np.float32))


@pytest.mark.parametrize("kind", ["synflow", "naswot", "macs"])
def test_a_score_is_on_the_side_of_the_obviously_better_network(kind: str) -> None:
    x = np.random.default_rng(2).uniform(0, 1, (40, 16, 16, 1)).astype(np.float32)
    score = zero_cost_score(kind, x, seed=3)
    good = Architecture((16, 16, 1), 4, 16, 3, 1, (Block(16, 48, 5, 2), Block(16, 64), Block(24, 72, 3, 2)))
    # One narrow block, then everything through a map of one pixel: hardly anything can be told apart.
    bad = Architecture((16, 16, 1), 4, 2, 3, 2, (Block(2, 2, 3, 2), Block(2, 2, 3, 2), Block(2, 2, 3, 2)))
    middle = Architecture((16, 16, 1), 4, 8, 3, 2, (Block(8, 16, 3, 2), Block(8, 16)))
    scores = [score(network) for network in (bad, middle, good)]
    assert scores == sorted(scores) and len(set(scores)) == 3
    assert score(middle) == scores[1], "one seed, one score"


def test_what_a_score_needs_is_asked_for() -> None:
    with pytest.raises(UsageError, match="one of synflow, naswot, macs"):
        zero_cost_score("magic")
    with pytest.raises(UsageError, match="compares samples"):
        zero_cost_score("naswot")
    keras = load("keras", "nas")
    recurrent = keras.Sequential([keras.Input((4, 2)), keras.layers.LSTM(3), keras.layers.Dense(2)])
    with pytest.raises(UsageError, match="not defined through a LSTM"):
        synflow(recurrent)


def test_a_warm_start_is_the_best_of_what_fits() -> None:
    space = image_space((8, 8, 1), 10)

    def macs(genes: Any) -> float:
        return float(space.architecture(genes).macs)

    def fits(genes: Any) -> bool:
        return macs(genes) < 400_000

    chosen = warm_start(space.sample, fits, macs, draws=60, keep=10, seed=1)
    assert len(chosen) == 10 and all(fits(genes) for genes in chosen)
    assert [macs(genes) for genes in chosen] == sorted(map(macs, chosen), reverse=True)
    everything = warm_start(space.sample, fits, macs, draws=60, keep=60, seed=1)
    assert chosen == everything[:10]
    assert warm_start(space.sample, fits, macs, draws=60, keep=10, seed=1) == chosen
    with pytest.raises(ConstraintError):
        warm_start(space.sample, lambda _: False, macs, patience=20)
    few = warm_start(lambda random: {"a": int(random.integers(3))}, lambda g: g["a"] > 0, lambda g: g["a"])
    assert few == [{"a": 2}, {"a": 1}]
