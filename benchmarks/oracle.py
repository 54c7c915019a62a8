"""Times the memory oracle on a network of MobileNetV2's size: what a search asks for each candidate.

Run with `.venv/bin/python benchmarks/oracle.py`. Best of many, CPU time of one core.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.in_place import own_kernels
from tflm_mcunet.schedule.layer import plan_layer
from tflm_mcunet.tflm.memory import memory

#: (expansion, channels, blocks, stride), as published; channels at width 0.35, rounded to eights.
STAGES = (
    (1, 8, 1, 1),
    (6, 8, 2, 2),
    (6, 16, 3, 2),
    (6, 24, 4, 2),
    (6, 32, 3, 1),
    (6, 56, 3, 2),
    (6, 112, 1, 1),
)


def mobilenet_v2(resolution: int = 144) -> Graph:
    """MobileNetV2 at width 0.35, with seeded weights."""
    b = GraphBuilder(1)
    x = b.conv_2d(b.input((1, resolution, resolution, 3)), 16, (3, 3), stride=(2, 2), activation="RELU6")
    for expansion, channels, blocks, stride in STAGES:
        for block in range(blocks):
            before, step = x, stride if block == 0 else 1
            if expansion > 1:
                x = b.conv_2d(x, b.tensors[x].shape[3] * expansion, activation="RELU6")
            x = b.depthwise_conv_2d(x, stride=(step, step), activation="RELU6")
            x = b.conv_2d(x, channels)
            if block and step == 1:
                x = b.binary("ADD", before, x)
    x = b.conv_2d(x, 1280, activation="RELU6")
    return b.finish([b.fully_connected(b.mean(x, (1, 2)), 1000)])


def best_ms(function: Callable[[], object], repeats: int = 50) -> float:
    """The shortest CPU time of a call, in milliseconds."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return 1000 * min(times)


def main() -> None:
    """Print the times."""
    graph = mobilenet_v2()
    print(f"MobileNetV2 0.35, {len(graph.ops)} operators")
    print(f"head and tail of stock TFLite Micro   {best_ms(lambda: memory(graph)):6.2f} ms")
    planned = best_ms(lambda: plan_layer(graph, in_place=own_kernels()))
    print(f"order, in place, placement            {planned:6.2f} ms")


if __name__ == "__main__":
    main()
