"""The command `quantize`: a float model becomes INT8, fine-tuned or not, with the error of every operator."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet.cli_model import load_array, progress
from tflm_mcunet.cli_output import Print, emit, write_file
from tflm_mcunet.datasets import Dataset, load, names
from tflm_mcunet.errors import UsageError

#: Samples of a data set's training part that ranges are calibrated with.
CALIBRATION_SAMPLES = 500
#: Operators in the printed table.
SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tflm-mcunet quantize`."""
    parser.add_argument("model", metavar="MODEL", help="a .keras or .h5 file, or a SavedModel")
    parser.add_argument("-o", "--output", metavar="OUT.tflite", required=True, help="the file to write")
    parser.add_argument("--calibration", metavar="X.npy", help="inputs as the model saw them in training")
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"instead: an .npz with x_train and y_train, a folder of images by class, or {', '.join(names())}",
    )
    parser.add_argument("--qat", action="store_true", help="fine-tune on DATA with INT8's rounding (TF-MOT)")
    parser.add_argument("--epochs", type=int, default=10, metavar="N", help="of --qat (default: 10)")
    parser.add_argument(
        "--learning-rate", type=float, default=1e-4, metavar="F", help="of --qat (default: 0.0001)"
    )
    parser.add_argument("--batch-size", type=int, default=32, metavar="N", help="of --qat (default: 32)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of --qat (default: 0)")
    parser.add_argument(
        "--html", metavar="PAGE", help="write the error of every operator as one self-contained HTML page"
    )


def quantize(arguments: argparse.Namespace, out: Print) -> int:
    """`tflm-mcunet quantize`: writes the INT8 model."""
    from tflm_mcunet.quantize import quantize as to_int8
    from tflm_mcunet.report.quantization import quantization_report, render_quantization_text

    calibration, data = _inputs(arguments)
    if not Path(arguments.model).exists():
        raise UsageError(f"no such model: {arguments.model}", "give a .keras or .h5 file, or a SavedModel")
    options: dict[str, Any] = {}
    if data is not None and arguments.qat:
        options = {
            "qat_data": (data.x_train, data.y_train),
            "epochs": arguments.epochs,
            "learning_rate": arguments.learning_rate,
            "batch_size": arguments.batch_size,
            "seed": arguments.seed,
        }
    int8 = to_int8(arguments.model, calibration, **options)
    write_file(arguments.output, bytes(int8))
    progress(f"wrote {arguments.output}")
    report = quantization_report(arguments.model, int8, calibration)
    if arguments.html:
        from tflm_mcunet.report.quantization_html import render_quantization_html

        reports = [report]
        if options:  # what fine-tuning starts from, beside it
            untuned = to_int8(arguments.model, calibration)
            reports.insert(0, quantization_report(arguments.model, untuned, calibration))
        write_file(arguments.html, render_quantization_html(reports))
        progress(f"wrote {arguments.html}")
    payload = {
        "output": str(arguments.output),
        "bytes": len(int8),
        "method": int8.method,
        "history": dict(int8.history),
        "report": report.to_dict(),
    }
    text = f"{arguments.output}: {len(int8):,} bytes\n\n{render_quantization_text(report, SHOWN)}"
    emit(text, payload, arguments.json, out)
    return 0


def _inputs(arguments: argparse.Namespace) -> tuple[np.ndarray, Dataset | None]:
    """What to calibrate with, and the data set where one was named."""
    if (arguments.calibration is None) == (arguments.data is None):
        raise UsageError(
            "give either --calibration X.npy or --data DATA",
            "a few hundred inputs, preprocessed as in training",
        )
    if arguments.data is None:
        if arguments.qat:
            raise UsageError("--qat needs labels", "name a data set with --data")
        return load_array(arguments.calibration), None
    data = load(arguments.data)
    order = np.random.default_rng(arguments.seed).permutation(len(data.x_train))[:CALIBRATION_SAMPLES]
    return data.x_train[np.sort(order)], data
