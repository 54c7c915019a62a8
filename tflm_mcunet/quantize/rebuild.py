"""From a Network to a tf_keras model with the same weights, and the proof that it computes the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tflm_mcunet.backend.frameworks import load
from tflm_mcunet.backend.quiet import quiet
from tflm_mcunet.errors import McuNetError, UsageError
from tflm_mcunet.quantize.network import Network, Node

#: Takes a node and the tf_keras layer made for it; gives the layer that is put into the model.
Wrap = Callable[[Node, Any], Any]


def rebuild(network: Network, *, wrap: Wrap | None = None, values: Sequence[int] | None = None) -> Any:
    """Build a tf_keras model.

    Args:
        network: Network in canonical form.
        wrap: callable or None. Called for every node, inputs included; a layer for an input is put behind it.
        values: sequence of int or None. What the model is to give; its outputs by default.

    Returns:
        tf_keras.Model with the network's weights.
    """
    keras = load("tf_keras", "qat")
    tensors: dict[int, Any] = {}
    names: set[str] = set()
    inputs = []
    with quiet():
        for node in network.inputs:
            tensor = keras.Input(node.shape, name=_unique(node.name, names))
            inputs.append(tensor)
            layer = keras.layers.Activation("linear", name=_unique(f"{node.name}_in", names))
            layer = None if wrap is None else wrap(node, layer)
            tensors[node.output] = tensor if layer is None else layer(tensor)
        for node in network.nodes:
            layer = _layer(keras, node, _unique(node.name, names))
            taken = [tensors[value] for value in node.inputs]
            argument: Any = taken[0] if len(taken) == 1 else taken
            if node.weights:
                _set_weights(layer, node, argument.shape)
            called = layer if wrap is None else wrap(node, layer)
            tensors[node.output] = called(argument)
        return keras.Model(inputs, [tensors[value] for value in values or network.outputs], name="model")


def check_equal(expected: Sequence[np.ndarray], got: Sequence[np.ndarray], tolerance: float = 1e-4) -> float:
    """The largest difference of two models' outputs, relative to the outputs' magnitude.

    Raises:
        McuNetError: it exceeds the tolerance: the rebuilt model is not the given one.
        UsageError: the given model's outputs are not finite.
    """
    worst = 0.0
    for a, b in zip(expected, got, strict=True):
        if not np.isfinite(a).all():
            raise UsageError(
                "the model's outputs on the calibration data hold NaN or infinity",
                "look at its weights: a training that diverged leaves such",
            )
        differences = np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64))
        worst = float(np.maximum(worst, differences.max() / max(1e-3, np.abs(a).max())))
    if not worst <= tolerance:
        raise McuNetError(
            f"the model rebuilt for training differs from the given one by {worst:.2g} of its outputs' range",
            "this is a bug of tflm_mcunet: please report the model's summary; post-training quantisation works",
        )
    return worst


def _unique(name: str, names: set[str]) -> str:
    found, number = name, 1
    while found in names:
        found, number = f"{name}_{number}", number + 1
    names.add(found)
    return found


def _set_weights(layer: Any, node: Node, input_shape: Any) -> None:
    """Build the layer with the node's weights; before it is wrapped, for a wrapper puts tensors in their places."""
    with load("tensorflow", "qat").name_scope(layer.name):
        layer.build(input_shape)
    layer.built = True
    variables = layer.weights
    if len(variables) != len(node.weights):
        raise McuNetError(f"layer {node.name}: {len(node.weights)} weights for {len(variables)} variables")
    for variable, weight in zip(variables, node.weights):
        variable.assign(np.asarray(weight, np.float32).reshape(variable.shape))


def _layer(keras: Any, node: Node, name: str) -> Any:
    layers, o = keras.layers, dict(node.options)
    if node.kind == "Activation":
        return layers.Activation(_activation(o["activation"]), name=name)
    if node.kind == "LeakyReLU":
        return layers.LeakyReLU(alpha=o["alpha"], name=name)
    if node.kind == "Flatten":
        return layers.Reshape(node.shape, name=name)
    if node.kind == "Dropout":
        return layers.Dropout(o["rate"], name=name)
    o = {key: tuple(value) if isinstance(value, list) else value for key, value in o.items()}
    if node.kind == "PReLU":
        o["shared_axes"] = list(o["shared_axes"] or [])
    return getattr(layers, node.kind)(name=name, **o)


def _activation(name: str) -> Any:
    tensorflow = load("tensorflow", "qat")
    nn = tensorflow.nn
    functions = {
        "relu": nn.relu,
        "relu6": nn.relu6,
        "sigmoid": tensorflow.sigmoid,
        "tanh": tensorflow.tanh,
        "softmax": nn.softmax,
        # The form that the converter knows as HARD_SWISH.
        "hard_silu": lambda x: x * nn.relu6(x + 3.0) * (1.0 / 6.0),
        "shifted_relu6": lambda x: nn.relu6(x + 3.0),
        "sixth": lambda x: x * (1.0 / 6.0),
    }
    return functions[name]
