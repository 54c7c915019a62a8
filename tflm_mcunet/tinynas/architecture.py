"""A network as plain data: a stem, inverted-residual blocks, a classifier; frozen, and JSON both ways."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tflm_mcunet.backend.layers import Layer
from tflm_mcunet.errors import UsageError


@dataclass(frozen=True)
class Block:
    """One inverted residual: 1x1 expansion, depthwise convolution, 1x1 projection (Sandler et al., 2018).

    The input is added to the output where both have one shape.

    Args:
        channels: int. Of the output.
        expanded: int. Of the depthwise convolution. Equal to the input's channels where `expands` is False.
        kernel: int. Of the depthwise convolution, odd.
        stride: int. 1 or 2.
        squeeze: int. Channels of the bottleneck of a squeeze-and-excite after the depthwise convolution; 0 for none.
        expands: bool. Whether there is an expansion at all; MobileNetV2's first block has none.
    """

    channels: int
    expanded: int
    kernel: int = 3
    stride: int = 1
    squeeze: int = 0
    expands: bool = True


@dataclass(frozen=True)
class Architecture:
    """A whole network. Two equal architectures are the same network.

    Args:
        input_shape: tuple of int. (height, width, channels); a series is (steps, 1, channels).
        classes: int. Outputs; the network gives logits.
        stem_channels, stem_kernel, stem_stride: int. The first convolution.
        blocks: tuple of Block.
        head_channels: int. Of a 1x1 convolution before the global pool; 0 for none.
        axes: int. 2: kernels are k x k. 1: kernels are k x 1, along the height, which is time.

    Example:
        >>> tiny = Architecture((8, 8, 1), 10, 8, 3, 1, (Block(16, 24, stride=2), Block(16, 48)))
        >>> tiny.macs, tiny.parameters
        (58144, 3186)
        >>> Architecture.from_json(tiny.to_json()) == tiny
        True
    """

    input_shape: tuple[int, int, int]
    classes: int
    stem_channels: int
    stem_kernel: int
    stem_stride: int
    blocks: tuple[Block, ...]
    head_channels: int = 0
    axes: int = 2

    def __post_init__(self) -> None:
        if self.axes not in (1, 2):
            raise UsageError(f"Expected `axes` to be 1 or 2, got {self.axes!r}")
        sizes = (*self.input_shape, self.classes, self.stem_channels, self.stem_kernel, self.stem_stride)
        if len(self.input_shape) != 3 or not all(isinstance(n, int) and n > 0 for n in sizes):
            raise UsageError(
                f"Expected positive sizes and an input shape of (height, width, channels): {self}"
            )
        channels = self.stem_channels
        for number, block in enumerate(self.blocks):
            if min(block.channels, block.expanded, block.kernel, block.stride) < 1 or block.squeeze < 0:
                raise UsageError(f"block {number}: expected positive sizes, got {block}")
            if not block.expands and block.expanded != channels:
                raise UsageError(
                    f"block {number}: without an expansion it has its input's {channels} channels, "
                    f"got expanded={block.expanded}"
                )
            channels = block.channels

    def layers(self) -> tuple[Layer, ...]:
        """The network layer by layer, from which the Graph and the Keras model are built alike."""
        return tuple(_layers(self))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference, as the report counts them: convolutions and dense layers."""
        return sum(layer_macs(layer, shape) for layer, _, shape in self.shapes())

    @property
    def parameters(self) -> int:
        """Weights and biases of the deployed network, batch normalisation folded."""
        return sum(layer_parameters(layer, source) for layer, source, _ in self.shapes())

    def shapes(self) -> Iterator[tuple[Layer, tuple[int, ...], tuple[int, ...]]]:
        """(layer, shape of its first input, shape of its output), without the batch."""
        known: dict[str, tuple[int, ...]] = {}
        for layer in self.layers():
            source = known[layer.inputs[0]] if layer.inputs else self.input_shape
            known[layer.name] = layer_shape(layer, source)
            yield layer, source, known[layer.name]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Architecture:
        """The inverse of `to_dict`; UsageError where a field is unknown, missing or has the wrong type."""
        try:
            fields = dict(data)
            fields["blocks"] = tuple(Block(**block) for block in fields["blocks"])
            fields["input_shape"] = tuple(fields["input_shape"])
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise UsageError(f"expected the data of an architecture: {error}") from error

    def to_json(self) -> str:
        """One line of JSON with sorted keys: equal architectures give equal text."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Architecture:
        """The inverse of `to_json`."""
        try:
            return cls.from_dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise UsageError(f"expected the JSON of an architecture: {error}") from error


def layer_shape(layer: Layer, source: tuple[int, ...]) -> tuple[int, ...]:
    """A layer's output shape, without the batch."""
    if layer.kind in ("conv", "depthwise"):
        height, width = (-(-n // layer.stride) for n in source[:2])
        return height, width, layer.channels or source[2]
    if layer.kind == "pool":
        return (1, 1, source[2]) if layer.keeps_map else (source[2],)
    if layer.kind == "dense":
        return (layer.channels,)
    return source


def layer_macs(layer: Layer, shape: tuple[int, ...]) -> int:
    """Multiply-accumulates of a layer with this output shape."""
    if layer.kind == "conv":
        return math.prod(shape) * math.prod(layer.kernel) * layer.input_channels
    if layer.kind == "depthwise":
        return math.prod(shape) * math.prod(layer.kernel)
    return layer.channels * layer.input_channels if layer.kind == "dense" else 0


def layer_parameters(layer: Layer, source: tuple[int, ...]) -> int:
    """Weights and biases of a layer."""
    if layer.kind in ("conv", "dense"):
        return layer.channels * (math.prod(layer.kernel) * source[-1] + 1)
    return source[-1] * (math.prod(layer.kernel) + 1) if layer.kind == "depthwise" else 0


def _layers(net: Architecture) -> Iterator[Layer]:
    def kernel(size: int) -> tuple[int, int]:
        return (size, size) if net.axes == 2 else (size, 1)

    yield Layer("input", "input")
    channels, last = net.stem_channels, "stem"
    yield Layer(
        "conv",
        last,
        ("input",),
        channels,
        kernel(net.stem_kernel),
        net.stem_stride,
        "relu6",
        True,
        input_channels=net.input_shape[2],
    )
    for number, block in enumerate(net.blocks):
        name, start = f"block{number}", last
        if block.expands:
            yield Layer(
                "conv",
                f"{name}_expand",
                (last,),
                block.expanded,
                activation="relu6",
                norm=True,
                input_channels=channels,
            )
            last = f"{name}_expand"
        yield Layer(
            "depthwise",
            f"{name}_depthwise",
            (last,),
            0,
            kernel(block.kernel),
            block.stride,
            "relu6",
            True,
            input_channels=block.expanded,
        )
        last = f"{name}_depthwise"
        if block.squeeze:
            yield from _squeeze(name, last, block)
            last = f"{name}_scaled"
        yield Layer(
            "conv", f"{name}_project", (last,), block.channels, norm=True, input_channels=block.expanded
        )
        last = f"{name}_project"
        if block.stride == 1 and block.channels == channels:
            yield Layer("add", f"{name}_add", (start, last))
            last = f"{name}_add"
        channels = block.channels
    if net.head_channels:
        yield Layer(
            "conv",
            "head",
            (last,),
            net.head_channels,
            activation="relu6",
            norm=True,
            input_channels=channels,
        )
        last, channels = "head", net.head_channels
    yield Layer("pool", "pool", (last,))
    yield Layer("dense", "logits", ("pool",), net.classes, input_channels=channels)


def _squeeze(name: str, source: str, block: Block) -> Iterator[Layer]:
    """Squeeze-and-excite (Hu et al., 2018): each channel scaled by a gate that reads the means of all."""
    yield Layer("pool", f"{name}_squeeze", (source,), keeps_map=True)
    yield Layer(
        "conv",
        f"{name}_reduce",
        (f"{name}_squeeze",),
        block.squeeze,
        activation="relu",
        input_channels=block.expanded,
    )
    yield Layer("conv", f"{name}_gate", (f"{name}_reduce",), block.expanded, input_channels=block.squeeze)
    yield Layer("sigmoid", f"{name}_sigmoid", (f"{name}_gate",))
    yield Layer("multiply", f"{name}_scaled", (source, f"{name}_sigmoid"))
