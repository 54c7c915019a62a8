"""Reads `.ts` files of the UCR/UEA time series archive: series of equal length with class labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tflm_mcunet.errors import UsageError


@dataclass(frozen=True)
class Series:
    """Series of one file.

    Args:
        x: array float64 (n, time, channels).
        labels: tuple of str, one a series.
        class_names: tuple of str, in the order of the file's header.
    """

    x: np.ndarray
    labels: tuple[str, ...]
    class_names: tuple[str, ...]


def read_ts(path: Path) -> Series:
    """Read a file.

    After `@data` each line is one series: its channels, then its label, with colons between them; a channel is
    numbers with commas between them.

    Raises:
        UsageError: not such a file, series of unequal length, missing or not finite values, an unknown label.
    """
    class_names: tuple[str, ...] = ()
    series: list[np.ndarray] = []
    labels: list[str] = []
    in_data = False
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if not in_data:
            words = text.split()
            if words[0].lower() == "@classlabel":
                class_names = tuple(words[2:])
            in_data = words[0].lower() == "@data"
            continue
        *channels, label = text.split(":")
        try:
            values = np.array([[float(value) for value in c.split(",")] for c in channels]).T
        except ValueError as error:
            raise UsageError(f"{path.name}, line {number}: no series of numbers: {error}") from error
        if label not in class_names or not np.isfinite(values).all():
            raise UsageError(
                f"{path.name}, line {number}: expected finite values and one of {class_names}, got {label!r}"
            )
        if series and values.shape != series[0].shape:
            raise UsageError(
                f"{path.name}, line {number}: expected {series[0].shape} as in the first series, got {values.shape}"
            )
        series.append(values)
        labels.append(label)
    if not series:
        raise UsageError(f"{path.name} holds no series", "expected a .ts file with @data and class labels")
    return Series(np.stack(series), tuple(labels), class_names)
