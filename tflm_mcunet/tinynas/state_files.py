"""Files that a killed search continues from: whole or absent, never half written."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tflm_mcunet.errors import McuNetError


def save_json(path: Path, data: Mapping[str, Any]) -> None:
    """Replace a JSON file in one step: a kill at any moment leaves the old content or the new.

    Raises:
        McuNetError: the file cannot be written, as on a full disk.
    """
    text = json.dumps(data, indent=1)
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file in one step.

    Raises:
        McuNetError: the file cannot be written, as on a full disk; the old one is still there.
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise McuNetError(
            f"cannot write {path}: {error.strerror or error}",
            "make room or give another directory; what was saved before is intact",
        ) from error


def load_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None where there is no file.

    Raises:
        McuNetError: the file is there, but is no JSON object.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise McuNetError(f"cannot read {path}: {error}", "remove it to begin anew") from error
    if not isinstance(data, dict):
        raise McuNetError(f"expected a JSON object in {path}", "remove it to begin anew")
    return data


def append_line(path: Path, data: Mapping[str, Any]) -> None:
    """Add one JSON object as a line to a log, past whatever a kill left of a last line.

    Raises:
        McuNetError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                torn = file.read(1) != b"\n"
            else:
                torn = False
            file.write(b"\n" * torn + json.dumps(data).encode() + b"\n")
    except OSError as error:
        raise McuNetError(
            f"cannot write {path}: {error.strerror or error}", "make room or give another directory"
        ) from error


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a log in order; a line that a kill cut short is left out."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                data = json.loads(line)
            except ValueError:
                continue
            if isinstance(data, dict):
                yield data
