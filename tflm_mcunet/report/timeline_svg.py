"""A Timeline as SVG: operators along x, arena addresses along y, one rectangle per buffer."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from tflm_mcunet.report.memory_report import Span, Timeline, printable

_TOP, _BOTTOM = 26, 24
AXIS_WIDTH = 62


def byte_ticks(limit: int, count: int = 5) -> list[int]:
    """Round addresses from 0 to `limit`, at most about `count` of them: powers of two times 1, 2 or 5 Ki.

    >>> byte_ticks(161_472)
    [0, 51200, 102400, 153600]
    """
    unit = 1 if limit < 4096 else 1024
    step = unit
    factors = (2, 2.5, 2)
    turn = 0
    while limit / step > count:
        step = int(step * factors[turn % 3])
        turn += 1
    return list(range(0, limit + 1, step))


def tick_text(size: int) -> str:
    """`150 KiB`, or bytes below 1 KiB.

    >>> tick_text(153_600), tick_text(500)
    ('150 KiB', '500 B')
    """
    if size and size % 1024 == 0:
        return f"{size // 1024:,} KiB"
    return f"{size:,} B" if size else "0"


def axis_svg(scale_bytes: int, height: int) -> str:
    """The addresses, as a picture of its own that stays in view while the chart scrolls."""
    plot = height - _TOP - _BOTTOM
    parts = [f'<svg class="axis" width="{AXIS_WIDTH}" height="{height}" aria-hidden="true">']
    for tick in byte_ticks(scale_bytes):
        y = _TOP + plot * (1 - tick / scale_bytes)
        parts.append(
            f'<text x="{AXIS_WIDTH - 7}" y="{y + 3.5:.1f}" text-anchor="end">{tick_text(tick)}</text>'
        )
    parts.append("</svg>")
    return "".join(parts)


def chart_svg(
    timeline: Timeline, width: float, height: int, scale_bytes: int, limit_bytes: int | None = None
) -> str:
    """The chart itself.

    Args:
        timeline: Timeline.
        width: float. Pixels; every step gets an equal share, at least 13.
        height: int. Pixels.
        scale_bytes: int. The address at the upper edge.
        limit_bytes: int or None. Where to draw the target's SRAM; left out above the upper edge.
    """
    steps = max(len(timeline.steps), 1)
    step_px = max(width / steps, 13.0)
    width = step_px * steps
    plot = height - _TOP - _BOTTOM

    def y_of(address: float) -> float:
        return _TOP + plot * (1 - address / scale_bytes)

    peak = timeline.peak_steps()
    parts = [
        f'<svg class="timeline" width="{width:.0f}" height="{height}" viewBox="0 0 {width:.1f} {height}" '
        f'role="img" aria-label="{escape(timeline.title)}: {timeline.arena_bytes:,} bytes">'
    ]
    for first, last in runs(peak):
        if last - first + 1 > steps / 3 and steps > 3:
            continue
        x, w = first * step_px, (last - first + 1) * step_px
        parts.append(f'<rect class="band" x="{x:.1f}" y="{_TOP - 6}" width="{w:.1f}" height="{plot + 6}"/>')
    for tick in byte_ticks(scale_bytes):
        y = y_of(tick)
        parts.append(f'<line class="grid" x1="0" x2="{width:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
    for _, first, _last in timeline.stages[1:]:
        x = first * step_px
        parts.append(f'<line class="stage" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_TOP + plot}"/>')
    at_peak = {i for i, s in enumerate(timeline.spans) if any(s.first <= p <= s.last for p in peak)}
    colour_peak = len(at_peak) <= max(6, len(timeline.spans) // 3)
    for i, span in enumerate(timeline.spans):
        chosen = colour_peak and i in at_peak and span.role != "scratch" and not span.pieces
        parts.append(_span_svg(span, i, chosen, timeline, step_px, y_of))
    if limit_bytes is not None and limit_bytes <= scale_bytes:
        y = y_of(limit_bytes)
        parts.append(f'<line class="limit-line" x1="0" x2="{width:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
    parts += _labels(timeline, peak, step_px, width, height)
    parts.append("</svg>")
    return "".join(parts)


def _span_svg(
    span: Span, index: int, chosen: bool, timeline: Timeline, step_px: float, y_of: Callable[[float], float]
) -> str:
    role = "peak" if chosen else span.role
    shade = f" s{index % 6}" if role == "rows" else " alt" if role == "tensor" and index % 2 else ""
    title = f"<title>{escape(span_text(span, timeline))}</title>"
    if span.pieces:
        return f'<path class="span {role}{shade}" d="{_outline(span, step_px, y_of)}">{title}</path>'
    x, w = span.first * step_px, (span.last - span.first + 1) * step_px
    y, bottom = y_of(span.offset + span.size_bytes), y_of(span.offset)
    h = max(bottom - y, 1.0)
    rect = (
        f'<rect class="span {role}{shade}" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="1.5">'
        f"{title}</rect>"
    )
    text = span.detail.split(" ")[0].removeprefix("1×")
    length = len(text) * 6.3 + 6
    place = f'x="{x + w / 2:.1f}" y="{y + h / 2 + 3.5:.1f}" text-anchor="middle"'
    if w >= length and h >= 13:
        return rect + f'<text class="in" {place}>{escape(text)}</text>'
    if h >= length and w >= 12.5:
        turn = f"rotate(-90 {x + w / 2:.1f} {y + h / 2:.1f})"
        return rect + f'<text class="in" {place} transform="{turn}">{escape(text)}</text>'
    return rect


def _outline(span: Span, step_px: float, y_of: Callable[[float], float]) -> str:
    """The rows of a span as one path of rectangles."""
    parts = []
    for start, end, offset, size in span.pieces:
        x, w = start * step_px, max((end - start) * step_px, 0.3)
        y, bottom = y_of(offset + size), y_of(offset)
        parts.append(f"M{x:.1f} {y:.1f}h{w:.1f}v{max(bottom - y, 0.4):.1f}h-{w:.1f}z")
    return "".join(parts)


def span_text(span: Span, timeline: Timeline) -> str:
    """What a rectangle is, in one line."""
    first, last = timeline.steps[span.first], timeline.steps[min(span.last, len(timeline.steps) - 1)]
    when = f"at op {first}" if span.first == span.last else f"from op {first} to op {last}"
    what = {"input": "input ", "output": "output ", "rows": "rolling rows of "}.get(span.role, "")
    where = f"{span.size_bytes:,} bytes at address {span.offset:,}"
    if span.pieces:
        where = f"between address {span.offset:,} and {span.offset + span.size_bytes:,}"
    return f"{what}{printable(span.label)} · {span.detail} · {where} · {when}"


def _labels(timeline: Timeline, peak: list[int], step_px: float, width: float, height: int) -> list[str]:
    """Operator numbers below, the operators that set the peak above."""
    parts = []
    every = next(n for n in (1, 2, 5, 10, 20, 50, 100, 1000, 10**9) if n * step_px >= 24 or n == 10**9)
    for i, step in enumerate(timeline.steps):
        if i % every == 0:
            x = (i + 0.5) * step_px
            parts.append(
                f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle">{escape(step.split(" ")[0])}</text>'
            )
    free = -1.0
    for first, last in runs(peak)[:6]:
        text = printable(timeline.steps[first], 30)
        if last > first:
            text += f" … {printable(timeline.steps[last], 30)}"
        length = len(text) * 6.4
        x = min(max(first * step_px, 2.0), max(width - length, 2.0))
        if x > free:
            parts.append(f'<text class="mark" x="{x:.1f}" y="13">{escape(text)}</text>')
            free = x + length + 8
    return parts


def runs(indices: list[int]) -> list[tuple[int, int]]:
    """Neighbouring indices joined: [3, 4, 7] -> [(3, 4), (7, 7)]."""
    runs: list[tuple[int, int]] = []
    for i in indices:
        if runs and runs[-1][1] == i - 1:
            runs[-1] = (runs[-1][0], i)
        else:
            runs.append((i, i))
    return runs
