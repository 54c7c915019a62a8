"""Models that hold every layer which quantisation-aware training takes, in either Keras, with drawn weights."""

from __future__ import annotations

from typing import Any

import numpy as np


def draw_weights(model: Any) -> Any:
    """Weights, variances positive, as training leaves them: none zero, none alike; the same on every call."""
    random = np.random.default_rng(7)
    weights = []
    for variable, value in zip(model.weights, model.get_weights()):
        positive = "variance" in getattr(variable, "path", variable.name)
        weights.append(
            random.uniform(0.5, 1.5, value.shape) if positive else random.normal(size=value.shape) * 0.3
        )
    model.set_weights(weights)
    return model


def images(keras: Any) -> Any:
    """Images: blocks, a nested model, squeeze-and-excite, every activation, two outputs."""
    k = keras.layers
    image = keras.Input((8, 8, 3), name="image")
    h = k.Rescaling(1 / 2, 0.3)(image)
    h = k.ReLU(6.0)(k.BatchNormalization()(k.Conv2D(8, 3, padding="same", use_bias=False)(h)))
    inner = keras.Sequential(
        [
            keras.Input((8, 8, 8)),
            k.DepthwiseConv2D(3, padding="same", activation="relu"),
            k.BatchNormalization(),
            k.Conv2D(8, 1),
            k.Dropout(0.1),
            k.BatchNormalization(scale=False),
        ],
        name="inner",
    )
    h = k.Add()([h, inner(h)])
    s = k.Conv2D(4, 1, activation="relu")(k.GlobalAveragePooling2D(keepdims=True)(h))
    h = k.Multiply()([h, k.Conv2D(8, 1, activation="sigmoid")(s)])
    h = k.SeparableConv2D(6, 3, padding="same", activation="swish")(h)
    h = k.LeakyReLU(0.1)(k.PReLU(shared_axes=[1, 2])(h))
    h = k.BatchNormalization()(k.Conv2DTranspose(5, 3, strides=2, padding="same")(h))
    h = h * k.ReLU(6.0)(h + 3.0) * (1 / 6.0) if keras.__name__ == "keras" else h
    h = k.Multiply()([h, k.ReLU(6.0)(h + 3.0) / 6.0])
    h = k.MaxPooling2D(2)(k.GaussianNoise(0.1)(h))
    h = k.UpSampling2D(2)(h - k.Conv2D(5, 1)(h)) if keras.__name__ == "tf_keras" else h
    h = k.AveragePooling2D(2)(k.Cropping2D(1)(k.ZeroPadding2D(2)(h)))
    h = k.Concatenate()([h, k.Conv2D(3, 1)(h)])
    h = k.ReLU()(k.BatchNormalization()(k.Dense(7)(k.Flatten()(h))))
    h = k.BatchNormalization()(h)
    return draw_weights(
        keras.Model(image, [k.Dense(3, activation="softmax", name="a")(h), k.Dense(2, name="b")(h)])
    )


def series(keras: Any) -> Any:
    """Series: every 1-D layer, and borders to layers that have no image form."""
    k = keras.layers
    x = keras.Input((20, 3))
    h = k.Conv1D(8, 5, padding="causal", activation="relu")(x)
    h = k.SpatialDropout1D(0.1)(k.BatchNormalization()(h))
    h = k.ReLU()(k.BatchNormalization()(k.SeparableConv1D(8, 3, padding="same")(h)))
    h = k.Add()([h, k.BatchNormalization()(k.DepthwiseConv1D(3, padding="same", use_bias=False)(h))])
    h = k.MaxPooling1D(2)(h)
    s = k.Dense(8, activation="sigmoid")(k.GlobalAveragePooling1D()(h))
    h = k.Multiply()([h, k.Reshape((1, 8))(s)])
    h = k.Concatenate()([h, k.Dense(4, activation="tanh")(h)])
    h = k.PReLU(shared_axes=[1])(h)
    h = long = k.Conv1DTranspose(6, 3, strides=2, padding="same")(h)
    h = k.Cropping1D((2, 1))(k.ZeroPadding1D(1)(k.AveragePooling1D(2)(h)))
    h = k.Conv1D(4, 1)(k.Permute((2, 1))(h))
    h = k.Concatenate()([k.GlobalMaxPooling1D()(h), k.Flatten()(h)])
    return draw_weights(keras.Model(x, [k.Dense(3)(h), long]))
