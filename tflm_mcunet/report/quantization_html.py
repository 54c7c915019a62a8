"""The quantisation report as one self-contained page: a bar for every operator, then the table, worst first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from tflm_mcunet.quantize.layer_errors import LayerError
from tflm_mcunet.report.memory_report import printable, shape_text
from tflm_mcunet.report.page import page
from tflm_mcunet.report.quantization import POOR_DB, QuantizationReport, decibels

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 1034.0, 260.0, 46.0, 12.0, 26.0
#: A bar that stands for equality reaches the top.
_LEAST_TOP_DB = 50.0

_WHAT = {"ptq": "Post-training quantisation", "qat": "Quantisation-aware training", "": "INT8"}


def render_quantization_html(reports: Sequence[QuantizationReport]) -> str:
    """The page of one report, or of several of one model, one below the other and to one scale."""
    first = reports[0]
    finite = [x.sqnr_db for r in reports for x in r.layers if math.isfinite(x.sqnr_db)]
    top = 10 * math.ceil(max([_LEAST_TOP_DB, *finite]) / 10)
    body = [_header(first)]
    if len(reports) > 1:
        body.append(_summary(reports))
    body += [_section(report, top) for report in reports]
    body.append(_notes())
    return page(f"{printable(first.name)} – quantisation report", "\n".join(body))


def _header(report: QuantizationReport) -> str:
    facts = (f"{report.samples} samples", report.engine)
    line = " · ".join(f'<span class="num">{escape(fact)}</span>' for fact in facts)
    name = escape(printable(report.name))
    return f'<header><h1>{name}</h1><div class="soft">INT8 against float · {line}</div></header>'


def _summary(reports: Sequence[QuantizationReport]) -> str:
    rows = []
    for report in reports:
        finite = [x.sqnr_db for x in report.layers if math.isfinite(x.sqnr_db)]
        mean = sum(finite) / len(finite) if finite else None
        cells = (decibels(report.worst[0].sqnr_db), decibels(mean), decibels(report.layers[-1].sqnr_db))
        values = "".join(f'<td class="r">{cell}</td>' for cell in cells)
        rows.append(f"<tr><td>{escape(_WHAT.get(report.method, report.method))}</td>{values}</tr>")
    head = '<tr><th></th><th class="r">worst dB</th><th class="r">mean dB</th><th class="r">last operator dB</th></tr>'
    return (
        '<section><h2>Side by side</h2><p class="soft small">Signal-to-quantisation-noise ratio: higher is better.'
        f' 6 dB are one bit.</p><div class="wide"><table><thead>{head}</thead><tbody>{"".join(rows)}</tbody>'
        "</table></div></section>"
    )


def _section(report: QuantizationReport, top: float) -> str:
    worst = report.worst[0] if report.layers else None
    idle = "" if worst is None else f"Worst: {_label(worst)}."
    title = escape(_WHAT.get(report.method, report.method))
    advice = "".join(f"<li>{escape(printable(line, 600))}</li>" for line in report.advice)
    advice = f'<ul class="advice">{advice}</ul>' if advice else ""
    unpaired = ""
    if report.unpaired:
        listed = escape(printable(", ".join(report.unpaired), 600))
        unpaired = f'<p class="soft small">Without a partner in the float model: {listed}.</p>'
    return (
        f'<section><h2>{title}</h2><p class="soft small">Operators from left to right as they run; a bar is the '
        "signal-to-quantisation-noise ratio of an operator's output. Point at or tap a bar.</p>"
        f'<div data-chart><div class="wide">{_chart(report.layers, worst, top)}</div>'
        f'<div class="inspector" aria-live="polite">{escape(idle)}</div></div>{advice}'
        f"{_table(report)}{unpaired}</section>"
    )


def _label(layer: LayerError) -> str:
    text = f"op {layer.index} {layer.type}, {printable(layer.layer, 60)}: {decibels(layer.sqnr_db)} dB"
    if layer.lost_db is not None:
        text += f", {layer.lost_db:+.1f} dB lost in it"
    return text + f"; mean error {layer.mean_error:.3g}, max {layer.max_error:.3g}, step {layer.step:.3g}"


def _chart(layers: Sequence[LayerError], worst: LayerError | None, top: float) -> str:
    width = max(_WIDTH, _LEFT + 14.0 * len(layers))
    plot = _HEIGHT - _TOP - _BOTTOM

    def y(ratio: float) -> float:
        return _TOP + plot * (1 - min(max(ratio, 0.0), top) / top)

    parts = [
        f'<svg viewBox="0 0 {width:.0f} {_HEIGHT:.0f}" width="{width:.0f}" height="{_HEIGHT:.0f}" role="img">'
    ]
    parts.append("<title>Signal-to-quantisation-noise ratio of every operator</title>")
    for tick in range(0, int(top) + 1, 10):
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{width:.0f}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
            f'<text x="{_LEFT - 7}" y="{y(tick) + 3.5:.1f}" text-anchor="end">{tick} dB</text>'
        )
    pitch = (width - _LEFT) / max(len(layers), 1)
    for n, layer in enumerate(layers):
        height = max(y(0) - y(layer.sqnr_db), 1.5)
        kind = "peak" if layer is worst or layer.sqnr_db < POOR_DB else "tensor"
        x = _LEFT + n * pitch
        parts.append(
            f'<rect class="span {kind}" tabindex="0" x="{x + 0.12 * pitch:.1f}" y="{y(0) - height:.1f}" '
            f'width="{0.76 * pitch:.1f}" height="{height:.1f}"><title>{escape(_label(layer))}</title></rect>'
        )
        if pitch > 13 and (pitch > 24 or n % 2 == 0):
            parts.append(
                f'<text x="{x + pitch / 2:.1f}" y="{_HEIGHT - 9:.0f}" text-anchor="middle">{layer.index}</text>'
            )
    return "".join(parts) + "</svg>"


def _table(report: QuantizationReport) -> str:
    rows = []
    for n, layer in enumerate(report.worst):
        mark = ' class="peak"' if n == 0 or layer.sqnr_db < POOR_DB else ""
        cells = (
            decibels(layer.sqnr_db),
            decibels(layer.lost_db),
            f"{layer.mean_error:.3g}",
            f"{layer.max_error:.3g}",
            f"{layer.step:.3g}",
            f"{layer.clipped:.2%}",
        )
        values = "".join(f'<td class="r">{cell}</td>' for cell in cells)
        rows.append(
            f'<tr{mark}><td class="r">{layer.index}</td><td>{escape(printable(layer.type, 40))}</td>'
            f"<td>{escape(printable(layer.layer, 60))}</td><td>{escape(shape_text(layer.shape, '').strip())}</td>"
            f"{values}</tr>"
        )
    head = "".join(
        f'<th class="r">{name}</th>'
        for name in ("SQNR dB", "lost dB", "mean error", "max error", "step", "clipped")
    )
    head = f'<tr><th class="r">op</th><th>type</th><th>layer</th><th>output</th>{head}</tr>'
    return f'<div class="wide"><table><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>'


def _notes() -> str:
    items = (
        "SQNR: ten times the decimal logarithm of Σ float² over Σ (float − INT8)², over all samples and elements.",
        "Lost: the ratio of the operator's worst input less that of its output. Below zero where errors average out.",
        "An error at an operator includes what the operators before it did; after fine-tuning it includes what the "
        "training changed.",
        "Step: one step of INT8 in the output's scale. Clipped: values beyond the ends of INT8's range.",
    )
    listed = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f'<section><h2>What the numbers are</h2><ul class="notes">{listed}</ul></section>'
