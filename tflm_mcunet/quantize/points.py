"""Which values of a network are INT8 tensors of their own on the device, so that training must round them."""

from __future__ import annotations

from tflm_mcunet.quantize.network import Network, Node

#: TFLite's kernels of these take a ReLU or ReLU6 in: between the two there is no INT8 tensor.
_FUSES = ("Conv2D", "DepthwiseConv2D", "Dense", "Add", "Multiply", "Subtract")

#: These keep the scale of what they take: TFLite's specification demands it.
_SAME_SCALE = (
    "AveragePooling2D",
    "Cropping2D",
    "Dropout",
    "Flatten",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "MaxPooling2D",
    "Permute",
    "Reshape",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "UpSampling2D",
    "ZeroPadding2D",
)

#: TFLite gives the outputs of these a fixed scale.
_FIXED = ("sigmoid", "tanh", "softmax")


def quantised_values(network: Network) -> frozenset[int]:
    """The values that get a range and are rounded in training: inputs, and what an INT8 kernel writes.

    Not rounded are values that a fused activation takes in, values of operators that keep or fix their scale,
    and what is only taken by a concatenation, whose inputs all get the scale of its output.
    """
    consumers = network.consumers()
    found = set()
    for node in (*network.inputs, *network.nodes):
        takers = consumers[node.output]
        is_inner = node.output not in network.outputs and bool(takers)
        if node.kind in _SAME_SCALE or node.options.get("activation") in _FIXED:
            continue
        if is_inner and len(takers) == 1 and node.kind in _FUSES and _is_relu(takers[0]):
            continue
        if is_inner and node.kind != "InputLayer" and all(taker.kind == "Concatenate" for taker in takers):
            continue
        found.add(node.output)
    return frozenset(found)


def _is_relu(node: Node) -> bool:
    return node.kind == "Activation" and node.options["activation"] in ("relu", "relu6")
