"""Plans a second for an architecture search, and how far quick plans lie above careful ones.

    python benchmarks/quick_plans.py [--networks 200] [--careful 40] [--sram BYTES]

Networks are drawn from MCUNet's space: resolution 48 to 224, width 0.2 to 1.0, kernels 3 to 7, expansion 3 to 6,
depth 2 to 4. Times are CPU time of one core, from the graph to the checked plan; the networks are built beforehand.
"""

from __future__ import annotations

import argparse
import random
import time

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import VALID
from tflm_mcunet.schedule.stages import plan_stages

#: Channels and stride of each group of blocks at width 1.
GROUPS = ((24, 2), (40, 2), (80, 2), (96, 1), (192, 2), (320, 1))


def channels(count: float) -> int:
    """The nearest multiple of 8 that is no less than nine tenths, at least 8."""
    near = max(8, int(count + 4) // 8 * 8)
    return near if near >= 0.9 * count else near + 8


def network(seed: int) -> Graph:
    """A network of MCUNet's space."""
    rng, b = random.Random(seed), GraphBuilder(seed)
    size, width = rng.randrange(48, 225, 16), rng.choice((0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0))
    x = b.conv_2d(
        b.input((1, size, size, 3)), channels(32 * width), (3, 3), stride=(2, 2), activation="RELU6"
    )
    x = b.conv_2d(b.depthwise_conv_2d(x, (3, 3), activation="RELU6"), channels(16 * width), (1, 1))
    for filters, first_stride in GROUPS:
        for block in range(rng.choice((2, 3, 4)) if filters < 320 else 1):
            depth, stride = b.tensors[x].shape[3], first_stride if block == 0 else 1
            kernel, expansion = rng.choice((3, 5, 7)), rng.choice((3, 4, 6))
            y = b.conv_2d(x, depth * expansion, (1, 1), activation="RELU6")
            y = b.depthwise_conv_2d(y, (kernel, kernel), stride=(stride, stride), activation="RELU6")
            y = b.conv_2d(y, channels(filters * width), (1, 1))
            x = b.binary("ADD", y, x) if b.tensors[x].shape == b.tensors[y].shape else y
    x = b.pool_2d("AVERAGE_POOL_2D", x, b.tensors[x].shape[1:3], padding=VALID)
    return b.finish([b.fully_connected(b.reshape(x, (1, b.tensors[x].shape[3])), 10)])


def main() -> None:
    """Print plans a second and the mean and the largest excess over careful plans."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--careful", type=int, default=40)
    parser.add_argument("--sram", type=int, default=0)
    arguments = parser.parse_args()
    graphs = [network(seed) for seed in range(arguments.networks)]
    for source in ("resident", "rows"):
        began = time.process_time()
        quick = [
            plan_stages(g, effort="quick", input=source, sram=arguments.sram).arena_bytes for g in graphs
        ]
        taken = time.process_time() - began
        print(
            f"{source:8} {len(graphs) / taken:.1f} plans a second ({1000 * taken / len(graphs):.1f} ms each)"
        )
        if arguments.careful and not arguments.sram:
            began = time.process_time()
            careful = [plan_stages(g, input=source).arena_bytes for g in graphs[: arguments.careful]]
            each = (time.process_time() - began) / arguments.careful
            above = sorted(q / c - 1 for q, c in zip(quick, careful))
            print(
                f"{source:8} above the careful plan ({each:.2f} s each): mean {sum(above) / len(above):.2%}, "
                f"median {above[len(above) // 2]:.2%}, most {above[-1]:.2%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
