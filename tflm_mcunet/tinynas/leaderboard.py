"""The trials of a search as a table: one row each, for CSV, HTML and the plots."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from tflm_mcunet.tinynas.architecture import Architecture
from tflm_mcunet.tinynas.budget import Need


@dataclass(frozen=True)
class Row:
    """One trial.

    Args:
        trial: str. Its number.
        status: str. "COMPLETED", "FAILED" or "RUNNING".
        score: float or None. The objective on the validation data.
        sram_bytes, flash_bytes, macs: int. Bounds, see `Need`; MACs are exact.
        instructions: int. Modelled.
        parameters: int.
        resolution: str. Of the input.
        blocks: str. channels/expanded/kernel/stride of each.
        parent: str. The trial whose weights it began with, or "".
        message: str. Why it failed, or "".
        schedule: str. Under which it takes that, and fits.
        loss: float or None. On the validation data.
    """

    trial: str
    status: str
    score: float | None
    sram_bytes: int
    flash_bytes: int
    macs: int
    instructions: int
    parameters: int
    resolution: str
    blocks: str
    parent: str = ""
    message: str = ""
    schedule: str = ""
    loss: float | None = None


def row_of(
    trial: str,
    status: str,
    score: float | None,
    network: Architecture,
    need: Need,
    parent: str,
    message: str,
    schedule: str,
    loss: float | None,
) -> Row:
    """The row of a trial."""
    blocks = " ".join(
        f"{b.channels}/{b.expanded if b.expands else 0}/{b.kernel}/{b.stride}{'s' if b.squeeze else ''}"
        for b in network.blocks
    )
    return Row(
        trial,
        status,
        None if score is None else float(score),
        need.sram_bytes,
        need.flash_bytes,
        need.macs,
        need.instructions,
        network.parameters,
        "x".join(str(n) for n in network.input_shape),
        blocks,
        parent,
        message,
        schedule,
        loss,
    )


def ranked(rows: Sequence[Row], *, maximise: bool = True) -> list[Row]:
    """Best first; of equals the one of lower validation loss, then the smaller; those without a score last."""
    sign = -1 if maximise else 1

    def key(row: Row) -> tuple[Any, ...]:
        loss = math.inf if row.loss is None else row.loss
        return row.score is None, sign * (row.score or 0.0), loss, row.sram_bytes, row.trial

    return sorted(rows, key=key)


def pareto(rows: Sequence[Row], cost: str, *, maximise: bool = True) -> list[Row]:
    """The rows that no other beats in both score and `cost`, the cheapest first.

    Example:
        >>> make = lambda score, sram: Row("0", "COMPLETED", score, sram, 0, 0, 0, 0, "", "")
        >>> [row.sram_bytes for row in pareto([make(0.9, 20), make(0.8, 30), make(0.7, 10)], "sram_bytes")]
        [10, 20]
    """
    front: list[Row] = []
    best: float | None = None
    sign = 1 if maximise else -1
    scored = [row for row in rows if row.score is not None]
    for row in sorted(scored, key=lambda row: (getattr(row, cost), -sign * (row.score or 0.0))):
        if best is None or sign * (row.score or 0.0) > best:
            best = sign * (row.score or 0.0)
            front.append(row)
    return front


def csv_text(rows: Sequence[Row]) -> str:
    """The table as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return out.getvalue()
