"""Small models of both Keras, made once a worker."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _network(keras: Any, size: int = 12) -> Any:
    layers = keras.layers
    image = keras.Input((size, size, 3), name="image")
    h = layers.Conv2D(8, 3, strides=2, padding="same")(image)
    h = layers.ReLU(6.0)(layers.BatchNormalization()(h))
    h = layers.Add()([h, layers.DepthwiseConv2D(3, padding="same")(h)])
    h = layers.GlobalAveragePooling2D()(h)
    return keras.Model(image, layers.Dense(4, activation="softmax")(h))


@pytest.fixture(scope="session", params=["keras", "tf_keras"])
def keras(request: pytest.FixtureRequest) -> Any:
    """Keras 3, then tf_keras."""
    module = pytest.importorskip(request.param)
    module.utils.set_random_seed(3)
    return module


@pytest.fixture(scope="session")
def keras3() -> Any:
    return pytest.importorskip("keras")


@pytest.fixture(scope="session")
def network() -> Callable[..., Any]:
    """(keras, size) -> a model with convolutions, a depthwise one, a residual addition and a classifier."""
    return _network
