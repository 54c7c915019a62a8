"""The demo's table: one column an engine, one row a figure; "–" where an engine cannot measure it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_ABSENT = "–"


@dataclass(frozen=True)
class Column:
    """One engine's run over test images.

    Args:
        name: str.
        outputs: array [n, classes] int8.
        instructions: int or None. Of one inference.
        sram, flash: mapping of part -> bytes or None, as in RunResult.
    """

    name: str
    outputs: np.ndarray
    instructions: int | None = None
    sram: Mapping[str, int | None] | None = None
    flash: Mapping[str, int | None] | None = None

    @staticmethod
    def of(name: str, result: Any) -> Column:
        """From a RunResult."""
        return Column(
            name, result.outputs[0], result.instructions, dict(result.sram or {}), dict(result.flash or {})
        )

    def accuracy(self, labels: np.ndarray) -> float:
        return float(np.mean(self.outputs.argmax(axis=1) == labels[: len(self.outputs)]))

    def to_dict(self, labels: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
        """JSON-ready data; `truth` holds the outputs that every byte is compared with."""
        return {
            "name": self.name,
            "images": len(self.outputs),
            "accuracy": self.accuracy(labels),
            "instructions": self.instructions,
            "sram": dict(self.sram or {}),
            "flash": dict(self.flash or {}),
            "all_bytes_equal": bool(np.array_equal(self.outputs, truth[: len(self.outputs)])),
        }


def render(float_accuracy: float, labels: np.ndarray, columns: Sequence[Column], macs: int) -> str:
    """The table as text. The bytes of every column are compared with those of the column "TFLite Micro"."""
    truth = next(c.outputs for c in columns if c.name == "TFLite Micro")

    def part(group: str, key: str) -> Callable[[Column], str]:
        return lambda c: _count((getattr(c, group) or {}).get(key))

    def per_mac(c: Column) -> str:
        return _ABSENT if c.instructions is None else f"{c.instructions / macs:.2f}"

    def equal(c: Column) -> str:
        if c.outputs is truth:
            return "the truth"
        different = int(np.sum(c.outputs != truth[: len(c.outputs)]))
        return "all" if different == 0 else f"{different} differ"

    rows: list[tuple[str, Callable[[Column], str]]] = [
        ("test images", lambda c: _count(len(c.outputs))),
        (f"accuracy (float {float_accuracy:.2%})", lambda c: f"{c.accuracy(labels):.2%}"),
        ("output bytes equal TFLite Micro's", equal),
        ("SRAM: arena", part("sram", "arena")),
        ("  of it input", part("sram", "input")),
        ("SRAM: other static data", part("sram", "static")),
        ("SRAM: stack", part("sram", "stack")),
        ("SRAM: total", part("sram", "total")),
        ("flash: code", part("flash", "code")),
        ("flash: constants", part("flash", "constants")),
        ("flash: total", part("flash", "total")),
        ("MACs", lambda c: _count(macs)),
        ("instructions", lambda c: _count(c.instructions)),
        ("instructions per MAC", per_mac),
    ]
    cells = [["", *(c.name for c in columns)], *([label, *map(show, columns)] for label, show in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(text.rjust(w) for text, w in zip(row[1:], widths[1:]))])
        for row in cells
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _count(value: int | None) -> str:
    return _ABSENT if value is None else f"{value:,}"
