"""Draws networks of the MCUNet kind: long runs of convolutions that rows can flow through."""

from __future__ import annotations

import numpy as np

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import SAME, VALID

KERNELS = ((1, 1), (3, 3), (3, 3), (5, 5), (7, 7), (1, 3), (3, 1), (2, 2))


class Chain:
    """A network under construction; `x` is the map that the next block reads."""

    def __init__(self, seed: int) -> None:
        self.b = GraphBuilder(seed)
        self.random = self.b.random
        self.x = self.b.input((1, *self.random.integers(5, 30, 2), self.random.integers(1, 5)))
        self.kept: list[int] = []

    def pick(self, options):
        return options[self.random.integers(len(options))]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.b.tensors[self.x].shape

    def window(self) -> dict:
        """Kernel, stride, dilation and padding that leave at least one output position."""
        kernel, stride = self.pick(KERNELS), self.pick(((1, 1), (1, 1), (2, 2), (2, 1), (3, 2)))
        dilation = self.pick(((1, 1), (1, 1), (1, 1), (2, 2))) if stride == (1, 1) else (1, 1)
        extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        is_room = all(size >= extent for size, extent in zip(self.shape[1:3], extents, strict=True))
        padding = self.pick((SAME, VALID)) if is_room else SAME
        return {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": padding}

    def activation(self) -> str:
        return self.pick(("NONE", "RELU", "RELU6"))

    def convolution(self) -> None:
        channels = int(self.random.integers(1, 9))
        self.x = self.b.conv_2d(self.x, channels, activation=self.activation(), **self.window())

    def depthwise(self) -> None:
        multiplier = self.pick((1, 1, 1, 2))
        self.x = self.b.depthwise_conv_2d(
            self.x, multiplier=multiplier, activation=self.activation(), **self.window()
        )

    def padded(self) -> None:
        """An explicit, often asymmetric PAD before a VALID convolution, as exporters write it."""
        stride, pads = self.pick(((1, 1), (2, 2))), self.random.integers(0, 4, (2, 2))
        self.x = self.b.pad(self.x, [(0, 0), *((int(p), int(q)) for p, q in pads), (0, 0)])
        sizes = [size for size in (3, 5, 7) if size <= min(self.shape[1:3])]
        kernel = (self.pick(sizes),) * 2 if sizes else (1, 1)
        self.x = self.b.depthwise_conv_2d(self.x, kernel, stride=stride, padding=VALID)

    def bottleneck(self) -> None:
        """MCUNet's block: expand, depthwise, project, and an add where the shapes allow it."""
        before, channels = self.x, self.shape[3]
        stride = self.pick(((1, 1), (1, 1), (2, 2)))
        self.x = self.b.conv_2d(self.x, channels * self.pick((2, 3)), activation="RELU6")
        kernel = self.pick(((3, 3), (5, 5), (7, 7)))
        self.x = self.b.depthwise_conv_2d(self.x, kernel, stride=stride, activation="RELU6")
        self.x = self.b.conv_2d(self.x, channels if stride == (1, 1) else int(self.random.integers(2, 7)))
        if stride == (1, 1):
            pair = (before, self.x) if self.random.random() < 0.5 else (self.x, before)
            self.x = self.b.binary(self.pick(("ADD", "SUB")), *pair, activation=self.activation())

    def branches(self) -> None:
        """Two ways from one map that rejoin in a concatenation."""
        tensor = self.b.tensors[self.x]
        like = {"scale": tensor.scale, "zero_point": tensor.zero_point}
        one = self.b.conv_2d(self.x, 3, (3, 3), **like)
        two = self.b.depthwise_conv_2d(self.x, self.pick(((3, 3), (5, 5))), **like)
        ways = [one, two, self.x] if self.random.random() < 0.5 else [two, one]
        self.x = self.b.concatenation(ways)

    def pool(self) -> None:
        kind, size = self.pick(("AVERAGE_POOL_2D", "MAX_POOL_2D")), self.pick(((2, 2), (3, 3)))
        self.x = self.b.pool_2d(kind, self.x, size, stride=self.pick(((1, 1), (2, 2))), padding=SAME)

    def elementwise(self) -> None:
        self.x = self.b.op(self.pick(("RELU", "HARD_SWISH")), [self.x], {})

    def head(self) -> int:
        """A classifier after a global pool, or the map itself."""
        end = self.random.random()
        if end < 0.25:
            return self.x
        if end < 0.6:
            pooled = self.b.pool_2d("AVERAGE_POOL_2D", self.x, self.shape[1:3], padding=VALID)
            pooled = self.b.reshape(pooled, (1, self.shape[3]))
        else:
            pooled = self.b.mean(self.x, (1, 2), keep_dims=bool(self.random.integers(2)))
        return self.b.softmax(self.b.fully_connected(pooled, 5))


BLOCKS = ("bottleneck", "bottleneck", "branches", "convolution", "convolution", "depthwise", "depthwise",
          "elementwise", "padded", "pool")  # fmt: skip


def chain(seed: int) -> Graph:
    """A network of up to eight blocks; now and then an inner map is an output too."""
    c = Chain(seed)
    for _ in range(c.random.integers(1, 9)):
        getattr(c, c.pick(BLOCKS))()
        if c.random.random() < 0.07:
            c.kept.append(c.x)
    outputs = dict.fromkeys([c.head(), *c.kept])
    return c.b.finish(list(np.array(list(outputs))))
