"""The report as one self-contained page: no request leaves it, no text of the model file is ever markup."""

from __future__ import annotations

import re
from html import escape

from tflm_mcunet.report.frontier_svg import frontier_svg
from tflm_mcunet.report.memory_report import MemoryReport, Timeline, printable
from tflm_mcunet.report.page import page
from tflm_mcunet.report.text import number, percent
from tflm_mcunet.report.timeline_svg import axis_svg, chart_svg, runs

#: Pixels of a chart on a wide screen; a phone scrolls it.
_WIDTH, _HEIGHT = 1034.0, 300


def render_html(report: MemoryReport) -> str:
    """The whole page."""
    body = "\n".join(
        part
        for part in (
            _header(report),
            _bars(report),
            _advice(report),
            _timelines(report),
            _frontier(report),
            _stages(report),
            _table(report),
            _notes(report),
        )
        if part
    )
    return page(f"{printable(report.name)} – memory report", body)


def _header(report: MemoryReport) -> str:
    facts = [f"{len(report.ops)} operators", f"{report.macs:,} MACs"]
    if report.model_bytes is not None:
        facts.append(f"{report.model_bytes:,} bytes of flash")
    line = " · ".join(f'<span class="num">{escape(fact)}</span>' for fact in facts)
    badge = ""
    if report.target is not None:
        good = bool(report.fits)
        verdict = "fits" if good else "does not fit"
        name = escape(printable(report.target.name))
        badge = f'<div class="badge {"good" if good else "bad"}">{verdict} {name}</div>'
    return f'<header><h1>{escape(printable(report.name))}</h1><div class="soft">{line}</div>{badge}</header>'


def _bars(report: MemoryReport) -> str:
    peak, tflm, target = report.peak, report.tflm, report.target
    limit = target.contiguous_sram if target else None
    rows: list[tuple[str, str, tuple[int, ...]]] = []
    if tflm.head is not None:
        parts_bytes = (tflm.head,) if tflm.tail is None else (tflm.head, tflm.tail)
        rows.append(("Stock TFLite Micro", f"head {tflm.head:,} + tail {number(tflm.tail)}", parts_bytes))
    for label, note, size in (
        ("… with our offline plan", "head", report.planned_head),
        ("Layer by layer", "best order, PAD folded", peak.layer),
        ("In place", "outputs over operands", peak.layer_in_place),
        ("Streamed", "rows flow; input included", peak.stream),
        ("Streamed, rows fed", "no input map", peak.stream_rows_input),
    ):
        if size is not None:
            rows.append((label, note, (size,)))
    full = max([sum(sizes) for *_, sizes in rows] + [limit or 1])
    parts = [_bar(label, note, sizes, full, limit) for label, note, sizes in rows]
    caption = "Bytes of SRAM for one inference."
    if target:
        board = escape(printable(target.name))
        caption += f" The line is the SRAM of {board}: {target.contiguous_sram:,} contiguous bytes."
    text = (
        f'<section><h2>SRAM</h2><p class="soft small">{caption}</p><div class="bars">{"".join(parts)}</div>'
    )
    if report.model_bytes is not None:
        flash = target.flash if target else None
        note = "the file; code comes on top"
        bar = _bar("Model", note, (report.model_bytes,), max(report.model_bytes, flash or 0), flash)
        caption = (
            f" The line is the flash of {escape(printable(target.name))}: {flash:,} bytes."
            if target and flash
            else ""
        )
        text += (
            f'<h2 style="margin-top:22px">Flash</h2><p class="soft small">Bytes of the model.{caption}</p>'
        )
        text += f'<div class="bars">{bar}</div>'
    return text + "</section>"


def _bar(label: str, note: str, sizes: tuple[int, ...], full: int, limit: int | None) -> str:
    total = sum(sizes)
    over = limit is not None and total > limit
    share, fills, start = "", "", 0
    for i, size in enumerate(sizes):
        kind = "fill over" if over and i == 0 else "fill tail" if i else "fill"
        left, width = 100 * start / full, 100 * size / full
        fills += f'<i class="{kind}" style="left:{left:.2f}%;width:{width:.2f}%"></i>'
        start += size
    if limit is not None:
        fills += f'<i class="limit" style="left:calc({100 * limit / full:.2f}% - 2px)"></i>'
        share = f' <span class="soft small">{percent(total, limit)}</span>'
    return (
        f'<div class="label">{escape(label)}<small>{escape(note)}</small></div>'
        f'<div class="value num">{total:,}{share}</div><div class="track">{fills}</div>'
    )


def _advice(report: MemoryReport) -> str:
    if not report.advice:
        return ""
    items = "".join(f"<li>{_prose(line)}</li>" for line in report.advice)
    return f'<section><h2>Advice</h2><ul class="advice">{items}</ul></section>'


