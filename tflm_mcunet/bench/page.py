"""Measurements as one self-contained page: the chart, then the tables."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tflm_mcunet.bench import peers
from tflm_mcunet.bench.chart import to_svg
from tflm_mcunet.bench.measure import Measurement
from tflm_mcunet.bench.summary import CYCLE_MODEL, mean_line, operating_points
from tflm_mcunet.bench.tables import Table, group_tables, models_table
from tflm_mcunet.report.page import page


def to_html(measurements: Sequence[Measurement], all_ops: bool = False) -> str:
    """The page.

    Args:
        measurements: sequence of Measurement.
        all_ops: bool. Also a table of operators for each model.
    """
    parts = [
        "<header><h1>What models execute on emulated cores</h1>"
        '<div class="soft">Instructions are counted exactly. Cycles are modelled.</div></header>',
        f'<section><div class="wide">{to_svg(measurements)}</div></section>',
    ]
    for name, group in operating_points(measurements):
        tables = "".join(_table(t) for t in (models_table(group), *group_tables(group, all_ops)))
        line = f'<p class="soft small">int8 inputs and outputs; {escape(mean_line(name, group))}</p>'
        parts.append(f"<section><h2>{escape(name)}</h2>{line}{tables}</section>")
    parts.append(f"<footer><p>Peers: {escape(peers.source())}</p><p>* {escape(CYCLE_MODEL)}.</p></footer>")
    return page("What models execute on emulated cores", "\n".join(parts))


def _table(table: Table) -> str:
    head, *rows = ([_cell(text, i in table.right) for i, text in enumerate(row)] for row in table.rows)
    heading = "".join(f"<th{c}</th>" for c in head)
    body = "".join("<tr>" + "".join(f"<td{c}</td>" for c in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{heading}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(text: str, is_right: bool) -> str:
    """Attributes and content of a cell, from behind its name on."""
    return (' class="r">' if is_right else ">") + escape(text)
