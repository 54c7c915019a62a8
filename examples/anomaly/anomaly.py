"""Anomalies in a sensor's series: an autoencoder that learns what is normal, as an ESP-IDF project.

    .venv/bin/python examples/anomaly/anomaly.py

Series 135 of the UCR anomaly archive (inside aeon) is an arterial blood pressure; its training part is normal, and
somewhere in the test part is one anomaly. The network reconstructs windows of 64 values; where it fails, something is
odd. The score is the mean squared error, computed from the INT8 output as a device computes it.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import tflm_mcunet as mcu
from tflm_mcunet.datasets import load
from tflm_mcunet.tflite import read

BOARD, ENGINE = "ESP32-C3", "qemu:rv32"


def build(window: int) -> keras.Model:
    """A fully connected autoencoder with a bottleneck of eight values."""
    x = inputs = keras.Input((window,))
    for units in (32, 8, 32):
        x = keras.layers.Dense(units, activation="relu")(x)
    return keras.Model(inputs, keras.layers.Dense(window)(x))


def area_under_curve(scores: np.ndarray, labels: np.ndarray) -> float:
    """The chance that an anomalous window scores higher than a normal one; ties count half."""
    odd, normal = scores[labels == 1], scores[labels == 0]
    higher = (odd[:, None] > normal[None, :]).mean()
    return float(higher + 0.5 * (odd[:, None] == normal[None, :]).mean())


def reconstruction_errors(x: np.ndarray, output: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """The mean squared error of each window, from INT8 outputs."""
    values = (output.astype(np.float32) - zero_point) * np.float32(scale)
    return np.asarray(np.mean((values - x) ** 2, axis=1))


def main() -> int:
    """Everything, in order; 1 where board and desk disagree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--output", type=Path, default=Path("build/anomaly"))
    options = parser.parse_args()
    keras.utils.set_random_seed(1)
    data = load("InternalBleeding16")
    x_train, x_test = data.x_train[..., 0], data.x_test[..., 0]
    model = build(x_train.shape[1])
    model.compile(keras.optimizers.Adam(3e-3), "mse")
    watch = mcu.MCUConstraints(BOARD)
    model.fit(x_train, x_train, batch_size=32, epochs=options.epochs, verbose=0, callbacks=[watch])
    int8 = mcu.quantize(model, x_train)
    conversion = mcu.convert(int8, BOARD)
    mcu.export_project(conversion, "esp-idf", BOARD, options.output, name="anomaly")

    floats = np.mean((model.predict(x_test, verbose=0) - x_test) ** 2, axis=1)
    print(f"float      AUC {area_under_curve(floats, data.y_test):.4f} over {len(x_test)} windows")
    graph = read(int8)
    output = graph.tensors[graph.outputs[0]]
    given = {}
    for engine in ("tflm", "host", ENGINE):
        result = mcu.run(conversion, x_test, on=engine)
        given[engine] = result.outputs[0]
        errors = reconstruction_errors(x_test, result.outputs[0], output.scale, output.zero_point)
        print(f"{engine:10s} AUC {area_under_curve(errors, data.y_test):.4f}")
    print(
        f"SRAM {result.sram.total:,} bytes, flash {result.flash.total:,}, {result.instructions:,} instructions"
    )
    print(f"ESP-IDF project: {options.output}")
    return int(not all((o == given["tflm"]).all() for o in given.values()))


if __name__ == "__main__":
    sys.exit(main())
