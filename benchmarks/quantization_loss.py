"""What INT8 costs on real data: test accuracy in float, after post-training quantisation, and after fine-tuning.

    .venv/bin/python benchmarks/quantization_loss.py
    .venv/bin/python benchmarks/quantization_loss.py --data BasicMotions --seeds 3 --json loss.json

For every seed the whole set is split anew (stratified, the parts as large as the set's own), a small Keras 3 model is
trained on the training part, quantised with and without fine-tuning, and run by TFLite Micro on the test part. Means
are over seeds; a difference is INT8 minus float, in points. Nothing is chosen by the test part: the settings below were
fixed before, with `--choose --first-seed 100`, which scores on a fifth of the training part. (All splits draw
from the same samples, so that what was chosen by is not disjoint from every test part; one sample of the smallest is
2 points of one split.)
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import tflm_mcunet as mcu
from tflm_mcunet.datasets import Dataset, load


@dataclass(frozen=True)
class Setting:
    """How a set is learned.

    Args:
        seeds: int. Splits; more of them where the test part is small.
        epochs: int. Of the float training.
        batch: int.
    """

    seeds: int
    epochs: int
    batch: int


SETTINGS = {
    "digits": Setting(seeds=4, epochs=20, batch=32),
    "PickupGestureWiimoteZ": Setting(seeds=10, epochs=60, batch=8),
    "BasicMotions": Setting(seeds=10, epochs=30, batch=8),
    "JapaneseVowels": Setting(seeds=4, epochs=40, batch=16),
}
#: Of the fine-tuning, for all sets: the float model's outputs are learned.
QAT_EPOCHS, QAT_RATE = 20, 1e-4


@dataclass(frozen=True)
class Score:
    """Test accuracies of one split, in percent."""

    seed: int
    float32: float
    ptq: float
    qat: float


def build(data: Dataset) -> Any:
    """A depthwise-separable network: of images in two dimensions, of series in one.

    Short inputs end in a global average; of long series eight steps are averaged at a time, for when something
    happens in a gesture tells as much as what.
    """
    from keras import Input, Model, layers

    is_image = len(data.shape) == 3
    is_long = not is_image and data.shape[0] > 50
    conv = layers.Conv2D if is_image else layers.Conv1D
    depthwise = layers.DepthwiseConv2D if is_image else layers.DepthwiseConv1D
    size, stride = (3, 1) if is_image else (9, 2) if is_long else (5, 1)

    def normalised(h: Any) -> Any:
        return layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(h))

    x = Input(data.shape)
    h = normalised(conv(16, size, strides=stride, padding="same", use_bias=False)(x))
    for channels, step in ((16, stride), (32, 2), (32, 1)):
        before = h
        h = normalised(depthwise(size, strides=step, padding="same", use_bias=False)(h))
        h = layers.BatchNormalization(momentum=0.9)(conv(channels, 1, use_bias=False)(h))
        h = layers.Add()([before, h]) if before.shape == h.shape else h
    if is_long:
        h = layers.Flatten()(layers.AveragePooling1D(8)(h))
    else:
        h = (layers.GlobalAveragePooling2D if is_image else layers.GlobalAveragePooling1D)()(h)
    return Model(x, layers.Dense(data.classes, activation="softmax")(layers.Dropout(0.3)(h)))


def int8_accuracy(model: bytes, x: np.ndarray, y: np.ndarray) -> float:
    """Percent right, by TFLite Micro."""
    outputs = mcu.run(model, x, on="tflm").outputs[0]
    return 100 * float(np.mean(outputs.argmax(axis=1) == y))


def score(data: Dataset, setting: Setting, seed: int, choosing: bool) -> Score:
    """Train, quantise twice, and measure."""
    import keras

    keras.utils.set_random_seed(seed)
    split = data.resplit(seed)
    x, y, x_test, y_test = split.x_train, split.y_train, split.x_test, split.y_test
    if choosing:
        x, y, x_test, y_test = split.with_validation(0.2, seed)
    model = build(split)
    steps = setting.epochs * -(-len(x) // setting.batch)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=setting.batch, epochs=setting.epochs, verbose=0)
    right = np.asarray(model(x_test, training=False)).argmax(axis=1) == y_test
    ptq = mcu.quantize(model, x[:500])
    qat = mcu.quantize(
        model,
        x[:500],
        qat_data=x,
        epochs=QAT_EPOCHS,
        learning_rate=QAT_RATE,
        batch_size=setting.batch,
        seed=seed,
    )
    return Score(
        seed,
        100 * float(np.mean(right)),
        int8_accuracy(ptq, x_test, y_test),
        int8_accuracy(qat, x_test, y_test),
    )


def main() -> int:
    """Print the table; exit 1 where fine-tuning loses more than half a point."""
    options = _options()
    names = options.data or list(SETTINGS)
    rows: dict[str, list[Score]] = {}
    for name in names:
        data, setting = load(name), SETTINGS[name]
        rows[name] = []
        for seed in range(options.first_seed, options.first_seed + (options.seeds or setting.seeds)):
            started = time.process_time()
            found = score(data, setting, seed, options.choose)
            rows[name].append(found)
            sys.stderr.write(f"{name} {found} {time.process_time() - started:.0f} CPU s\n")
    part = "a fifth of the training part" if options.choose else "the test part"
    print(f"Accuracy in percent on {part}, mean over splits; INT8 run by TFLite Micro\n")
    print("| data | splits | samples each | float | PTQ | QAT | PTQ − float | QAT − float | worst split |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    lost = False
    for name, scores in rows.items():
        exact, ptq, qat = (np.array([getattr(s, k) for s in scores]) for k in ("float32", "ptq", "qat"))
        difference = float(np.mean(qat - exact))
        lost |= difference < -0.5
        count = len(load(name).x_test)
        print(
            f"| {name} | {len(scores)} | {count} | {exact.mean():.2f} | {ptq.mean():.2f} | {qat.mean():.2f} | "
            f"{np.mean(ptq - exact):+.2f} | {difference:+.2f} | {np.min(qat - exact):+.2f} |"
        )
    if options.json:
        payload = {name: [asdict(s) for s in scores] for name, scores in rows.items()}
        options.json.write_text(json.dumps(payload, indent=2) + "\n")
    return int(lost)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", choices=list(SETTINGS), help="once for each set (all)")
    parser.add_argument("--seeds", type=int, help="splits of each set")
    parser.add_argument("--first-seed", type=int, default=0, metavar="N")
    parser.add_argument("--choose", action="store_true", help="score on a fifth of the training part instead")
    parser.add_argument("--json", type=Path, metavar="PATH")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
