"""Pictures from a camera, row by row: trains, quantises, writes an STM32 project, and asks an emulated board.

    .venv/bin/python examples/visual/visual.py

scikit-learn's digits by default, or any folder with one folder of images a class. No buffer holds the picture: the
program takes one row at a time, as a camera delivers them.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import tflm_mcunet as mcu
from tflm_mcunet.datasets import Dataset, load

BOARD, EMULATED = "STM32F405", "netduinoplus2"


def pictures(source: str, size: int, grayscale: bool) -> Dataset:
    """The data at `size` pixels a side; the digits, 8 × 8 as they come, are scaled up."""
    if Path(source).is_dir():
        return load(source, image_size=(size, size), grayscale=grayscale)
    data = load(source)

    def scaled(x: np.ndarray) -> np.ndarray:
        return np.asarray(keras.ops.image.resize(x, (size, size), interpolation="bilinear"))

    return replace(data, x_train=scaled(data.x_train), x_test=scaled(data.x_test))


def build(data: Dataset) -> keras.Model:
    """A small MobileNet: a convolution, then depthwise-separable blocks, each wider and half as high."""

    def normalised(h: Any) -> Any:
        # A momentum of 0.9: the moving averages must settle within a few hundred steps.
        return keras.layers.ReLU(6)(keras.layers.BatchNormalization(momentum=0.9)(h))

    inputs = keras.Input(data.shape)
    h = normalised(keras.layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(inputs))
    for filters, stride in ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1)):
        h = normalised(keras.layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(h))
        h = normalised(keras.layers.Conv2D(filters, 1, use_bias=False)(h))
    h = keras.layers.GlobalAveragePooling2D()(h)
    return keras.Model(inputs, keras.layers.Dense(data.classes, activation="softmax")(h))


def train(model: keras.Model, data: Dataset, epochs: int) -> None:
    """Fit the training part under a cosine rate; the device's memory is watched while it trains."""
    steps = epochs * -(-len(data.x_train) // 32)
    rate = keras.optimizers.schedules.CosineDecay(4e-3, steps)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    watch = mcu.MCUConstraints(BOARD)
    model.fit(data.x_train, data.y_train, batch_size=32, epochs=epochs, verbose=0, callbacks=[watch])


def main() -> int:
    """Everything, in order; 1 where board and desk disagree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", default="digits", help="digits, or a folder with one folder of images a class"
    )
    parser.add_argument("--size", type=int, default=48, help="pixels a side")
    parser.add_argument("--grayscale", action="store_true", help="one channel of a folder's images")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--images", type=int, default=450, help="test images on every engine")
    parser.add_argument("--output", type=Path, default=Path("build/visual"))
    options = parser.parse_args()
    keras.utils.set_random_seed(1)
    data = pictures(options.data, options.size, options.grayscale)
    model = build(data)
    train(model, data, options.epochs)
    int8 = mcu.quantize(model, data.x_train[:500])
    conversion = mcu.convert(int8, BOARD, schedule="stream", input="rows")
    mcu.export_project(conversion, "stm32", BOARD, options.output, name="visual")

    # A folder's test part is ordered by class: a share of it must be drawn.
    chosen = np.random.default_rng(0).permutation(len(data.x_test))[: options.images]
    x, y = data.x_test[chosen], data.y_test[chosen]
    _, accuracy = model.evaluate(x, y, verbose=0)
    print(f"float          {accuracy:.4f} of {len(x)} test images")
    outputs = {}
    for engine in ("tflm", "host", "qemu:cortex-m4"):
        result = mcu.run(conversion, x, on=engine)
        outputs[engine] = result.outputs[0]
        accuracy = float(np.mean(result.outputs[0].argmax(axis=1) == y))
        print(f"{engine:14s} {accuracy:.4f}")
    print(
        f"SRAM {result.sram.total:,} bytes, flash {result.flash.total:,}, {result.instructions:,} instructions"
    )
    # Raises where the board's checksum is not this machine's.
    flashed = mcu.flash_to_device(options.output, EMULATED)
    print(f"{EMULATED}  self-test over its serial port: CRC {flashed.checksum:08x}, as on this machine")
    print(f"STM32 project: {options.output}")
    return int(not all((o == outputs["tflm"]).all() for o in outputs.values()))


if __name__ == "__main__":
    sys.exit(main())
