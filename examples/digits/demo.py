"""From a Keras model to emulated microcontrollers: train, quantise, convert, run three ways, compare every byte."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from digits import Digits, build, load, train
from table import Column, render

import tflm_mcunet as mcu
from tflm_mcunet.backend.quiet import quiet

#: What the demo promises; it fails where this does not hold.
LEAST_ACCURACY = 0.97
BOARDS = ("qemu:cortex-m4", "qemu:cortex-m7")


def main() -> int:
    """Everything, in order; the exit code."""
    options = _options()
    clock = Clock()
    digits = load()
    say(
        f"{len(digits.x_train)} digits to train with, {len(digits.x_test)} to test, {digits.x_test.shape[1:]} each"
    )

    with clock("train"):
        model, float_accuracy, history = _trained(digits, options)
    say(
        f"float accuracy {float_accuracy:.2%}; on {options.target}: "
        f"{history['mcu_peak_sram_bytes'][-1]:,} bytes of activations, {history['mcu_macs'][-1]:,} MACs"
    )
    with clock("quantise and convert"):
        int8 = mcu.quantize(model, digits.x_train[:200])
        conversion = mcu.convert(int8, options.target)
    files = _write(options.output, model, int8)
    images = _as_int8(digits.x_test, int8)
    subset = min(options.images, len(images))

    columns = []
    with clock("LiteRT"):
        columns.append(Column("LiteRT", _litert(int8, images)))
    with clock("TFLite Micro"):
        columns.append(Column.of("TFLite Micro", mcu.run(conversion, images, on="tflm")))
    with clock("host"):
        columns.append(Column.of("C++, host", mcu.run(conversion, images, on="host")))
    for board in BOARDS:
        with clock(board):
            measured = mcu.run(conversion, images[:subset], on=board, target=mcu.Target.load(options.target))
            columns.append(Column.of(f"C++, {board.removeprefix('qemu:')}", measured))
        say(f"{board}: {subset} images in {clock.seconds[board]:.1f} s")

    record = _record(options, clock, float_accuracy, history, digits.y_test, columns, files)
    (options.output / "run.json").write_text(json.dumps(record, indent=2) + "\n")
    print()
    print(render(float_accuracy, digits.y_test, columns, macs=record["macs"]))
    print(
        "TFLite Micro's arena is that of a 64-bit desk; the boards' figures are measured on the emulated core."
    )
    print(f"\nWritten to {options.output}: {', '.join([*files, 'run.json'])}  ({clock.total():.0f} s in all)")
    return _verdict(record)


class Clock:
    """Seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._step, self._started = "", 0.0

    def __call__(self, step: str) -> Clock:
        self._step = step
        return self

    def __enter__(self) -> None:
        self._started = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.seconds[self._step] = round(time.monotonic() - self._started, 2)

    def total(self) -> float:
        return sum(self.seconds.values())


def say(text: str) -> None:
    """Progress goes to standard error, the result to standard output."""
    print(f"demo: {text}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("build/demo"), help="folder for what is made")
    parser.add_argument("--target", default="STM32F746", help="device whose memory the model must fit")
    parser.add_argument("--images", type=int, default=450, help="test images on each emulated board")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.images < 1 or options.epochs < 1:
        parser.error("--images and --epochs must be at least 1")
    options.output.mkdir(parents=True, exist_ok=True)
    return options


def _trained(digits: Digits, options: argparse.Namespace) -> tuple[Any, float, dict[str, list[float]]]:
    with quiet():
        import keras
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(options.seed)
        model = build()
    progress = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: say(
            f"epoch {epoch + 1}/{options.epochs}: loss {logs['loss']:.3f}, accuracy {logs['accuracy']:.1%}"
        )
    )
    constraints = mcu.MCUConstraints(options.target)
    history = train(
        model, digits, epochs=options.epochs, seed=options.seed, callbacks=[constraints, progress]
    )
    probabilities = model.predict(digits.x_test, verbose=0)
    return model, float(np.mean(probabilities.argmax(axis=1) == digits.y_test)), history


def _write(folder: Path, model: Any, int8: mcu.QuantizedModel) -> list[str]:
    """The Keras model, the INT8 model and the C++ program; the names of what was written."""
    model.save(folder / "digits.keras")
    mcu.export_tinyengine(int8, folder / "digits.tflite")
    return ["digits.keras", "digits.tflite", "digits/"]


def _as_int8(x: np.ndarray, int8: bytes) -> np.ndarray:
    """Quantise once, so that every engine gets the same bytes."""
    from tflm_mcunet import tflite

    graph = tflite.read(bytes(int8))
    tensor = graph.tensors[graph.inputs[0]]
    return np.clip(np.round(x / np.float32(tensor.scale)) + tensor.zero_point, -128, 127).astype(np.int8)


def _litert(int8: bytes, images: np.ndarray) -> np.ndarray:
    """LiteRT's reference kernels: not its default ones, which round differently."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=bytes(int8), experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    outputs = []
    for image in images:
        interpreter.set_tensor(source["index"], image[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(result["index"])[0])
    return np.stack(outputs)


def _record(
    options: argparse.Namespace,
    clock: Clock,
    float_accuracy: float,
    history: dict[str, list[float]],
    labels: np.ndarray,
    columns: list[Column],
    files: list[str],
) -> dict[str, Any]:
    """Everything that the table shows and what it takes to get it again, as JSON."""
    truth = next(c for c in columns if c.name == "TFLite Micro")
    return {
        "command": "./scripts/demo",
        "options": {k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items()},
        "versions": {
            "tflm-mcunet": mcu.__version__,
            "python": platform.python_version(),
            **{p: version(p) for p in ("tensorflow", "keras", "ai-edge-litert", "tflite-micro")},
        },
        "accuracy_float": float_accuracy,
        "macs": int(history["mcu_macs"][-1]),
        "history": {key: [float(v) for v in values] for key, values in history.items()},
        "engines": [column.to_dict(labels, truth.outputs) for column in columns],
        "seconds": clock.seconds,
        "files": files,
    }


def _verdict(record: dict[str, Any]) -> int:
    """0 where the demo kept its promises, 1 where it did not, with what is broken on standard error."""
    checks: dict[str, Callable[[dict[str, Any]], bool]] = {
        # LiteRT is the table's peer, not ours: its softmax may round a value differently.
        "all output bytes equal TFLite Micro's": lambda e: e["all_bytes_equal"] or e["name"] == "LiteRT",
        f"accuracy is at least {LEAST_ACCURACY:.0%}": lambda engine: engine["accuracy"] >= LEAST_ACCURACY,
    }
    broken = [
        f"{engine['name']}: not so that {promise}"
        for engine in record["engines"]
        for promise, holds in checks.items()
        if not holds(engine)
    ]
    if record["accuracy_float"] < LEAST_ACCURACY:
        broken.append(f"float accuracy {record['accuracy_float']:.2%} is below {LEAST_ACCURACY:.0%}")
    for line in broken:
        print(f"error: {line}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except mcu.McuNetError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        sys.exit(error.exit_code)
