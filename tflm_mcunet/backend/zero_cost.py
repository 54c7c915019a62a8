"""Scores of a network that is not trained: how much flows through it, and how well it tells samples apart.

SynFlow is from Tanaka et al. 2020 ("Pruning neural networks without any data by iteratively conserving synaptic
flow"), as a score of architectures from Abdelfattah et al. 2021; NASWOT from Mellor et al. 2021 ("Neural architecture
search without training").
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tflm_mcunet.backend.frameworks import load
from tflm_mcunet.errors import UsageError

_RECTIFIERS = ("relu", "relu6")


def synflow(model: Any) -> float:
    """The logarithm of a network's synaptic flow.

    Every weight is replaced by its magnitude, biases by zero; activations and normalisations are left out, so that the
    network is linear in each layer's weights. An input of ones is sent through it; the flow is the sum over all
    weights of |weight × derivative of the sum of the outputs|. A gate's sigmoid stays: it saturates near one.

    The computation is in float64, and the logarithm is given, since the flow grows exponentially with depth.

    Args:
        model: Keras 3 model with one input, built; only its structure and weights are looked at.

    Returns:
        float. Higher is better; -inf where nothing flows.

    Raises:
        UsageError: a layer that is neither linear in its weights nor without any.
    """
    tf = load("tensorflow", "nas")
    linear = _linearised(model)
    ones = tf.ones((1, *model.inputs[0].shape[1:]), "float64")
    weights = [v.value for layer in linear.layers for v in _kernels(layer)]
    with tf.GradientTape() as tape:
        flow = tf.reduce_sum(linear(ones, training=False))
    gradients = tape.gradient(flow, weights, unconnected_gradients="zero")
    total = sum(float(tf.reduce_sum(tf.abs(g * w))) for g, w in zip(gradients, weights))
    return float(np.log(total)) if total > 0 else -np.inf


def naswot(model: Any, x: np.ndarray) -> float:
    """The logarithm of the determinant of the kernel of a network's activation patterns.

    Each sample switches every rectifier on or off; two samples are alike by the number of rectifiers that they switch
    alike. A network that tells samples apart has a kernel near diagonal, and a large determinant.

    Args:
        model: Keras 3 model with rectifiers, initialised at random.
        x: float32[samples, ...]. A few dozen samples, no two equal. They are normalised by their own statistics.

    Returns:
        float. Higher is better; -inf where two samples switch every rectifier alike.

    Raises:
        UsageError: the model has no rectifier, or there are fewer than two samples.
    """
    keras = load("keras", "nas")
    outputs = [layer.output for layer in model.layers if _is_rectifier(layer)]
    if not outputs or len(x) < 2:
        raise UsageError("expected a model with ReLU or ReLU6 layers, and at least two samples")
    source = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    maps = keras.Model(source, outputs)(np.asarray(x, np.float32), training=True)
    maps = maps if isinstance(maps, (list, tuple)) else [maps]
    alike = np.zeros((len(x), len(x)))
    for each in maps:
        code = (np.asarray(each).reshape(len(x), -1) > 0).astype(np.float32)
        alike += code @ code.T + (1 - code) @ (1 - code).T
    sign, logarithm = np.linalg.slogdet(alike)
    return float(logarithm) if sign > 0 else -np.inf


def _is_rectifier(layer: Any) -> bool:
    activation = getattr(getattr(layer, "activation", None), "__name__", "")
    return type(layer).__name__ == "ReLU" or activation in _RECTIFIERS


def _kernels(layer: Any) -> list[Any]:
    """A layer's weights that multiply its input."""
    names = ("kernel", "depthwise_kernel", "pointwise_kernel", "_kernel")
    found = [getattr(layer, name, None) for name in names]
    return list({id(v): v for v in found if v is not None}.values())


def _linearised(model: Any) -> Any:
    """A copy in float64 with weights of their magnitudes, without biases, activations and normalisations."""
    keras = load("keras", "nas")
    layers = keras.layers

    def copied(layer: Any) -> Any:
        config = {**layer.get_config(), "dtype": "float64"}
        if isinstance(layer, layers.BatchNormalization):
            config |= {"epsilon": 0.0, "trainable": False}
        elif isinstance(layer, layers.ReLU):
            config["max_value"] = None  # nothing negative comes, so without its ceiling it is the identity
        elif isinstance(layer, layers.Activation):
            config["activation"] = "sigmoid" if config["activation"] == "sigmoid" else "linear"
        elif _kernels(layer):
            config["activation"] = "linear"
        elif layer.weights or isinstance(layer, layers.Softmax):
            raise UsageError(
                f"layer {layer.name!r}: synaptic flow is not defined through a {type(layer).__name__}",
                "use NASWOT for this model, or a model of logits",
            )
        return type(layer).from_config(config)

    linear = keras.models.clone_model(model, clone_function=copied)
    for layer in linear.layers:
        if isinstance(layer, layers.BatchNormalization):
            _neutralise(layer)
        elif layer.weights:
            kernels = {id(v) for v in _kernels(layer)}
            source = model.get_layer(layer.name).weights
            for variable, value in zip(layer.weights, source):
                magnitude = np.abs(np.asarray(value, np.float64))
                variable.assign(magnitude if id(variable) in kernels else 0 * magnitude)
    return linear


def _neutralise(norm: Any) -> None:
    """Make a batch normalisation the identity."""
    for variable, value in (
        (norm.gamma, 1),
        (norm.beta, 0),
        (norm.moving_mean, 0),
        (norm.moving_variance, 1),
    ):
        if variable is not None:
            variable.assign(np.full(variable.shape, value, np.float64))
