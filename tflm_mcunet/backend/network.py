"""Keras models from layers as plain data: the same network under Keras 3 and tf_keras, weights moved between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tflm_mcunet.backend.frameworks import framework_of, load
from tflm_mcunet.backend.layers import Layer
from tflm_mcunet.errors import ModelError, UsageError

#: Of the running mean and variance: Keras' 0.99 needs hundreds of batches, more than short trials have.
_MOMENTUM = 0.9

_EXTRAS = {"keras": "nas", "tf_keras": "qat"}


def build_model(
    layers: Sequence[Layer],
    input_shape: tuple[int, int, int],
    framework: str = "keras",
    *,
    name: str = "tinynas",
    dropout: float = 0.0,
    seed: int | None = None,
) -> Any:
    """Build a Keras model from layers.

    Args:
        layers: sequence of Layer, inputs before users; the last one is the output.
        input_shape: tuple of int. (height, width, channels).
        framework: str. "keras" (Keras 3) or "tf_keras".
        name: str. The model's.
        dropout: float. Rate before the dense layer, in training only.
        seed: int or None. Of the initial weights.

    Returns:
        Model of that framework, built, not compiled.

    Raises:
        UsageError: no such framework, or a layer of an unknown kind.
        ToolError: the framework is not installed.
    """
    if framework not in _EXTRAS:
        raise UsageError(f"Expected `framework` to be 'keras' or 'tf_keras', got {framework!r}")
    keras = load(framework, _EXTRAS[framework])
    made: dict[str, Any] = {}
    for number, layer in enumerate(layers):
        sources = [made[source] for source in layer.inputs]
        initial = None if seed is None else keras.initializers.GlorotUniform(seed=seed * 10_007 + number)
        made[layer.name] = _built(keras, layer, sources, input_shape, initial, dropout)
    return keras.Model(made[layers[0].name], made[layers[-1].name], name=name)


def _built(
    keras: Any,
    layer: Layer,
    sources: list[Any],
    input_shape: tuple[int, int, int],
    initial: Any,
    dropout: float,
) -> Any:
    make, kind, name = keras.layers, layer.kind, layer.name
    seeded = {"kernel_initializer": initial} if initial is not None else {}
    if kind == "input":
        return keras.Input(input_shape, name=name)
    if kind in ("conv", "depthwise"):
        shared = {"strides": layer.stride, "padding": "same", "use_bias": not layer.norm, "name": name}
        if kind == "conv":
            out = make.Conv2D(layer.channels, layer.kernel, **shared, **seeded)(sources[0])
        else:
            seeded = {"depthwise_initializer": initial} if initial is not None else {}
            out = make.DepthwiseConv2D(layer.kernel, **shared, **seeded)(sources[0])
        if layer.norm:
            out = make.BatchNormalization(momentum=_MOMENTUM, name=f"{name}_norm")(out)
        if layer.activation:
            most = {"relu": None, "relu6": 6.0}[layer.activation]
            out = make.ReLU(most, name=f"{name}_{layer.activation}")(out)
        return out
    if kind == "add":
        return make.Add(name=name)(sources)
    if kind == "multiply":
        return make.Multiply(name=name)(sources)
    if kind == "sigmoid":
        return make.Activation("sigmoid", name=name)(sources[0])
    if kind == "pool":
        return make.GlobalAveragePooling2D(keepdims=layer.keeps_map, name=name)(sources[0])
    if kind == "dense":
        source = make.Dropout(dropout, name=f"{name}_dropout")(sources[0]) if dropout else sources[0]
        return make.Dense(layer.channels, name=name, **seeded)(source)
    raise UsageError(f"layer {name!r}: unknown kind {kind!r}")


def transfer_weights(source: Any, destination: Any, *, tolerance: float = 1e-4) -> float:
    """Copy all weights between two models of one description, of either Keras, and check that they compute the same.

    Args:
        source, destination: models of `build_model` from the same layers.
        tolerance: float. Largest difference of outputs that counts as equal, relative to the largest output.

    Returns:
        float. The largest difference found on random inputs, relative to the largest output.

    Raises:
        ModelError: a layer is missing or has other shapes, or the outputs differ.
    """
    theirs = {layer.name: layer for layer in destination.layers}
    for layer in source.layers:
        weights = layer.get_weights()
        if not weights:
            continue
        if layer.name not in theirs:
            raise ModelError(f"layer {layer.name!r} is not in the model that should take its weights")
        shapes = [w.shape for w in weights]
        wanted = [tuple(w.shape) for w in theirs[layer.name].get_weights()]
        if shapes != wanted:
            raise ModelError(f"layer {layer.name!r}: expected weights of shapes {wanted}, got {shapes}")
        theirs[layer.name].set_weights(weights)
    return check_equal(source, destination, tolerance=tolerance)


def check_equal(first: Any, second: Any, *, tolerance: float = 1e-4, seed: int = 0) -> float:
    """The largest difference between two models' outputs on random inputs, relative to the largest output.

    Raises:
        ModelError: it is more than `tolerance`, or the shapes differ.
    """
    shapes = [tuple(model.inputs[0].shape[1:]) for model in (first, second)]
    if shapes[0] != shapes[1]:
        raise ModelError(f"expected models of one input shape, got {shapes[0]} and {shapes[1]}")
    x = np.random.default_rng(seed).uniform(-1, 1, (2, *shapes[0])).astype(np.float32)
    outputs = [np.asarray(model(x, training=False)) for model in (first, second)]
    if outputs[0].shape != outputs[1].shape:
        raise ModelError(f"expected outputs of one shape, got {outputs[0].shape} and {outputs[1].shape}")
    scale = max(float(np.abs(outputs[0]).max()), 1e-12)
    difference = float(np.abs(outputs[0] - outputs[1]).max()) / scale
    if not difference <= tolerance:
        names = [framework_of(model) for model in (first, second)]
        raise ModelError(
            f"the {names[0]} and the {names[1]} model compute different outputs: {difference:.2e} of the largest"
        )
    return difference
