"""Real data and a small network: scikit-learn's digits, scaled up, and a depthwise-separable Keras model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Height and width after scaling: 8 × 8 images would leave nothing of the memory problem.
IMAGE_SIZE = 48
TEST_IMAGES = 450
BATCH = 32
#: Pixels of the scaled image, half a pixel of the original.
SHIFT = 3


@dataclass(frozen=True)
class Digits:
    """Images float32 [n, 48, 48, 1] in [-1, 1] and their labels, split once and for all by a fixed seed."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def load(size: int = IMAGE_SIZE) -> Digits:
    """The 1,797 digits that come inside scikit-learn (UCI optical recognition of handwritten digits)."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    bunch = load_digits()
    factor = size / bunch.images.shape[1]
    images = zoom(bunch.images, (1, factor, factor), order=1)
    x = (images[..., None] / 8 - 1).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(x))
    test, train = order[:TEST_IMAGES], order[TEST_IMAGES:]
    return Digits(x[train], bunch.target[train], x[test], bunch.target[test])


def build(size: int = IMAGE_SIZE) -> Any:
    """A Keras 3 network of depthwise-separable blocks, one of them with a residual addition."""
    from keras import Input, Model, layers

    def normalised(h: Any) -> Any:
        # A momentum of 0.9: the moving averages must settle within a few hundred steps.
        return layers.ReLU(6)(layers.BatchNormalization(momentum=0.9)(h))

    def block(h: Any, filters: int, stride: int) -> Any:
        h = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(h)
        return normalised(layers.Conv2D(filters, 1, use_bias=False)(normalised(h)))

    image = Input((size, size, 1), name="image")
    h = normalised(layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(image))
    h = block(h, 24, 1)
    h = block(h, 32, 2)
    h = layers.Add()([h, block(h, 32, 1)])
    h = block(h, 64, 2)
    h = layers.GlobalAveragePooling2D()(h)
    return Model(image, layers.Dense(10, activation="softmax")(h), name="digits")


def train(
    model: Any, digits: Digits, *, epochs: int, seed: int, callbacks: list[Any]
) -> dict[str, list[float]]:
    """Train on small random shifts under a cosine learning rate; returns History's dict, a list for each key."""
    import keras

    batches = -(-len(digits.x_train) // BATCH)
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, epochs * batches)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    data = shifted(digits, np.random.default_rng(seed))
    history = model.fit(
        data, steps_per_epoch=batches, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks
    )
    return dict(history.history)


def shifted(digits: Digits, random: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches without end: every epoch in another order, every image moved by up to `SHIFT` pixels."""
    x, y = digits.x_train, digits.y_train
    size = x.shape[1]
    padded = np.pad(x, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="edge")
    while True:
        order = random.permutation(len(x))
        for start in range(0, len(x), BATCH):
            picked = order[start : start + BATCH]
            corners = random.integers(0, 2 * SHIFT + 1, (len(picked), 2))
            images = [
                padded[i, top : top + size, left : left + size] for i, (top, left) in zip(picked, corners)
            ]
            yield np.stack(images), y[picked]
