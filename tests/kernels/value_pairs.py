"""ADD, SUB and MUL of every pair of int8 values, at scales whose quotients the last bit decides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph

TYPES = ("ADD", "SUB", "MUL")

#: (first, second, output). Many results are next to a half here: of the 65,536 of a row up to 6,751 differences were
#: off by one with SUB's quotients in float64 instead of float32, and 6,866 sums would be with ADD's in float32.
SCALES = (
    (0.15, 0.1, 0.1),
    (0.05, 0.15, 0.1),
    (0.01, 0.03, 0.02),
    (0.9, 0.6, 0.6),
    (0.1, 0.05, 0.3),
    (0.1, 0.1, 0.6),
    (0.5, 0.3, 0.7),
    (0.018299432471394539, 0.13108374178409576, 0.031370464712381363),
)


def pairs(zero_points: tuple[int, int, int] = (-34, 5, 7)) -> Iterator[Graph]:
    """A graph of [256, 256] for each operator and each row of `SCALES`."""
    for type in TYPES:
        for scales in SCALES:
            first, second, output = (float(np.float32(s)) for s in scales)
            b = GraphBuilder()
            x = b.input((256, 256), scale=first, zero_point=zero_points[0])
            y = b.input((256, 256), scale=second, zero_point=zero_points[1])
            yield b.finish([b.binary(type, x, y, scale=output, zero_point=zero_points[2])])


def every_pair() -> list[list[np.ndarray]]:
    """The two inputs of one inference."""
    values = np.arange(-128, 128, dtype=np.int8)
    return [[np.repeat(values, 256).reshape(256, 256), np.tile(values, 256).reshape(256, 256)]]
