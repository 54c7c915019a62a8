"""Chains of convolutions of drawn shapes, for the kernels that choose by shape."""

from __future__ import annotations

import random

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import SAME, VALID


def assorted(seed: int, operators: int = 7) -> Graph:
    """Convolutions, dense and depthwise, each fed by the one before, and a fully connected layer."""
    r = random.Random(seed)
    b = GraphBuilder(seed)
    x = b.input((1, r.randint(9, 21), r.randint(7, 25), r.choice((1, 3, 4, 7, 8))))
    for _ in range(operators):
        _, height, width, channels = b.tensors[x].shape
        window = {
            "stride": (r.choice((1, 1, 1, 2)), r.choice((1, 1, 1, 2, 3))),
            "activation": r.choice(("NONE", "RELU", "RELU6")),
        }
        kernel = (min(height, r.randint(1, 7)), min(width, r.randint(1, 7)))
        if r.random() < 0.5:
            # What converters write for RELU6, and the window that has a kernel of its own.
            kernel = (min(height, 3), min(width, 3))
            window |= {"activation": "RELU6", "scale": 6 / 255, "zero_point": -128}
            window["stride"] = (r.randint(1, 2),) * 2
        window["padding"] = r.choice((SAME, SAME, VALID))
        if r.random() < 0.5 and channels > 1:
            x = b.depthwise_conv_2d(x, kernel, multiplier=1 if channels > 4 else r.randint(1, 3), **window)
        elif r.random() < 0.3:
            x = b.conv_2d(x, r.randint(3, 13))
        else:
            kernel = (min(kernel[0], 5), min(kernel[1], 4))
            x = b.conv_2d(x, r.randint(3, 13), kernel, bias=r.random() < 0.8, **window)
    return b.finish([b.fully_connected(x, r.choice((2, 5, 8)))])
