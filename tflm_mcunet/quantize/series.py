"""Series become images of height 1: TFLite has no 1-D kernels, and TF-MOT no 1-D layers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.quantize.network import Network, Node

#: Layers that do to (1, time, channels) what they do to (time, channels).
_SAME = ("Activation", "LeakyReLU", "Add", "Multiply", "Subtract", "Dropout", "Dense")
_SAME_AFFINE = ("BatchNormalization", "Rescaling", "Normalization")


def series_to_images(network: Network) -> Network:
    """Rewrite 1-D layers as 2-D ones on (1, time, channels), with reshapes only where series come in and go out.

    Raises:
        UnsupportedOpError: a 1-D layer with options that no 2-D one has.
    """
    if not any("1D" in node.kind for node in network.nodes):
        return network
    lifting = _Lifting(network)
    for node in network.nodes:
        lifting.take(node)
    return lifting.result()


class _Lifting:
    """Holds, for each value that is a series, the value that is the same as an image."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.counter = network.fresh()
        self.nodes: list[Node] = []
        self.shapes = {node.output: node.shape for node in (*network.inputs, *network.nodes)}
        #: Series -> image and, for values that exist as images only, nothing else.
        self.images: dict[int, int] = {}
        self.flat: set[int] = {node.output for node in network.inputs}

    def fresh(self) -> int:
        self.counter += 1
        return self.counter

    def take(self, node: Node) -> None:
        takes_series = any(len(self.shapes[value]) == 2 for value in node.inputs)
        if "1D" in node.kind:
            self._one_dimensional(node)
        elif takes_series and len(node.shape) == 2 and self._keeps_its_form(node):
            kind = "Conv2D" if node.kind == "Dense" else node.kind
            self._make(node, kind, self._lifted(node))
        elif node.kind in ("Flatten", "Reshape") and takes_series:
            # The order of the elements is the same in both forms.
            target = {"target_shape": node.shape}
            inputs = tuple(self._image(value) for value in node.inputs)
            self._plain(replace(node, kind="Reshape", options=target, inputs=inputs))
        else:
            self._plain(replace(node, inputs=tuple(self._series(value) for value in node.inputs)))

    def _keeps_its_form(self, node: Node) -> bool:
        if any(len(self.shapes[value]) != 2 for value in node.inputs):
            return False
        if node.kind == "PReLU":
            return True
        if node.kind == "Concatenate":
            return True
        if node.kind in _SAME_AFFINE:
            return node.options.get("axis", -1) in (-1, 2)
        return node.kind in _SAME

    def _lifted(self, node: Node) -> Node:
        if node.kind == "Concatenate":
            axis = node.options["axis"]
            return replace(node, options={"axis": axis if axis < 0 else axis + 1})
        if node.kind == "Dense":  # on the last axis, as a 1×1 convolution
            options = {"filters": node.options["units"], "kernel_size": 1, "strides": 1, "padding": "valid"}
            weights = (node.weights[0][None, None], *node.weights[1:])
            return replace(node, options={**options, "use_bias": node.options["use_bias"]}, weights=weights)
        if node.kind == "PReLU":
            shared = [axis + 1 for axis in node.options["shared_axes"] or []]
            weights = tuple(w[None] for w in node.weights)
            return replace(node, options={"shared_axes": [1, *shared]}, weights=weights)
        if node.kind in _SAME_AFFINE and "axis" in node.options:
            return replace(node, options={**node.options, "axis": -1})
        return node

    def _one_dimensional(self, node: Node) -> None:
        if node.kind.startswith("Global"):
            kind = node.kind.replace("1D", "2D")
            image = tuple(self._image(value) for value in node.inputs)
            options: dict[str, Any] = {"keepdims": bool(node.options.get("keepdims", False))}
            if options["keepdims"]:  # (1, channels) is a series of one step
                self._make(node, kind, replace(node, options=options))
            else:
                self._plain(replace(node, kind=kind, options=options, inputs=image))
            return
        if node.kind == "SpatialDropout1D":
            self._make(node, "SpatialDropout2D", node)
            return
        options = dict(node.options)
        for name in ("kernel_size", "strides", "pool_size", "size", "dilation_rate", "output_padding"):
            if options.get(name) is not None:
                options[name] = (1, _one(options[name]))
        for name in ("padding", "cropping"):
            if name in options and not isinstance(options[name], str):
                amount = options[name]
                both = (amount, amount) if isinstance(amount, int) else tuple(amount)
                options[name] = ((0, 0), both)
        kind = {"UpSampling1D": "UpSampling2D"}.get(node.kind, node.kind.replace("1D", "2D"))
        if kind == "UpSampling2D":
            options["interpolation"] = "nearest"
        weights = node.weights
        if node.kind.startswith(("Conv", "Depthwise")):
            weights = (weights[0][None], *weights[1:])
        if options.get("padding") == "causal":
            options["padding"] = "valid"
            node = self._causal(node, options)
        self._make(node, kind, replace(node, options=options, weights=weights))

    def _causal(self, node: Node, options: dict[str, Any]) -> Node:
        before = options["dilation_rate"][1] * (options["kernel_size"][1] - 1)
        source = self._image(node.inputs[0])
        _, time, channels = (1, *self.shapes[node.inputs[0]])
        padded, series = self.fresh(), self.fresh()
        shape = (1, time + before, channels)
        padding = {"padding": ((0, 0), (before, 0))}
        self.nodes.append(Node(f"{node.name}_pad", "ZeroPadding2D", (source,), padded, shape, padding))
        self.images[series], self.shapes[series] = padded, shape[1:]
        return replace(node, inputs=(series,))

    def _make(self, node: Node, kind: str, lifted: Node) -> None:
        """Add a node that computes the image of `node`'s series."""
        image = self.fresh()
        inputs = tuple(self._image(value) for value in node.inputs)
        if kind == "Conv2DTranspose" and node.options.get("output_padding") is not None:
            raise UnsupportedOpError(
                f"layer {node.name}: Conv1DTranspose with output_padding", "leave output_padding out"
            )
        self.nodes.append(replace(lifted, kind=kind, inputs=inputs, output=image, shape=(1, *node.shape)))
        self.images[node.output] = image

    def _plain(self, node: Node) -> None:
        self.nodes.append(node)
        self.flat.add(node.output)

    def _image(self, value: int) -> int:
        """A series as an image; any other value as it is."""
        if len(self.shapes[value]) != 2:
            return value
        if value not in self.images:
            self.images[value] = self._reshape(value, (1, *self.shapes[value]), f"image_{value}")
        return self.images[value]

    def _series(self, value: int) -> int:
        """A series as a series, for layers without an image's form."""
        if value in self.flat:
            return value
        self.flat.add(value)
        self.nodes.append(
            Node(
                f"series_{value}",
                "Reshape",
                (self.images[value],),
                value,
                self.shapes[value],
                {"target_shape": self.shapes[value]},
            )
        )
        return value

    def _reshape(self, value: int, shape: tuple[int, ...], name: str) -> int:
        made = self.fresh()
        self.nodes.append(Node(name, "Reshape", (value,), made, shape, {"target_shape": shape}))
        return made

    def result(self) -> Network:
        outputs = tuple(self._series(value) for value in self.network.outputs)
        used = _used(self.nodes, outputs)
        return replace(self.network, nodes=tuple(n for n in self.nodes if n.output in used), outputs=outputs)


def _used(nodes: Iterable[Node], outputs: tuple[int, ...]) -> set[int]:
    used = set(outputs)
    for node in reversed(list(nodes)):
        if node.output in used:
            used.update(node.inputs)
    return used


def _one(size: Any) -> int:
    return int(np.asarray(size).reshape(-1)[0])
