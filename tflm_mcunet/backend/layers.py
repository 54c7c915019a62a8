"""A layer as plain data, of the few kinds that searched networks are made of; builds under either Keras."""

from __future__ import annotations

from dataclasses import dataclass

#: What a layer can be. Every kind becomes one operator of the deployed model, but for the input.
KINDS = ("input", "conv", "depthwise", "add", "multiply", "sigmoid", "pool", "dense")


@dataclass(frozen=True)
class Layer:
    """One layer; names of other layers are its inputs.

    Args:
        kind: str. Out of `KINDS`; "pool" is the global average.
        name: str. Unique in the network.
        inputs: tuple of str. In the order of the operands.
        channels: int. Of the output of "conv" and "dense"; 0 where it is the input's.
        kernel: tuple of int. (height, width); padded so that stride 1 keeps the size.
        stride: int. Along both axes.
        activation: str. "", "relu" or "relu6"; part of the operator.
        norm: bool. Whether training puts a batch normalisation between convolution and activation.
        keeps_map: bool. Whether a "pool" gives a map of 1x1 instead of a vector.
        input_channels: int. Of the first input, for layers with weights.
    """

    kind: str
    name: str
    inputs: tuple[str, ...] = ()
    channels: int = 0
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    activation: str = ""
    norm: bool = False
    keeps_map: bool = False
    input_channels: int = 0
