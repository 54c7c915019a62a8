"""Batch normalisation, normalisation and rescaling: y = x·scale + shift by channel, folded into weights."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.quantize.catalogue import WEIGHTED
from tflm_mcunet.quantize.network import Network, Node

KINDS = ("BatchNormalization", "Normalization", "Rescaling")


@dataclass(frozen=True)
class Affine:
    """y = x·scale + shift; both float64 (channels,)."""

    scale: np.ndarray
    shift: np.ndarray


def fold_affine(network: Network) -> Network:
    """Fold every affine node into the weights before it, else into those behind it, else make it a convolution.

    Behind it, a shift may only meet a layer without padding: padding adds zeros after the shift, not before.

    Raises:
        UnsupportedOpError: normalisation over another axis than the last.
    """
    while True:
        found = next((node for node in network.nodes if node.kind in KINDS), None)
        if found is None:
            return network
        affine = _affine(found)
        network = (
            _into_producer(network, found, affine)
            or _into_consumer(network, found, affine)
            or _as_convolution(network, found, affine)
        )


def _affine(node: Node) -> Affine:
    channels = node.shape[-1]
    o = node.options
    if o.get("axis", -1) not in (-1, len(node.shape)):
        raise UnsupportedOpError(
            f"layer {node.name}: {node.kind} over axis {o['axis']}", "normalise the last axis, the channels"
        )
    if node.kind == "Rescaling":
        scale, shift = (
            np.broadcast_to(np.asarray(o[k], np.float64).reshape(-1), channels) for k in ("scale", "offset")
        )
        return Affine(scale, shift)
    weights = [np.asarray(w, np.float64).reshape(-1) for w in node.weights]
    if node.kind == "Normalization":
        mean, variance = (np.broadcast_to(w, channels) for w in weights[:2])
        scale = 1 / np.maximum(np.sqrt(variance), 1e-7)  # Keras's own epsilon
        return Affine(scale, -mean * scale)
    gamma = weights.pop(0) if o.get("scale", True) else np.ones(channels)
    beta = weights.pop(0) if o.get("center", True) else np.zeros(channels)
    mean, variance = weights
    scale = gamma / np.sqrt(variance + o["epsilon"])
    return Affine(scale, beta - mean * scale)


def _by_output_channel(kind: str, scale: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """`scale` in a shape that multiplies a kernel's output channels."""
    if kind == "DepthwiseConv2D":
        return scale.reshape(kernel.shape[2:])
    if kind == "Conv2DTranspose":
        return scale[:, None]
    return scale


def _into_producer(network: Network, node: Node, affine: Affine) -> Network | None:
    source = network.producers()[node.inputs[0]]
    while source.kind == "Dropout" and network.sole_consumer(source.output):  # nothing, in a trained model
        source = network.producers()[source.inputs[0]]
    if source.kind not in WEIGHTED or network.sole_consumer(source.output) is None:
        return None
    kernel = source.weights[0]
    bias = source.weights[1] if len(source.weights) > 1 else np.zeros(node.shape[-1])
    folded = (kernel * _by_output_channel(source.kind, affine.scale, kernel)).astype(np.float32)
    shifted = (bias * affine.scale + affine.shift).astype(np.float32)
    merged = replace(source, weights=(folded, shifted), options={**source.options, "use_bias": True})
    return _replaced(network, {source.output: merged}, {node.output: node.inputs[0]})


def _into_consumer(network: Network, node: Node, affine: Affine) -> Network | None:
    takers = network.consumers()[node.output]
    if node.output in network.outputs or not takers or not all(_takes(t, affine) for t in takers):
        return None
    changed = {taker.output: _with_affine_input(taker, affine) for taker in takers}
    return _replaced(network, changed, {node.output: node.inputs[0]})


def _takes(node: Node, affine: Affine) -> bool:
    if node.kind not in ("Conv2D", "DepthwiseConv2D", "Dense"):
        return False
    is_padded = node.options.get("padding") == "same" and max(node.weights[0].shape[:2]) > 1
    return not (affine.shift.any() and is_padded)


def _with_affine_input(node: Node, affine: Affine) -> Node:
    """A weighted layer that takes x where it took x·scale + shift."""
    kernel = node.weights[0].astype(np.float64)
    bias = node.weights[1] if len(node.weights) > 1 else np.zeros(node.shape[-1])
    if node.kind == "DepthwiseConv2D":
        shifted = np.einsum("hwcm,c->cm", kernel, affine.shift).reshape(-1)
    else:
        shifted = affine.shift @ kernel.reshape(-1, *kernel.shape[-2:]).sum(axis=0)
    scaled = kernel * affine.scale[:, None]
    weights = (scaled.astype(np.float32), (bias + shifted).astype(np.float32))
    return replace(node, weights=weights, options={**node.options, "use_bias": True})


def _as_convolution(network: Network, node: Node, affine: Affine) -> Network:
    """A depthwise 1×1 convolution, with reshapes around it where the value is no image."""
    channels = node.shape[-1]
    weights = (affine.scale.reshape(1, 1, channels, 1).astype(np.float32), affine.shift.astype(np.float32))
    options = {
        "kernel_size": 1,
        "strides": 1,
        "padding": "valid",
        "dilation_rate": 1,
        "depth_multiplier": 1,
        "use_bias": True,
    }
    value, made = network.fresh(), network.fresh() + 1
    image = node.shape if len(node.shape) == 3 else (1, int(np.prod(node.shape[:-1])), channels)
    if image == node.shape:
        new = [replace(node, kind="DepthwiseConv2D", options=options, weights=weights)]
    else:
        new = [
            Node(f"{node.name}_in", "Reshape", node.inputs, value, image, {"target_shape": image}),
            replace(
                node,
                kind="DepthwiseConv2D",
                inputs=(value,),
                output=made,
                shape=image,
                options=options,
                weights=weights,
            ),
            Node(
                f"{node.name}_out",
                "Reshape",
                (made,),
                node.output,
                node.shape,
                {"target_shape": node.shape},
            ),
        ]
    return network.with_nodes(n for old in network.nodes for n in (new if old is node else [old]))


def _replaced(network: Network, changed: dict[int, Node], names: dict[int, int]) -> Network:
    """Nodes changed by the value they make; values renamed, and the nodes that made them dropped."""
    nodes = [changed.get(node.output, node) for node in network.nodes if node.output not in names]
    return network.with_nodes(nodes).renamed(names)
