"""Weights of a supernet as arrays: sorted by importance without a change of function, and sliced into a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tflm_mcunet.backend.elastic import CHANNELS, EXPANDED, EXPANDS, KERNEL, SQUEEZE, ElasticShape

Arrays = dict[str, np.ndarray]


def sorted_channels(shape: ElasticShape, arrays: Mapping[str, np.ndarray]) -> Arrays:
    """Channels reordered so that the first are the most important; the largest network computes the same.

    Importance is the L1 norm of the weights that read a channel, as in Once-for-All: for the expanded channels of a
    block those of its projection, for the channels between blocks those of all layers that read them. Channels that
    an addition joins (and those of a block that may be left out) are one group, with one order.

    Args:
        shape: ElasticShape.
        arrays: mapping. All variables of the network by name.
    """
    sorted_ = {name: np.array(values) for name, values in arrays.items()}
    for group in _groups(shape):
        _reorder(sorted_, group)
    return sorted_


#: (array's name, axis) pairs: what produces a run of channels, and what reads it.
Places = list[tuple[str, int]]


def _groups(shape: ElasticShape) -> Iterator[tuple[Places, Places]]:
    """(written, read) of every set of channels that can be reordered together."""
    written: Places = _normed("stem", 3)
    read: Places = []
    channels = shape.stem_channels
    for number, slot in enumerate(shape.slots):
        name = f"slot{number}"
        joined = slot.stride == 1 and slot.channels == channels
        inner_written: Places = [(f"{name}_depthwise", 2), *_norm_names(f"{name}_depthwise")]
        inner_read: Places = [(f"{name}_project", 2)]
        if slot.squeeze:
            inner_written += [(f"{name}_gate", 3), (f"{name}_gate_bias", 0)]
            inner_read.append((f"{name}_reduce", 2))
            yield [(f"{name}_reduce", 3), (f"{name}_reduce_bias", 0)], [(f"{name}_gate", 2)]
        if slot.expands:
            read.append((f"{name}_expand", 2))
            yield inner_written + _normed(f"{name}_expand", 3), inner_read
        else:
            # The depthwise convolution's channels are those between the blocks.
            written = written + inner_written
            read = read + inner_read
        produced = _normed(f"{name}_project", 3)
        if joined:
            written = written + produced
        else:
            yield written, read
            written, read = produced, []
        channels = slot.channels
    if shape.head_channels:
        yield written, [*read, ("head", 2)]
        written, read = _normed("head", 3), []
    yield written, [*read, ("logits", 0)]


def _normed(name: str, axis: int) -> Places:
    return [(name, axis), *_norm_names(name)]


def _norm_names(name: str) -> Places:
    return [(f"{name}_{kind}", 0) for kind in ("gamma", "beta", "mean", "variance")]


def _reorder(arrays: Arrays, group: tuple[Places, Places]) -> None:
    written, read = group
    importance = 0.0
    for name, axis in read:
        others = tuple(a for a in range(arrays[name].ndim) if a != axis)
        importance = importance + np.abs(arrays[name]).sum(axis=others)
    order = np.argsort(-np.asarray(importance), kind="stable")
    for name, axis in (*written, *read):
        arrays[name] = np.take(arrays[name], order, axis=axis)


def model_weights(
    shape: ElasticShape, arrays: Mapping[str, np.ndarray], choice: np.ndarray
) -> dict[str, list[np.ndarray]]:
    """The weights of a subnet, as a model of `network.build_model` has them.

    Args:
        shape: ElasticShape.
        arrays: mapping. All variables of the network by name.
        choice: int32[slots + 2, 5].

    Returns:
        dict. Layer name of the model -> its weights in Keras' order.
    """
    take = _Taker(arrays, {})
    channels = shape.input_shape[2]
    take.conv("stem", "stem", channels, int(choice[0, CHANNELS]))
    channels = int(choice[0, CHANNELS])
    present = [(n, row) for n, row in enumerate(choice[1:-1]) if row[KERNEL] > 0]
    for number, (place, row) in enumerate(present):
        slot, name = f"slot{place}", f"block{number}"
        expanded, squeeze, outputs = (int(row[column]) for column in (EXPANDED, SQUEEZE, CHANNELS))
        if row[EXPANDS]:
            take.conv(f"{name}_expand", f"{slot}_expand", channels, expanded)
        rim = (shape.slots[place].kernel - int(row[KERNEL])) // 2
        take.depthwise(f"{name}_depthwise", f"{slot}_depthwise", rim, expanded, shape.axes)
        if squeeze:
            take.conv(f"{name}_reduce", f"{slot}_reduce", expanded, squeeze)
            take.conv(f"{name}_gate", f"{slot}_gate", squeeze, expanded)
        take.conv(f"{name}_project", f"{slot}_project", expanded, outputs)
        channels = outputs
    if shape.head_channels:
        take.conv("head", "head", channels, int(choice[-1, CHANNELS]))
        channels = int(choice[-1, CHANNELS])
    take.found["logits"] = [arrays["logits"][:channels], arrays["logits_bias"]]
    return take.found


class _Taker:
    """Collects slices under the names that the model gives its layers."""

    def __init__(self, arrays: Mapping[str, np.ndarray], found: dict[str, list[np.ndarray]]) -> None:
        self.arrays, self.found = arrays, found

    def conv(self, name: str, source: str, inputs: int, outputs: int) -> None:
        weights = [self.arrays[source][:, :, :inputs, :outputs]]
        if f"{source}_bias" in self.arrays:
            weights.append(self.arrays[f"{source}_bias"][:outputs])
        self.found[name] = weights
        self.norm(name, source, outputs)

    def depthwise(self, name: str, source: str, rim: int, channels: int, axes: int) -> None:
        kernel = self.arrays[source]
        kernel = kernel[rim : kernel.shape[0] - rim, :, :channels]
        self.found[name] = [kernel[:, rim : kernel.shape[1] - rim] if axes == 2 else kernel]
        self.norm(name, source, channels)

    def norm(self, name: str, source: str, channels: int) -> None:
        if f"{source}_gamma" in self.arrays:
            kinds = ("gamma", "beta", "mean", "variance")
            self.found[f"{name}_norm"] = [self.arrays[f"{source}_{kind}"][:channels] for kind in kinds]


def set_model_weights(model: Any, weights: Mapping[str, list[np.ndarray]]) -> None:
    """Give a Keras model these weights, layer by layer.

    Raises:
        ValueError: a layer is missing, or shapes differ (from Keras).
    """
    for name, arrays in weights.items():
        model.get_layer(name).set_weights(arrays)
