"""Measures the reference models: SRAM in TFLite Micro and in the C++ program, and instructions on a Cortex-M4.

Run with `.venv/bin/python benchmarks/reference_models.py [FOLDER]`; FOLDER (../shared/models by default, or
TFLM_MCUNET_MODELS) holds `.tflite` files. Heads are TFLite Micro's own records; arenas and instructions are measured
on the emulated core; every run's outputs are compared with stock TFLite Micro's, byte for byte.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

import tflm_mcunet as mcu
from tflm_mcunet.graph import Tensor
from tflm_mcunet.ops import total_macs
from tflm_mcunet.tflite import read
from tflm_mcunet.tflm import interpreter

BOARD = "qemu:cortex-m4"


def drawn(tensor: Tensor) -> np.ndarray:
    """A seeded input."""
    random = np.random.default_rng(0)
    if tensor.dtype == "int8":
        return random.integers(-128, 128, tensor.shape, dtype=np.int8)
    return random.normal(0, 1, tensor.shape).astype(np.float32)


def measured(path: Path) -> list[str]:
    """One row of the table.

    Raises:
        AssertionError: an output byte differs.
    """
    graph = read(path)
    x = drawn(graph.tensors[graph.inputs[0]])
    stock = interpreter.run(path.read_bytes(), [[x]])
    heads = [stock.allocations.head_bytes if stock.allocations else 0]
    for schedule in ("layer", "stream"):
        run = interpreter.run(mcu.convert(path, schedule=schedule).tflite, [[x]])
        assert run.outputs[0][0].tobytes() == stock.outputs[0][0].tobytes(), path
        heads.append(run.allocations.head_bytes if run.allocations else 0)
    arenas, instructions = [], []
    for schedule, source in (("layer", "resident"), ("stream", "resident"), ("stream", "rows")):
        conversion = mcu.convert(path, schedule=schedule, input=source)
        result = mcu.run(conversion, x, on=BOARD)
        assert result.outputs[0].tobytes() == stock.outputs[0][0].tobytes(), path
        arenas.append(result.sram.arena)
        instructions.append(result.instructions)
    per_mac = [f"{count / total_macs(graph):.2f}" for count in instructions[:2]]
    numbers = [f"{n:,}" for n in (*heads, *arenas, instructions[0])]
    return [path.stem, *numbers, *per_mac]


def main() -> None:
    """Print the table, a row for each model."""
    folder = Path(
        sys.argv[1] if len(sys.argv) > 1 else os.environ.get("TFLM_MCUNET_MODELS", "../shared/models")
    )
    head = ["model", "head: stock", "layer", "stream", "arena: layer", "stream", "stream, rows fed"]
    head += ["instructions, layer", "per MAC: layer", "stream"]
    print("| " + " | ".join(head) + " |")
    print("|---" + "|---:" * (len(head) - 1) + "|")
    for path in sorted(folder.glob("*.tflite")):
        print("| " + " | ".join(measured(path)) + " |", flush=True)


if __name__ == "__main__":
    main()
