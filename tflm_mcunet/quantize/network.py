"""A Keras model as plain data: layers by name and kind, their options, their weights, and who feeds whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Node:
    """One call of one layer.

    Args:
        name: str. Of the layer, unique in the network.
        kind: str. The layer's class, by tf_keras's name.
        inputs: tuple of int. The values that it takes.
        output: int. The value that it makes.
        shape: tuple of int. Of that value, without the batch.
        options: mapping. What the layer is built with, by tf_keras's names of arguments.
        weights: tuple of float32 arrays, in the order of `layer.get_weights()`.
    """

    name: str
    kind: str
    inputs: tuple[int, ...]
    output: int
    shape: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: tuple[np.ndarray, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Network:
    """Nodes in an order in which they can run.

    Args:
        inputs: tuple of Node of kind "InputLayer", in the model's order.
        nodes: tuple of Node, without the inputs.
        outputs: tuple of int. Values, in the model's order.
    """

    inputs: tuple[Node, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]

    def consumers(self) -> dict[int, list[Node]]:
        """Value -> the nodes that take it; a node that takes it twice stands there twice."""
        taken: dict[int, list[Node]] = {node.output: [] for node in (*self.inputs, *self.nodes)}
        for node in self.nodes:
            for value in node.inputs:
                taken[value].append(node)
        return taken

    def producers(self) -> dict[int, Node]:
        """Value -> the node that makes it."""
        return {node.output: node for node in (*self.inputs, *self.nodes)}

    def sole_consumer(self, value: int) -> Node | None:
        """The only node that takes a value, unless the value is an output too."""
        takers = self.consumers()[value]
        return takers[0] if len(takers) == 1 and value not in self.outputs else None

    def fresh(self) -> int:
        """A value that no node makes yet; the ones after it are free, too."""
        return 1 + max(node.output for node in (*self.inputs, *self.nodes))

    def with_nodes(self, nodes: Iterable[Node]) -> Network:
        """The same with other nodes."""
        return replace(self, nodes=tuple(nodes))

    def renamed(self, names: Mapping[int, int]) -> Network:
        """The same with values replaced where they are taken (chains of names are followed)."""

        def final(value: int) -> int:
            while value in names:
                value = names[value]
            return value

        nodes = (replace(node, inputs=tuple(final(v) for v in node.inputs)) for node in self.nodes)
        return replace(self, nodes=tuple(nodes), outputs=tuple(final(v) for v in self.outputs))
