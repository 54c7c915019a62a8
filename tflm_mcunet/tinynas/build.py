"""From an architecture to a Graph (no TensorFlow, about a millisecond) and to a Keras model."""

from __future__ import annotations

from typing import Any

from tflm_mcunet.backend.network import build_model
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph
from tflm_mcunet.tinynas.architecture import Architecture

_ACTIVATIONS = {"": "NONE", "relu": "RELU", "relu6": "RELU6"}


def graph_of(architecture: Architecture, *, seed: int | None = None) -> Graph:
    """The network's INT8 Graph, as TensorFlow's converter would make it from the Keras model.

    Operators, their order, shapes, types and quantised axes are the converter's, so memory planning gives the same
    result; values are not.

    Args:
        architecture: Architecture.
        seed: int or None. Of random weights and scales; None fills them with zeros, which is faster and enough to
            plan memory.

    Example:
        >>> from tflm_mcunet.tinynas.architecture import Block
        >>> graph = graph_of(Architecture((8, 8, 1), 10, 8, 3, 1, (Block(16, 24, stride=2),)))
        >>> [op.type for op in graph.ops]
        ['CONV_2D', 'CONV_2D', 'DEPTHWISE_CONV_2D', 'CONV_2D', 'MEAN', 'FULLY_CONNECTED']
    """
    b = GraphBuilder(seed or 0, values=seed is not None)
    made: dict[str, int] = {}
    axes = -1  # the converter keeps equal constants once: all pools share their axes
    for layer in architecture.layers():
        x = [made[source] for source in layer.inputs]
        activation, stride = _ACTIVATIONS[layer.activation], (layer.stride, layer.stride)
        if layer.kind == "input":
            y = b.input((1, *architecture.input_shape))
        elif layer.kind == "conv":
            y = b.conv_2d(x[0], layer.channels, layer.kernel, stride=stride, activation=activation)
        elif layer.kind == "depthwise":
            y = b.depthwise_conv_2d(x[0], layer.kernel, stride=stride, activation=activation)
        elif layer.kind in ("add", "multiply"):
            y = b.binary({"add": "ADD", "multiply": "MUL"}[layer.kind], *x)
        elif layer.kind == "sigmoid":
            y = b.op("LOGISTIC", x, scale=1 / 256, zero_point=-128)
        elif layer.kind == "pool":
            axes = b.constant((1, 2)) if axes < 0 else axes
            y = b.op("MEAN", [x[0], axes], {"keep_dims": layer.keeps_map})
        else:
            y = b.fully_connected(x[0], layer.channels, per_channel=True)
        made[layer.name] = y
    return b.finish([y])


def keras_model_of(
    architecture: Architecture, framework: str = "keras", *, dropout: float = 0.0, seed: int | None = None
) -> Any:
    """The network as a Keras 3 ("keras") or tf_keras model that gives logits; see `backend.network.build_model`."""
    return build_model(architecture.layers(), architecture.input_shape, framework, dropout=dropout, seed=seed)