def _prose(line: str) -> str:
    """A line of advice, escaped, with what stands in backticks set as code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(printable(line, 600)))


def _timelines(report: MemoryReport) -> str:
    before, after = report.before, report.after
    limit = report.target.contiguous_sram if report.target else None
    charts = _chart(before, _scale(before), limit, "")
    ratio = _scale(before) / _scale(after)
    if ratio > 2.5:
        zoom = f"drawn {ratio:.1f} times as tall as the chart above"
        charts += _chart(after, _scale(after), limit, zoom)
    else:
        charts += _chart(after, max(_scale(before), _scale(after)), limit, "same scale")
    keys = (
        ("input", "input"),
        ("output", "output"),
        ("tensor", "tensor"),
        ("rows", "rows that flow"),
        ("scratch", "scratch"),
        ("peak", "sets the peak"),
    )
    legend = "".join(f'<span style="--swatch:var(--{name})">{label}</span>' for name, label in keys)
    return (
        '<section><h2>Memory timeline</h2><p class="soft small">Operators from left to right, addresses of '
        "the arena from bottom to top. Where rows flow, time runs in row steps and a colour is one tensor. "
        "Point at or tap anything.</p>"
        f'{charts}<div class="key">{legend}</div></section>'
    )


def _scale(timeline: Timeline) -> int:
    return max(timeline.arena_bytes, 16)


def _chart(timeline: Timeline, scale_bytes: int, limit: int | None, remark: str) -> str:
    found = [
        printable(timeline.steps[a], 30) + (f" … {printable(timeline.steps[b], 30)}" if b > a else "")
        for a, b in runs(timeline.peak_steps())
    ]
    peak = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
    note = f" · {remark}" if remark else ""
    return (
        f"<div data-chart><h3>{escape(timeline.title)}: "
        f'<span class="num">{timeline.arena_bytes:,} bytes</span>'
        f'<span class="soft small">{escape(note)}</span></h3>'
        f'<div class="chart">{axis_svg(scale_bytes, _HEIGHT)}<div class="scroll" tabindex="0">'
        f"{chart_svg(timeline, _WIDTH, _HEIGHT, scale_bytes, limit)}</div></div>"
        f'<div class="inspector" aria-live="polite">Peak at op {escape(peak)}.</div></div>'
    )


def _frontier(report: MemoryReport) -> str:
    if not report.frontier:
        return ""
    return (
        '<section><h2>SRAM against MACs</h2><p class="soft small">Each point is a plan: patches compute some rows '
        'and columns twice and need fewer bytes. <span style="color:var(--bar)">■</span> input resident, '
        '<span style="color:var(--peak)">■</span> input fed by rows, anew for each patch.</p>'
        f'<div class="wide">{frontier_svg(report.frontier)}</div></section>'
    )


def _stages(report: MemoryReport) -> str:
    if all(stage.kind == "layer" for stage in report.stages):
        return ""
    rows = []
    for n, stage in enumerate(report.stages):
        names = stage.ops[0] + (f" … {stage.ops[-1]}" if len(stage.ops) > 1 else "")
        twice = number(stage.macs - stage.macs_once) if stage.macs > stage.macs_once else ""
        held = "".join(
            f"<tr><td>{escape(h.tensor)}</td><td>{escape(h.detail)}</td><td>{escape(h.role)}</td>"
            f'<td class="r">{h.rows}</td><td class="r">{number(h.size_bytes)}</td></tr>'
            for h in stage.held
        )
        if held:
            head = '<tr><th>tensor</th><th></th><th>role</th><th class="r">rows</th><th class="r">bytes</th></tr>'
            held = f"<details><summary>rows held</summary><table>{head}{held}</table></details>"
        rows.append(
            f'<tr><td class="r">{n}</td><td>{stage.label}</td><td>{escape(names)}{held}</td>'
            f'<td class="r">{number(stage.peak_bytes)}</td><td class="r">{number(stage.macs)}</td>'
            f'<td class="r">{twice}</td></tr>'
        )
    head = (
        '<tr><th class="r">stage</th><th>kind</th><th>operators</th><th class="r">arena</th>'
        '<th class="r">MACs</th><th class="r">of them twice</th></tr>'
    )
    out = "".join(f"<li>{escape(op)}: {_prose(why)}</li>" for op, why in report.left_out)
    out = f'<h3>Left out of the stages</h3><ul class="notes">{out}</ul>' if out else ""
    return (
        '<section><h2>Stages</h2><p class="soft small">Of our smallest plan that holds the input; operators are '
        f'numbered as planned.</p><div class="wide"><table><thead>{head}</thead><tbody>{"".join(rows)}</tbody>'
        f"</table></div>{out}</section>"
    )


def _table(report: MemoryReport) -> str:
    most = max((op.live_bytes for op in report.ops), default=0) or 1
    rows = []
    for op in report.ops:
        mark = ' class="peak"' if op.index in report.peak_ops else ""
        bar = f'<span class="mini"><i style="width:{100 * op.live_bytes / most:.1f}%"></i></span>'
        rows.append(
            f'<tr{mark}><td class="r">{op.index}</td><td>{escape(printable(op.type, 40))}</td>'
            f"<td>{escape(op.output)}</td>"
            f'<td class="r">{number(op.macs) if op.macs else ""}</td>'
            f'<td class="r">{number(op.weight_bytes) if op.weight_bytes else ""}</td>'
            f'<td class="r live">{bar}{number(op.live_bytes)}</td></tr>'
        )
    head = (
        '<tr><th class="r">op</th><th>type</th><th>output</th><th class="r">MACs</th>'
        '<th class="r">weights</th><th class="r">live bytes</th></tr>'
    )
    return (
        '<section><h2>Operators</h2><p class="soft small">As the file has them. Live bytes: all computed '
        f'tensors in use while the operator runs.</p><div class="wide"><table><thead>{head}</thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></section>"
    )


def _notes(report: MemoryReport) -> str:
    basis = f"Stock TFLite Micro: {report.tflm.pointer_bits}-bit, {report.tflm.basis}."
    items = "".join(f"<li>{_prose(line)}</li>" for line in (basis, *report.notes))
    return f'<section><h2>What the numbers are</h2><ul class="notes">{items}</ul></section>'
