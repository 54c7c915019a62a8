"""Gestures from a motion sensor: trains, quantises, writes an Arduino library, and tests on an emulated Cortex-M4.

    .venv/bin/python examples/gesture/gesture.py

BasicMotions (UEA archive, inside aeon) has 100 samples of three axes of acceleration and three of rotation: standing,
walking, running, badminton. Other data goes in as an .npz: x_train (n, time, channels), y_train, x_test, y_test.
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
from tflm_mcunet.datasets import Dataset, load

BOARD = "Arduino Nano 33 BLE"


def build(data: Dataset) -> keras.Model:
    """Four convolutions along time, on maps of one column: a sample of the sensor is a row."""
    time, channels = data.shape
    x = inputs = keras.Input((time, channels))
    x = keras.layers.Reshape((time, 1, channels))(x)
    for filters, stride in ((16, 2), (24, 2), (32, 2), (32, 1)):
        x = keras.layers.Conv2D(filters, (5, 1), strides=(stride, 1), padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU(6)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(data.classes, activation="softmax")(x))


def train(model: keras.Model, data: Dataset, epochs: int) -> None:
    """Fit the training part; the device's memory is watched while it trains."""
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    watch = mcu.MCUConstraints(BOARD)
    model.fit(data.x_train, data.y_train, batch_size=8, epochs=epochs, verbose=0, callbacks=[watch])


def main() -> int:
    """Everything, in order; 1 where board and desk disagree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="BasicMotions", help="a name of tflm_mcunet.datasets, or an .npz")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--output", type=Path, default=Path("build/gesture"))
    options = parser.parse_args()
    keras.utils.set_random_seed(1)
    data = load(options.data)
    model = build(data)
    train(model, data, options.epochs)
    int8 = mcu.quantize(model, data.x_train)
    conversion = mcu.convert(int8, BOARD, schedule="stream")
    mcu.export_project(conversion, "arduino", BOARD, options.output, name="gesture")

    _, accuracy = model.evaluate(data.x_test, data.y_test, verbose=0)
    print(f"float         {accuracy:.4f} of {len(data.x_test)} test gestures")
    outputs = {}
    for engine in ("tflm", "host", "qemu:cortex-m4"):
        result = mcu.run(conversion, data.x_test, on=engine)
        outputs[engine] = result.outputs[0]
        accuracy = float(np.mean(result.outputs[0].argmax(axis=1) == data.y_test))
        print(f"{engine:13s} {accuracy:.4f}")
    print(
        f"SRAM {result.sram.total:,} bytes, flash {result.flash.total:,}, {result.instructions:,} instructions"
    )
    print(f"Arduino library: {options.output}/Gesture.zip")
    return int(not all((o == outputs["tflm"]).all() for o in outputs.values()))


if __name__ == "__main__":
    sys.exit(main())
