"""What the commands share: sizes in, JSON out, one-line messages, files written or a clear error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tflm_mcunet.errors import McuNetError, UsageError

#: Writes one line to stdout; `print` in the command line.
Print = Callable[[str], None]

_SIZE = re.compile(r"(\d[\d_]*)(k|Ki|M|Mi)?B?", re.ASCII)
_UNITS = {None: 1, "k": 1000, "Ki": 1024, "M": 1_000_000, "Mi": 1_048_576}


def parse_size(text: str) -> int:
    """Bytes: `320000`, `320k` (×1000), `320Ki` (×1024), `1M`, `1Mi`.

    >>> parse_size("320k"), parse_size("320Ki")
    (320000, 327680)

    Raises:
        UsageError: anything else, or zero.
    """
    match = _SIZE.fullmatch(text.strip())
    size = int(match[1].replace("_", "")) * _UNITS[match[2]] if match else 0
    if size <= 0:
        raise UsageError(f"not a size in bytes: {text!r}.", "Write 320000, 320k (×1000) or 320Ki (×1024).")
    return size


def one_line(text: str) -> str:
    """Text on one line, without control characters (a file name may hold any)."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def write_file(path: str | Path, data: str | bytes) -> None:
    """Write a file, or raise McuNetError that says why not."""
    try:
        if isinstance(data, bytes):
            Path(path).write_bytes(data)
        else:
            Path(path).write_text(data, encoding="utf-8")
    except OSError as error:
        raise McuNetError(
            f"cannot write {path}: {error.strerror or error}", "Check the folder and its rights."
        ) from error


def write_json(payload: Mapping[str, Any], destination: str, out: Print) -> None:
    """JSON to a file, or to stdout where the destination is `-`."""
    text = json.dumps(payload, indent=2, allow_nan=False)
    if destination == "-":
        out(text)
    else:
        write_file(destination, text + "\n")


def emit(text: str, payload: Mapping[str, Any], destination: str | None, out: Print) -> None:
    """A command's result: JSON alone on stdout with `--json -`; else text, and JSON where asked for."""
    if destination != "-":
        out(text)
    if destination is not None:
        write_json(payload, destination, out)
