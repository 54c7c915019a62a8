"""TinyNAS from data to device: search, quantise, export, run on the emulated board; accuracy measured there.

Run with `.venv/bin/python examples/tinynas_workflow.py`; a few minutes on two cores. Everything is kept in
`build/tinynas_workflow`, and a second run goes on there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import tflm_mcunet as mcu
from tflm_mcunet.datasets import load

DEVICE, ENGINE = "STM32F411", "qemu:cortex-m4"


def main() -> None:
    """Run the workflow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="digits", help="a name of tflm_mcunet.datasets, or a path")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--directory", type=Path, default=Path("build/tinynas_workflow"))
    options = parser.parse_args()

    data = load(options.data)
    x, y, x_validation, y_validation = data.with_validation()
    result = mcu.TinyNAS.search(
        target_device=DEVICE,
        sram_constraint=16_000,
        flash_constraint=128_000,
        train_data=(x, y),
        validation_data=(x_validation, y_validation),
        max_trials=options.trials,
        directory=options.directory,
        seed=1,
        epochs=options.epochs,
        progress=print,
    )
    int8 = mcu.quantize(result.best_model, result.prepare(x[:200]))
    program = mcu.export_tinyengine(int8, options.directory / "model.tflite", DEVICE, schedule="layer")
    run = mcu.run(program, result.prepare(data.x_test), on=ENGINE, target=DEVICE)

    on_device = float(np.mean(run.outputs[0].argmax(axis=1) == data.y_test))
    print(
        f"SRAM         {run.sram.total:,} bytes measured, {result.best_need.sram_bytes:,} foretold as the most"
    )
    print(
        f"flash        {run.flash.total:,} bytes measured, {result.best_need.flash_bytes:,} foretold as the most"
    )
    print(f"instructions {run.instructions:,} an inference")
    print(f"accuracy     {result.evaluate(data.x_test, data.y_test):.4f} in float, on the test data")
    print(f"accuracy     {on_device:.4f} on the device ({DEVICE}, emulated)")


if __name__ == "__main__":
    main()
