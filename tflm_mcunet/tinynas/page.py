"""The leaderboard of a search as one self-contained page: the best networks, and accuracy against what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources

from tflm_mcunet.report.memory_report import printable
from tflm_mcunet.tinynas.leaderboard import Row, pareto, ranked

_WIDTH, _HEIGHT = 480, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 16, 40

#: Cost, title of its plot, unit, divisor.
_COSTS = (
    ("sram_bytes", "SRAM", "kB", 1e3),
    ("flash_bytes", "Flash", "kB", 1e3),
    ("instructions", "Instructions, modelled", "million", 1e6),
)


def render_page(
    title: str, facts: Mapping[str, str], rows: Sequence[Row], objective: str, *, maximise: bool = True
) -> str:
    """The page.

    Args:
        title: str.
        facts: mapping. What is said about the search, by name.
        rows: sequence of Row, in any order.
        objective: str. What the score is.
        maximise: bool. Whether a higher score is better.
    """
    style = resources.files("tflm_mcunet.report").joinpath("page.css").read_text(encoding="utf-8")
    plots = "".join(
        f"<div><h3>{escape(name)}</h3>{_plot(rows, cost, unit, divisor, objective, maximise)}</div>"
        for cost, name, unit, divisor in _COSTS
    )
    listed = "".join(f"<dt>{escape(k)}</dt><dd>{escape(printable(v))}</dd>" for k, v in facts.items())
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>
{style}
.plots {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 10px 22px; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; margin: 10px 0 0; }}
dt {{ color: var(--soft); }} dd {{ margin: 0; overflow-wrap: anywhere; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; font-size: .88rem; }}
th, td {{ text-align: right; padding: 5px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }}
th {{ font-weight: 600; color: var(--soft); }}
td.text, th.text {{ text-align: left; }}
tr.front td:first-child {{ font-weight: 650; color: var(--good); }}
</style>
</head>
<body>
<main>
<header><h1>{escape(title)}</h1><dl>{listed}</dl></header>
<section><h2>{escape(objective)} against cost</h2>
<p class="soft small">Each dot is a trained network; the line joins those that no other beats in both.</p>
<div class="plots">{plots}</div></section>
<section><h2>Leaderboard</h2>
<p class="soft small">SRAM and flash are bounds that no run exceeds: SRAM with input, kernel scratch and stack, flash
with code. Green numbers are on the front of SRAM. A block reads channels/expanded/kernel/stride, s with
squeeze-and-excite.</p>
<div class="wide">{_table(rows, objective, maximise)}</div></section>
</main>
</body>
</html>
"""


def _table(rows: Sequence[Row], objective: str, maximise: bool) -> str:
    front = {row.trial for row in pareto(rows, "sram_bytes", maximise=maximise)}
    heads = ("trial", objective, "SRAM", "flash", "MACs", "parameters", "schedule", "input", "from", "blocks")
    lines = ["<table><thead><tr>", *(_cell("th", h, h == "blocks") for h in heads), "</tr></thead><tbody>"]
    for row in ranked(rows, maximise=maximise):
        score = row.status.lower() if row.score is None else f"{row.score:.4f}"
        blocks = row.message if row.score is None and row.message else row.blocks
        numbers = (row.sram_bytes, row.flash_bytes, row.macs, row.parameters)
        words = (row.schedule, row.resolution, row.parent, blocks)
        cells = (row.trial, score, *(f"{n:,}" for n in numbers), *words)
        kind = ' class="front"' if row.trial in front else ""
        lines += [f"<tr{kind}>", *(_cell("td", c, i == len(cells) - 1) for i, c in enumerate(cells)), "</tr>"]
    return "".join([*lines, "</tbody></table>"])


def _cell(tag: str, text: str, is_text: bool) -> str:
    kind = ' class="text"' if is_text else ' class="num"'
    return f"<{tag}{kind}>{escape(printable(text))}</{tag}>"


def _plot(rows: Sequence[Row], cost: str, unit: str, divisor: float, objective: str, maximise: bool) -> str:
    scored = [row for row in rows if row.score is not None]
    if not scored:
        return '<p class="soft">No trial has finished yet.</p>'
    xs = [getattr(row, cost) / divisor for row in scored]
    ys = [row.score or 0.0 for row in scored]
    x_low, x_high = _range(xs, at_least_zero=True)
    y_low, y_high = _range(ys)

    def x(value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (value - x_low) / (x_high - x_low)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (value - y_low) / (y_high - y_low)

    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="100%" role="img">']
    parts.append(f"<title>{escape(objective)} against {escape(cost)}</title>")
    for n in range(5):
        at = y_low + (y_high - y_low) * n / 4
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(at):.1f}" y2="{y(at):.1f}"/>'
            f'<text x="{_LEFT - 7}" y="{y(at) + 4:.1f}" text-anchor="end">{at:.3f}</text>'
        )
        across = x_low + (x_high - x_low) * n / 4
        digits = 2 if x_high - x_low < 4 else 1 if x_high - x_low < 40 else 0
        parts.append(
            f'<text x="{x(across):.1f}" y="{_HEIGHT - 22}" text-anchor="middle">{across:,.{digits}f}</text>'
        )
    parts.append(f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 5}" text-anchor="end">{unit}</text>')
    front = pareto(scored, cost, maximise=maximise)
    path = " ".join(
        f"{'ML'[i > 0]}{x(getattr(row, cost) / divisor):.1f} {y(row.score or 0.0):.1f}"
        for i, row in enumerate(front)
    )
    parts.append(f'<path d="{path}" fill="none" stroke="var(--peak)" stroke-width="2"/>')
    members = {row.trial for row in front}
    for row, at_x, at_y in zip(scored, xs, ys):
        colour = "var(--peak)" if row.trial in members else "var(--bar)"
        parts.append(
            f'<circle cx="{x(at_x):.1f}" cy="{y(at_y):.1f}" r="4" fill="{colour}">'
            f"<title>trial {escape(row.trial)}: {at_y:.4f} at {at_x:,.2f} {unit}</title></circle>"
        )
    return "".join(parts) + "</svg>"


def _range(values: Sequence[float], *, at_least_zero: bool = False) -> tuple[float, float]:
    """Ends of an axis, with a little room on either side."""
    low, high = min(values), max(values)
    room = (high - low) * 0.08 or max(abs(high) * 0.05, 0.01)
    return max(0.0, low - room) if at_least_zero else low - room, high + room
