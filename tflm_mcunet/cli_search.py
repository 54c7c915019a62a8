"""`tflm-mcunet search`: from data and a device to a trained, quantised network that fits it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tflm_mcunet.cli_model import progress
from tflm_mcunet.cli_output import Print, emit, write_file
from tflm_mcunet.errors import UsageError
from tflm_mcunet.report.text import table

#: Share of the training part that the search chooses by.
_VALIDATION = 0.2
#: Samples that INT8 ranges are taken from.
_CALIBRATION = 200


def add_options(parser: argparse.ArgumentParser, size: Callable[[str], int]) -> None:
    """The command's arguments; `size` parses bytes."""
    parser.add_argument("--target", metavar="T", required=True, help="a device, or a TOML file")
    parser.add_argument(
        "--data",
        metavar="DATASET",
        required=True,
        help="a name of tflm_mcunet.datasets (digits, JapaneseVowels, …), an .npz with x_train, y_train, "
        "or a folder with one folder of images a class",
    )
    parser.add_argument("--sram", type=size, metavar="N", help="less than the device's SRAM: 64k, 64Ki")
    parser.add_argument("--flash", type=size, metavar="N", help="less than the device's flash")
    parser.add_argument("--max-macs", type=int, metavar="N", help="of one inference")
    parser.add_argument("--max-latency", type=float, metavar="MS", help="of one inference, modelled")
    parser.add_argument("--max-trials", type=int, default=20, metavar="N", help="networks to train (20)")
    parser.add_argument("--epochs", type=int, metavar="N", help="of each (20; more where data is little)")
    parser.add_argument("--batch-size", type=int, metavar="N", help="(32; fewer where data is little)")
    parser.add_argument(
        "--learning-rate", type=float, default=3e-3, metavar="F", help="at the beginning (0.003)"
    )
    parser.add_argument(
        "--augment",
        choices=("auto", "none"),
        default="auto",
        help="series moved and stretched in time at random (auto), or samples as they are",
    )
    parser.add_argument(
        "--strategy",
        choices=("evolution", "random", "bayesian", "zero-cost", "supernet"),
        default="evolution",
        help="(evolution)",
    )
    parser.add_argument(
        "--schedule",
        choices=("layer", "stream", "tflm"),
        nargs="+",
        default=["layer"],
        help="how the network will run: whole layers (default), rows through stages, stock TFLite Micro; "
        "`layer stream` searches the schedule together with the network",
    )
    parser.add_argument(
        "--space", metavar="S", help="mcunet, or a JSON file; default: a small one for the data"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="(1)")
    parser.add_argument(
        "--directory",
        "-o",
        default="tinynas",
        metavar="DIR",
        help="of all that is kept (tinynas); goes on there",
    )
    parser.add_argument("--overwrite", action="store_true", help="throw away the search that is in DIR")
    parser.add_argument("--image-size", metavar="HxW", help="scale images of a folder")
    parser.add_argument("--grayscale", action="store_true", help="images of a folder get one channel")


def search(arguments: argparse.Namespace, out: Print) -> int:
    """Search, quantise the best network, and test it: exit 3 where the INT8 network exceeds the budget after all."""
    from tflm_mcunet.datasets import load
    from tflm_mcunet.load import load_graph
    from tflm_mcunet.quantize import quantize
    from tflm_mcunet.tinynas.budget import Budget, MemoryOracle
    from tflm_mcunet.tinynas.tiny_nas import TinyNAS

    size, grayscale = _image_size(arguments.image_size), arguments.grayscale
    data = load(arguments.data, image_size=size, grayscale=grayscale)
    x, y, x_validation, y_validation = data.with_validation(_VALIDATION, seed=arguments.seed)
    progress(f"{data.name}: {len(x)} samples to train with, {len(x_validation)} to choose by")
    result = TinyNAS.search(
        arguments.target,
        arguments.sram,
        arguments.flash,
        (x, y),
        (x_validation, y_validation),
        arguments.max_trials,
        arguments.directory,
        arguments.seed,
        space=arguments.space,
        strategy=arguments.strategy,
        schedule=arguments.schedule,
        max_macs=arguments.max_macs,
        max_latency_ms=arguments.max_latency,
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        augment=arguments.augment,
        classes=data.classes,
        overwrite=arguments.overwrite,
        progress=lambda told: progress(str(told)),
    )
    int8 = quantize(result.best_model, result.prepare(x[:_CALIBRATION]))
    model = Path(arguments.directory) / "model.tflite"
    write_file(model, int8)
    budget = Budget.of(
        arguments.target,
        sram_bytes=arguments.sram,
        flash_bytes=arguments.flash,
        max_macs=arguments.max_macs,
        max_latency_ms=arguments.max_latency,
        schedule=result.best_schedule,
    )
    memory = MemoryOracle(budget)
    graph = load_graph(int8)
    need, broken = memory.need(graph), memory.why_not(graph)
    accuracy = result.evaluate(data.x_test, data.y_test)
    payload: dict[str, Any] = {
        "target": budget.target.name,
        "best": {
            "architecture": result.best_architecture.to_dict(),
            "score": result.best_score,
            "test_accuracy_float": accuracy,
            "schedule": result.best_schedule,
            **need.to_dict(),
        },
        "trials": len(result.rows),
        "fit_rate": result.fit_rate,
        "fits": not broken,
        "model": str(model),
        "leaderboard": str(result.directory / "leaderboard.html"),
    }
    emit(_text(payload), payload, arguments.json, out)
    for line in broken:
        progress(f"does not fit {budget.target.name}: {line}")
    return 3 if broken else 0


def _text(payload: dict[str, Any]) -> str:
    best = payload["best"]
    rows = [
        ["validation score", f"{best['score']:.4f}"],
        ["test accuracy, float", f"{best['test_accuracy_float']:.4f}"],
        ["schedule", best["schedule"]],
        ["SRAM, at most", f"{best['sram_bytes']:,} bytes"],
        ["flash, at most", f"{best['flash_bytes']:,} bytes"],
        ["MACs", f"{best['macs']:,}"],
        ["INT8 model", payload["model"]],
        ["all trials", payload["leaderboard"]],
    ]
    return f"Best of {payload['trials']} networks for {payload['target']}\n{table(rows)}"


def _image_size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    sizes = text.lower().split("x")
    if len(sizes) != 2 or not all(size.isdigit() and int(size) > 0 for size in sizes):
        raise UsageError(f"expected --image-size as HEIGHTxWIDTH, got {text!r}", "for example 96x96")
    return int(sizes[0]), int(sizes[1])
