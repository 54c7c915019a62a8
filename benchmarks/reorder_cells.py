"""Prints what reordering and placement save on the branching cells of four papers, and what they cost on MobileNetV2.

    python benchmarks/reorder_cells.py            # the planner's figures
    python benchmarks/reorder_cells.py --measure  # and the head that unmodified TFLite Micro records, outputs compared

Bytes of activations, aligned; "peak" is the sum of what is in use at the worst operator, "arena" where it lies.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "schedule")]

from schedule_cells import CELLS, mobilenet_v2  # noqa: E402

from tflm_mcunet import tflite  # noqa: E402
from tflm_mcunet.graph import Graph  # noqa: E402
from tflm_mcunet.schedule.in_place import own_kernels  # noqa: E402
from tflm_mcunet.schedule.layer import plan_layer  # noqa: E402
from tflm_mcunet.schedule.reorder import reorder  # noqa: E402


def say(*cells: object) -> None:
    """One line of the table."""
    sys.stdout.write(
        "  ".join(f"{cell:>14,}" if isinstance(cell, int) else f"{cell!s:>14}" for cell in cells) + "\n"
    )


def planned(name: str, graph: Graph) -> None:
    """Order and placement, apart and in place, and how long both take together."""
    for mode, whitelist in (("apart", None), ("in place", own_kernels())):
        found = reorder(graph, in_place=whitelist)
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            schedule = plan_layer(graph, in_place=whitelist)
            seconds.append(time.perf_counter() - start)
        bound = "optimal" if not found.gap_bytes else f">= {found.lower_bound_bytes:,}"
        milliseconds = f"{min(seconds) * 1e3:.1f} ms"
        say(
            name,
            mode,
            len(graph.ops),
            found.before_bytes,
            found.peak_bytes,
            bound,
            schedule.arena_bytes,
            found.evaluations,
            milliseconds,
        )


def measured(name: str, graph: Graph) -> None:
    """The head that the package records, before and after, and whether any output byte changed."""
    from tflm_mcunet.tflm.interpreter import run
    from tflm_mcunet.tflm.rewrite import layer_plan
    from tflm_mcunet.transforms import canonical

    rewritten, head, _ = layer_plan(graph, canonical(graph)[0])
    rng = np.random.default_rng(0)
    inputs = [
        [rng.integers(-128, 128, graph.tensors[t].shape, dtype=np.int8) for t in graph.inputs]
        for _ in range(2)
    ]
    before, after = run(tflite.write(graph), inputs), run(tflite.write(rewritten), inputs)
    pairs = [pair for one, other in zip(before.outputs, after.outputs) for pair in zip(one, other)]
    equal = all(np.array_equal(a, b) for a, b in pairs)
    outputs = "equal" if equal else "DIFFERENT"
    say(name, before.allocations.head_bytes, after.allocations.head_bytes, head, outputs)


if __name__ == "__main__":
    graphs = {name: make() for name, make in CELLS.items()} | {"MobileNetV2-.35": mobilenet_v2()}
    say("cell", "sharing", "operators", "peak, as built", "peak, best", "bound", "arena", "tries", "time")
    for name, graph in graphs.items():
        planned(name, graph)
    if "--measure" in sys.argv[1:]:
        say("stock TFLM", "head before", "head after", "predicted", "outputs")
        for name, graph in graphs.items():
            measured(name, graph)
