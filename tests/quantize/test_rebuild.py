"""A described model, simplified and rebuilt in tf_keras, computes what the given one computes; or says why not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tflm_mcunet.errors import McuNetError, UnsupportedOpError, UsageError
from tflm_mcunet.quantize.canonical import canonical
from tflm_mcunet.quantize.describe import describe
from tflm_mcunet.quantize.network import Network
from tflm_mcunet.quantize.points import quantised_values
from tflm_mcunet.quantize.rebuild import check_equal, rebuild

sys.path.insert(0, str(Path(__file__).parent))
import layers as zoo

RANDOM = np.random.default_rng(2)


def outputs(model: Any, x: np.ndarray) -> list[np.ndarray]:
    made = model(x, training=False)
    return [np.asarray(y) for y in (made if isinstance(made, (list, tuple)) else [made])]


def network_of(keras: Any, shape: tuple[int, ...], *stack: Any) -> Network:
    x = h = keras.Input(shape)
    for layer in stack:
        h = layer(h)
    model = zoo.draw_weights(keras.Model(x, h))
    network = canonical(describe(model))
    batch = RANDOM.normal(size=(3, *shape)).astype(np.float32)
    check_equal(outputs(model, batch), outputs(rebuild(network), batch), 1e-5)
    return network


def kinds(network: Network) -> list[str]:
    return [str(node.options.get("activation", node.kind)) for node in network.nodes]


@pytest.mark.parametrize("build", [zoo.images, zoo.series])
def test_every_layer_that_is_taken_is_rebuilt_to_compute_the_same(keras: Any, build: Any) -> None:
    model = build(keras)
    before = [np.array(w) for w in model.get_weights()]
    network = canonical(describe(model))
    x = RANDOM.normal(size=(5, *model.inputs[0].shape[1:])).astype(np.float32)
    assert check_equal(outputs(model, x), outputs(rebuild(network), x)) < 1e-5
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    left = {"BatchNormalization", "Rescaling", "GaussianNoise", "silu", "SeparableConv2D"} & set(
        kinds(network)
    )
    assert not left
    assert not [node.kind for node in network.nodes if "1D" in node.kind]


def test_batch_normalisation_folds_into_the_layer_before_it_past_a_dropout(keras3: Any) -> None:
    k = keras3.layers
    network = network_of(
        keras3, (6, 6, 2), k.Conv2D(4, 3, use_bias=False), k.Dropout(0.2), k.BatchNormalization(), k.ReLU()
    )
    assert kinds(network) == ["Conv2D", "Dropout", "relu"]


def test_batch_normalisation_behind_an_activation_folds_into_the_layer_behind_it(keras3: Any) -> None:
    k = keras3.layers
    network = network_of(
        keras3, (6, 6, 2), k.Conv2D(4, 3, activation="relu"), k.BatchNormalization(), k.Conv2D(3, 3)
    )
    assert kinds(network) == ["Conv2D", "relu", "Conv2D"]


def test_padding_forbids_folding_a_shift_but_not_a_scale(keras3: Any) -> None:
    k = keras3.layers
    padded = k.DepthwiseConv2D(3, padding="same")
    shifted = network_of(keras3, (6, 6, 2), k.ReLU(), k.BatchNormalization(), padded)
    assert kinds(shifted) == ["relu", "DepthwiseConv2D", "DepthwiseConv2D"]
    scaled = network_of(keras3, (6, 6, 2), k.Rescaling(1 / 255), k.Conv2D(2, 3, padding="same"))
    assert kinds(scaled) == ["Conv2D"]


def test_a_normalisation_layer_folds_with_the_data_that_it_was_adapted_to(keras3: Any) -> None:
    layer = keras3.layers.Normalization()
    layer.adapt(RANDOM.normal(3, 2, (50, 5)))
    assert kinds(network_of(keras3, (5,), layer, keras3.layers.Dense(2))) == ["Dense"]


def test_hard_swish_is_known_in_every_spelling(keras3: Any) -> None:
    k = keras3.layers
    for spelled in (
        lambda x: k.Activation("hard_silu")(x),
        lambda x: k.Multiply()([x, k.ReLU(6.0)(x + 3.0) / 6.0]),
        lambda x: k.Multiply()([k.ReLU(6.0)(x + 3.0) * (1 / 6), x]),
    ):
        assert kinds(network_of(keras3, (4,), k.Dense(4), spelled)) == ["Dense", "hard_silu"]


def test_the_shift_of_a_hard_sigmoid_goes_into_the_bias_before_it(keras3: Any) -> None:
    k = keras3.layers
    for use_bias in (False, True):
        gate = k.Conv2D(4, 1, use_bias=use_bias, activation="hard_sigmoid")
        assert kinds(network_of(keras3, (4, 4, 2), gate)) == ["Conv2D", "relu6", "sixth"]
    alone = network_of(keras3, (4, 4, 2), k.MaxPooling2D(2), k.Activation("hard_sigmoid"))
    assert kinds(alone) == ["MaxPooling2D", "shifted_relu6", "sixth"]


def test_a_series_is_reshaped_where_it_comes_in_and_nowhere_else(keras3: Any) -> None:
    k = keras3.layers
    network = network_of(
        keras3,
        (16, 2),
        k.Conv1D(4, 3),
        k.BatchNormalization(),
        k.ReLU(),
        k.MaxPooling1D(2),
        k.Conv1D(4, 3, dilation_rate=2, padding="causal"),
        k.GlobalAveragePooling1D(),
        k.Dense(2),
    )
    assert kinds(network).count("Reshape") == 1


def test_what_a_kernel_writes_is_rounded_and_what_it_fuses_is_not(keras3: Any) -> None:
    k = keras3.layers
    network = network_of(
        keras3,
        (8, 8, 3),
        k.Conv2D(4, 3, activation="relu"),
        k.MaxPooling2D(2),
        k.Conv2D(4, 3, activation="hard_silu"),
        k.Flatten(),
        k.Dense(2, activation="softmax"),
    )
    rounded = quantised_values(network)
    seen = [(kind, node.output in rounded) for kind, node in zip(kinds(network), network.nodes)]
    assert seen == [
        ("Conv2D", False),
        ("relu", True),
        ("MaxPooling2D", False),
        ("Conv2D", True),
        ("hard_silu", True),
        ("Flatten", False),
        ("Dense", True),
        ("softmax", False),
    ]


def test_all_layers_that_cannot_be_taken_are_named_with_what_to_do(keras: Any) -> None:
    k = keras.layers
    x = keras.Input((8, 4), name="x")
    h = k.LayerNormalization(name="norm")(k.LSTM(4, return_sequences=True, name="memory")(x))
    h = k.Dense(3, activation="gelu", name="fine")(h)
    model = keras.Model(x, [k.ELU(name="elu")(h), k.Dense(2)(h)])
    with pytest.raises(UnsupportedOpError, match="4 of the model's layers") as caught:
        describe(model)
    message = caught.value.message
    for says in (
        "memory (LSTM): use convolutions",
        "norm (LayerNormalization)",
        "fine (Dense): the activation gelu",
    ):
        assert says in message
    assert "elu (ELU)" in message
    assert "post-training" in caught.value.hint


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (lambda k: k.Conv2D(4, 3, groups=2), "grouped convolution"),
        (lambda k: k.ReLU(5.0), "ReLU up to 5.0"),
        (lambda k: k.ReLU(threshold=1.0), "threshold"),
        (lambda k: k.BatchNormalization(axis=1), "over axis 1"),
        (lambda k: k.Softmax(axis=1), "softmax over axis 1"),
    ],
)
def test_options_that_no_kernel_has_are_refused_by_name(keras3: Any, layer: Any, says: str) -> None:
    x = keras3.Input((8, 8, 4))
    with pytest.raises(UnsupportedOpError, match=says):
        canonical(describe(keras3.Model(x, layer(keras3.layers)(x))))


def test_a_layer_with_weights_that_is_called_twice_is_refused(keras: Any) -> None:
    x, shared = keras.Input((4,)), keras.layers.Dense(4, name="twice")
    with pytest.raises(UnsupportedOpError, match=r"twice.*called more than once"):
        describe(keras.Model(x, shared(shared(x))))


def test_a_subclassed_model_is_refused_with_what_to_write_instead(keras: Any) -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(UsageError, match="functional or sequential Keras model, got Own"):
        describe(Own())


def test_a_difference_is_found_and_nan_is_no_equality() -> None:
    one = [np.ones((2, 3))]
    assert check_equal(one, one) == 0
    with pytest.raises(McuNetError, match=r"differs from the given one by 0\.1"):
        check_equal(one, [np.full((2, 3), 0.9)])
    with pytest.raises(UsageError, match="NaN"):
        check_equal([np.full((2, 3), np.nan)], one)
    with pytest.raises(McuNetError, match="nan"):
        check_equal(one, [np.full((2, 3), np.nan)])
