"""Network → Network: the same function in the few forms that INT8 kernels have, each rewrite exact in real numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.quantize.affine import fold_affine
from tflm_mcunet.quantize.catalogue import WEIGHTED
from tflm_mcunet.quantize.network import Network, Node
from tflm_mcunet.quantize.series import series_to_images

#: Layers that do nothing once a model is trained, and hinder the folding of others.
_NOTHING = ("ActivityRegularization", "GaussianDropout", "GaussianNoise", "Identity")


def canonical(network: Network) -> Network:
    """Simplify a described network for quantisation-aware training.

    - a separable convolution becomes a depthwise one and a 1×1 one;
    - activations become nodes of their own, silu and hard_sigmoid their parts; hard_silu written out as
      x·relu6(x + 3)/6 becomes one again;
    - series become images of height 1;
    - the 3 of a hard_sigmoid goes into the bias before it;
    - batch normalisation, rescaling and normalisation fold into the weights before or behind them, or become a
      depthwise 1×1 convolution.

    Raises:
        UnsupportedOpError: a layer's options cannot be expressed so.
    """
    steps = (
        _drop_nothing,
        _split_separable,
        _split_activations,
        _join_hard,
        series_to_images,
        fold_affine,
        _shift_into_bias,
    )
    for step in steps:
        network = step(network)
    return network


def _rewritten(network: Network, rewrite: Callable[[Node, Callable[[], int]], list[Node]]) -> Network:
    """Each node replaced by nodes, the last of which makes the node's value."""
    counter = network.fresh()

    def fresh() -> int:
        nonlocal counter
        counter += 1
        return counter

    return network.with_nodes(new for node in network.nodes for new in rewrite(node, fresh))


def _drop_nothing(network: Network) -> Network:
    dropped = {
        node.output: node.inputs[0]
        for node in network.nodes
        if node.kind in _NOTHING
        or (node.kind == "Activation" and node.options["activation"] == "linear")
        or ("Dropout" in node.kind and not node.options.get("rate", 1))
    }
    kept = network.with_nodes(node for node in network.nodes if node.output not in dropped)
    return kept.renamed(dropped)


def _split_separable(network: Network) -> Network:
    def rewrite(node: Node, fresh: Callable[[], int]) -> list[Node]:
        if not node.kind.startswith("SeparableConv"):
            return [node]
        dimensions = node.kind.removeprefix("SeparableConv")
        o = node.options
        depthwise, pointwise, *bias = node.weights
        middle = fresh()
        first = {k: o[k] for k in ("kernel_size", "strides", "padding", "depth_multiplier", "dilation_rate")}
        second = {"filters": o["filters"], "kernel_size": 1, "strides": 1, "padding": "valid"}
        return [
            Node(
                f"{node.name}_depthwise",
                f"DepthwiseConv{dimensions}",
                node.inputs,
                middle,
                (*node.shape[:-1], depthwise.shape[-1] * depthwise.shape[-2]),
                {**first, "use_bias": False, "activation": "linear"},
                (depthwise,),
            ),
            replace(
                node,
                kind=f"Conv{dimensions}",
                inputs=(middle,),
                options={**second, "use_bias": o["use_bias"], "activation": o["activation"]},
                weights=(pointwise, *bias),
            ),
        ]

    return _rewritten(network, rewrite)


def _split_activations(network: Network) -> Network:
    def rewrite(node: Node, fresh: Callable[[], int]) -> list[Node]:
        if node.kind in ("ReLU", "Softmax"):
            node = _as_activation(node)
        if node.kind == "LeakyReLU":
            slope = node.options.get("alpha", node.options.get("negative_slope"))
            return [replace(node, options={"alpha": float(slope)})]  # type: ignore[arg-type]
        if node.kind == "Activation":
            return _parts(node, node.options["activation"], node.inputs[0], fresh)
        activation = node.options.get("activation", "linear")
        options = {k: v for k, v in node.options.items() if k != "activation"}
        node = replace(node, options=options)
        if activation == "linear":
            return [node]
        middle = fresh()
        last = Node(f"{node.name}_{activation}", "Activation", (middle,), node.output, node.shape)
        return [replace(node, output=middle), *_parts(last, activation, middle, fresh)]

    return _rewritten(network, rewrite)


def _as_activation(node: Node) -> Node:
    """ReLU and Softmax layers as activations, where they are of the common kind."""
    if node.kind == "Softmax":
        if node.options["axis"] not in (-1, len(node.shape)):
            raise UnsupportedOpError(
                f"layer {node.name}: softmax over axis {node.options['axis']}", "use the last axis"
            )
        return replace(node, kind="Activation", options={"activation": "softmax"})
    most, slope, threshold = (node.options.get(k) for k in ("max_value", "negative_slope", "threshold"))
    if threshold or (slope and most is not None):
        raise UnsupportedOpError(
            f"layer {node.name}: ReLU with a threshold, or with a slope and a limit, has no INT8 kernel",
            "use ReLU(), ReLU(6.0) or LeakyReLU",
        )
    if slope:
        return replace(node, kind="LeakyReLU", options={"alpha": float(slope)})
    if most is None or float(most) == 6:
        return replace(node, kind="Activation", options={"activation": "relu" if most is None else "relu6"})
    raise UnsupportedOpError(
        f"layer {node.name}: ReLU up to {float(most)} has no INT8 kernel", "use ReLU() or ReLU(6.0)"
    )


