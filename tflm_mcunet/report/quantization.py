"""What INT8 costs inside a model: the error of every operator's output against float, worst first."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tflm_mcunet import tflite
from tflm_mcunet.backend import Calibration, calibration_samples, open_model
from tflm_mcunet.backend.convert import to_tflite
from tflm_mcunet.backend.frameworks import ServingModel
from tflm_mcunet.errors import McuNetError, UsageError
from tflm_mcunet.quantize.align import align
from tflm_mcunet.quantize.layer_errors import LayerError, compare
from tflm_mcunet.report.memory_report import printable, shape_text
from tflm_mcunet.report.text import table

#: Below this, in dB, an output's noise is a tenth of its values: worth a look.
POOR_DB = 20.0
#: From so much, in dB, that one operator loses itself.
LOSES_DB = 6.0


@dataclass(frozen=True)
class QuantizationReport:
    """Float against INT8 on the same inputs, operator by operator.

    Args:
        name: str. Of the model.
        method: str. "ptq", "qat", or "" where the bytes do not tell.
        layers: tuple of LayerError, in the order of execution.
        unpaired: tuple of str. Operators of the INT8 model that the float model has no partner for.
        engine: str. What ran the INT8 model.
        samples: int.
    """

    name: str
    method: str
    layers: tuple[LayerError, ...]
    unpaired: tuple[str, ...]
    engine: str
    samples: int

    @property
    def worst(self) -> tuple[LayerError, ...]:
        """Layers by their signal-to-noise ratio, the worst first."""
        return tuple(sorted(self.layers, key=lambda layer: layer.sqnr_db))

    @property
    def advice(self) -> tuple[str, ...]:
        """What stands out, and what to do about it."""
        lines = []
        for layer in self.worst[:3]:
            if layer.sqnr_db < POOR_DB and layer.lost_db is not None and layer.lost_db > LOSES_DB:
                lines.append(
                    f"op {layer.index} {layer.type} ({layer.layer}) loses {layer.lost_db:.1f} dB itself: its range "
                    f"is {layer.largest:.3g}, its mean error {layer.mean_error:.3g}. A ReLU6 or a smaller range "
                    "before it helps, and so does fine-tuning (`qat_data`)"
                )
        clipped = max(self.layers, key=lambda layer: layer.clipped, default=None)
        if clipped is not None and clipped.clipped > 0.001:
            lines.append(
                f"op {clipped.index} {clipped.type} ({clipped.layer}) clips {clipped.clipped:.2%} of its values: "
                "calibrate with more, and more typical, samples"
            )
        return tuple(lines)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; ratios that are infinite are null."""
        layers = [
            {
                k: None if isinstance(v, float) and not math.isfinite(v) else v
                for k, v in asdict(layer).items()
            }
            for layer in self.worst
        ]
        return {
            "model": self.name,
            "method": self.method,
            "engine": self.engine,
            "samples": self.samples,
            "layers": layers,
            "unpaired": list(self.unpaired),
            "advice": list(self.advice),
        }

    def __str__(self) -> str:
        return render_quantization_text(self)

    def save_html(self, path: str | Path, *others: QuantizationReport) -> Path:
        """Write one self-contained page, with other reports of the same model beside this one."""
        from tflm_mcunet.report.quantization_html import render_quantization_html

        path = Path(path)
        path.write_text(render_quantization_html((self, *others)), encoding="utf-8")
        return path


def quantization_report(
    model: Any, int8: bytes | str | Path, calibration_data: Calibration, *, max_samples: int = 100
) -> QuantizationReport:
    """Compare a float model with its INT8 form, operator by operator.

    Both run on the same inputs: the float model by LiteRT, the INT8 one by TFLite Micro itself (by LiteRT's
    reference kernels where the package `tflite-micro` is missing), with every tensor made an output.

    Args:
        model: Keras 3 or tf_keras model, or the path of a `.keras`, `.h5` or SavedModel.
        int8: bytes or path. What `quantize` made of it, with or without fine-tuning.
        calibration_data: inputs, as for `quantize`.
        max_samples: int. More are left out.

    Returns:
        QuantizationReport. `print` shows the table; `to_dict()` and `save_html(path)` give it to others.

    Raises:
        UsageError: no inputs, or of the wrong shape.
        ModelError: the INT8 model is not one of the float model.

    Example:
        report = mcu.quantization_report(model, int8, x_train[:100])
        print(report)
        report.save_html("quantization.html")
    """
    if isinstance(max_samples, bool) or not isinstance(max_samples, int) or max_samples < 1:
        raise UsageError(f"expected max_samples to be a positive integer, got {max_samples!r}")
    method = str(getattr(int8, "method", ""))
    if isinstance(int8, (str, Path)):
        path = Path(int8)
        if not path.is_file():
            raise UsageError(f"no such file: {path}", "give the .tflite that `quantize` made, or its bytes")
        int8 = path.read_bytes()
    serving = open_model(model)
    samples = calibration_samples(calibration_data, serving.inputs)[:max_samples]
    found = compare(_float_model(serving, bytes(int8)), bytes(int8), samples)
    name = str(getattr(serving.source, "name", "") or "model")
    return QuantizationReport(name, method, found.layers, found.unpaired, found.engine, found.samples)


def _float_model(serving: ServingModel, int8: bytes) -> bytes:
    """The float `.tflite` whose operators pair best: the model as it is, or as fine-tuning rebuilds it."""
    direct = to_tflite(serving)
    graph = tflite.read(int8)
    missing = len([op for op in graph.ops if op.type != "QUANTIZE"]) - len(align(tflite.read(direct), graph))
    if not missing or serving.framework == "saved_model":
        return direct
    from tflm_mcunet.quantize.qat import plain_model

    try:
        rebuilt = to_tflite(plain_model(serving))
    except McuNetError:  # a model that cannot be fine-tuned was not
        return direct
    left = len(align(tflite.read(rebuilt), graph)), len(align(tflite.read(direct), graph))
    return rebuilt if left[0] > left[1] else direct


def decibels(value: float | None) -> str:
    """`31.4`, `∞` for equality, or a dash.

    >>> decibels(31.42), decibels(math.inf), decibels(None)
    ('31.4', '∞', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    return "∞" if value == math.inf else f"{value:.1f}"


def render_quantization_text(report: QuantizationReport, most: int | None = None) -> str:
    """The report for a terminal, without a final newline.

    Args:
        report: QuantizationReport.
        most: int or None. How many operators to show; all by default.
    """
    rows = [
        ["op", "type", "layer", "output", "SQNR dB", "lost dB", "mean error", "max error", "step", "clipped"]
    ]
    for layer in report.worst[:most]:
        rows.append(
            [
                str(layer.index),
                layer.type,
                printable(layer.layer, 36),
                shape_text(layer.shape, "").strip(),
                decibels(layer.sqnr_db),
                decibels(layer.lost_db),
                f"{layer.mean_error:.3g}",
                f"{layer.max_error:.3g}",
                f"{layer.step:.3g}",
                f"{layer.clipped:.2%}",
            ]
        )
    parts = [_title(report), table(rows, right=(0, 4, 5, 6, 7, 8, 9))]
    if report.unpaired:
        parts.append(f"Without a partner in the float model: {', '.join(report.unpaired)}")
    if report.advice:
        parts.append("Advice\n" + "\n".join(f"  - {line}" for line in report.advice))
    return "\n\n".join(parts)


def _title(report: QuantizationReport) -> str:
    method = f" after {report.method.upper()}" if report.method else ""
    return (
        f"{printable(report.name)}: INT8{method} against float, {report.samples} samples, {report.engine}; "
        "worst first"
    )
