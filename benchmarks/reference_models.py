"""Prints every number that the README quotes of the reference models, each from a run of today.

    .venv/bin/python benchmarks/reference_models.py [FOLDER]

FOLDER (../shared/models by default, or TFLM_MCUNET_MODELS) holds `.tflite` files. Models with float inputs or outputs
run with int8 ones (`io="int8"`), but for the head of stock TFLite Micro, which runs the file as it is. Heads are TFLite
Micro's own records; arenas, instructions and flash are measured on emulated cores; cycles are modelled. Every run's
outputs are compared with stock TFLite Micro's, byte for byte. `tflm-mcunet bench` has the same counts by class of
operator and the peers' beside them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

import tflm_mcunet as mcu
from tflm_mcunet.bench.measure import Measurement, measure
from tflm_mcunet.bench.suite import drawn_input
from tflm_mcunet.bench.summary import MEAN_MODELS, geometric_mean
from tflm_mcunet.tflite import read
from tflm_mcunet.tflm import interpreter

M4, M7, M55, RV32 = "qemu:cortex-m4", "qemu:cortex-m7", "qemu:cortex-m55", "qemu:rv32"
#: (schedule, prefer, input, core), in the order of the table's columns.
POINTS = (
    ("layer", "speed", "resident", M4),
    ("stream", "speed", "resident", M4),
    ("stream", "sram", "resident", M4),
    ("stream", "sram", "rows", M4),
    ("layer", "speed", "resident", M7),
    ("layer", "speed", "resident", M55),
    ("layer", "speed", "resident", RV32),
)


def heads(path: Path) -> tuple[list[int], bytes, np.ndarray]:
    """Heads in TFLite Micro (stock, layer, stream), and the output and input of the model with int8 edges.

    Raises:
        AssertionError: an output byte differs.
    """
    graph = read(path)
    stock = interpreter.run(path.read_bytes(), [[drawn_input(graph.tensors[graph.inputs[0]])]])
    found = [stock.allocations.head_bytes if stock.allocations else 0]
    expected, x = b"", np.zeros(0, np.int8)
    for schedule in ("layer", "stream"):
        conversion = mcu.convert(path, schedule=schedule, io="int8")
        x = drawn_input(conversion.graph.tensors[conversion.graph.inputs[0]])
        run = interpreter.run(conversion.tflite, [[x]])
        found.append(run.allocations.head_bytes if run.allocations else 0)
        given = run.outputs[0][0].tobytes()
        assert expected in (b"", given), f"{path}: {schedule}"
        expected = given
    if graph.tensors[graph.inputs[0]].dtype == graph.tensors[graph.outputs[0]].dtype == "int8":
        assert expected == stock.outputs[0][0].tobytes(), path
    return found, expected, x


def measured(path: Path) -> tuple[list[int], list[Measurement]]:
    """Heads and one Measurement for each of POINTS.

    Raises:
        AssertionError: an output byte differs.
    """
    found, expected, x = heads(path)
    runs = []
    for schedule, prefer, source, on in POINTS:
        conversion = mcu.convert(path, schedule=schedule, prefer=prefer, input=source, io="int8")
        run = measure(path.stem, conversion, [x], on=on, planned=schedule, prefer=prefer, input=source)
        assert b"".join(run.outputs) == expected, (path, schedule, prefer, source, on)
        runs.append(run)
    return found, runs


def memory_row(name: str, found: list[int], runs: list[Measurement]) -> list[str]:
    """Bytes: heads in TFLite Micro, then arenas and flash of the C++ program on the Cortex-M4."""
    arenas = [run.sram["arena"] for run in runs[:4]]
    flash = [runs[0].flash["code"], runs[0].flash["total"]]
    return [name, *(f"{n:,}" for n in (*found, *arenas, *flash))]


def speed_row(runs: list[Measurement]) -> list[str]:
    """Instructions and modelled cycles."""
    ratios = [f"{run.instructions_per_mac:.3f}" for run in runs]
    cycles = [f"{run.cycles_per_mac:.3f}" for run in runs[:3] if run.cycles_per_mac is not None]
    return [
        runs[0].model,
        f"{runs[0].macs:,}",
        f"{runs[0].instructions:,}",
        *ratios[:3],
        *cycles,
        *ratios[4:],
    ]


def mean_row(all_runs: list[list[Measurement]]) -> list[str]:
    """Geometric means over `MEAN_MODELS`."""
    chosen = [runs for runs in all_runs if runs[0].model in MEAN_MODELS]
    columns = list(zip(*([run.instructions_per_mac for run in runs] for runs in chosen)))
    cycles = list(zip(*([run.cycles_per_mac or 0.0 for run in runs[:3]] for runs in chosen)))
    ratios, modelled = ([f"{geometric_mean(c):.3f}" for c in part] for part in (columns, cycles))
    return [f"geometric mean of {len(chosen)}", "", "", *ratios[:3], *modelled, *ratios[4:]]


def print_table(head: list[str], rows: list[list[str]]) -> None:
    """A table in Markdown."""
    print("| " + " | ".join(head) + " |")
    print("|---" + "|---:" * (len(head) - 1) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def main() -> None:
    """Print the two tables."""
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("TFLM_MCUNET_MODELS", "../shared/models")
    found = [measured(path) for path in sorted(Path(given).glob("*.tflite"))]
    if not found:
        sys.exit(f"error: no .tflite files in {given}")
    memory_head = ["model", "head: stock", "layer", "stream", "arena: layer", "stream, speed", "stream, sram"]
    memory_head += ["rows fed", "code: layer", "flash: layer"]
    print_table(memory_head, [memory_row(runs[0].model, head, runs) for head, runs in found])
    speed_head = ["model", "MACs", "instructions, M4 layer", "a MAC: layer", "stream, speed", "stream, sram"]
    speed_head += ["modelled cycles a MAC: layer", "stream, speed", "stream, sram"]
    speed_head += ["instructions a MAC: M7 layer", "M55 layer", "rv32 layer"]
    rows = [speed_row(runs) for _, runs in found]
    if any(runs[0].model in MEAN_MODELS for _, runs in found):
        rows.append(mean_row([runs for _, runs in found]))
    print_table(speed_head, rows)


if __name__ == "__main__":
    main()