def _parts(node: Node, activation: str, value: int, fresh: Callable[[], int]) -> list[Node]:
    """An activation as nodes; TFLite computes silu and hard_sigmoid in steps, each quantised."""

    def step(name: str, kind: str, inputs: tuple[int, ...], output: int, **options: Any) -> Node:
        return Node(f"{node.name}{name}", kind, inputs, output, node.shape, options)

    if activation == "silu":
        middle = fresh()
        return [
            step("_sigmoid", "Activation", (value,), middle, activation="sigmoid"),
            step("", "Multiply", (value, middle), node.output),
        ]
    if activation == "hard_sigmoid":
        middle = fresh()
        return [
            step("_relu6", "Activation", (value,), middle, activation="shifted_relu6"),
            step("", "Activation", (middle,), node.output, activation="sixth"),
        ]
    return [step("", "Activation", (value,), node.output, activation=activation)]


def _join_hard(network: Network) -> Network:
    """relu6(x + 3), its sixth, and x times that, where they are written out in arithmetic."""
    changed: dict[int, Node] = {}
    gone: set[int] = set()
    made = dict(network.producers())
    for node in network.nodes:
        before = made[node.inputs[0]]
        alone = network.sole_consumer(before.output) is not None
        if _is(node, "relu6") and alone and _rescales(before, 1.0, 3.0):
            joined = _activation(node, "shifted_relu6", before.inputs)
        elif _rescales(node, 1 / 6, 0.0) and _is(before, "shifted_relu6"):
            made[node.output] = changed[node.output] = _activation(node, "sixth", node.inputs)
            continue
        elif (factor := _hard_factor(network, node, made)) is not None:
            joined = _activation(node, "hard_silu", (factor,))
            gone.update(_chain(node, factor, made))
        else:
            continue
        if joined.options["activation"] == "shifted_relu6":
            gone.add(before.output)
        made[node.output] = changed[node.output] = joined
    return network.with_nodes(
        changed.get(node.output, node) for node in network.nodes if node.output not in gone
    )


def _shift_into_bias(network: Network) -> Network:
    """relu6(x + 3) behind a layer with weights: the 3 goes into its bias, and what is left fuses."""
    producers = network.producers()
    changed: dict[int, Node] = {}
    for node in network.nodes:
        before = producers[node.inputs[0]]
        if _is(node, "shifted_relu6") and before.kind in WEIGHTED and network.sole_consumer(before.output):
            bias = before.weights[1] if len(before.weights) > 1 else np.zeros(node.shape[-1], np.float32)
            weights = (before.weights[0], (bias + 3.0).astype(np.float32))
            options = {**before.options, "use_bias": True}
            changed[before.output] = replace(before, weights=weights, options=options)
            changed[node.output] = replace(node, options={"activation": "relu6"})
    return network.with_nodes(changed.get(node.output, node) for node in network.nodes)


def _is(node: Node, activation: str) -> bool:
    return node.kind == "Activation" and node.options["activation"] == activation


def _rescales(node: Node, scale: float, offset: float) -> bool:
    if node.kind != "Rescaling" or np.ndim(node.options["scale"]) or np.ndim(node.options["offset"]):
        return False
    return bool(np.isclose(node.options["scale"], scale) and node.options["offset"] == offset)


def _activation(node: Node, activation: str, inputs: tuple[int, ...]) -> Node:
    return replace(node, kind="Activation", inputs=inputs, options={"activation": activation})


def _hard_factor(network: Network, node: Node, made: dict[int, Node]) -> int | None:
    """x, where the node multiplies x by the sixth of relu6(x + 3), and nothing else takes these."""
    if node.kind != "Multiply" or len(node.inputs) != 2:
        return None
    for value, other in (node.inputs, node.inputs[::-1]):
        sixth = made[other]
        shifted = made[sixth.inputs[0]] if _is(sixth, "sixth") else sixth
        if (
            _is(shifted, "shifted_relu6")
            and shifted is not sixth
            and shifted.inputs == (value,)
            and network.sole_consumer(sixth.output)
            and network.sole_consumer(shifted.output)
        ):
            return value
    return None


def _chain(node: Node, value: int, made: dict[int, Node]) -> list[int]:
    """The values between x and the multiplication."""
    sixth = made[node.inputs[0] if node.inputs[1] == value else node.inputs[1]]
    return [sixth.output, sixth.inputs[0]]
