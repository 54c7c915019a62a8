"""A folder of build results named by their content hash; safe for processes that share it."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from tflm_mcunet.errors import ToolError

# Results that nobody used for this long are removed once the folder holds more than the limit.
KEEP_SECONDS = 24 * 3600
LIMIT_BYTES = 2 * 1024**3


def cache_directory() -> Path:
    """Where builds are kept: the environment variable TFLM_MCUNET_CACHE, or ~/.cache/tflm_mcunet."""
    named = os.environ.get("TFLM_MCUNET_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "tflm_mcunet"


def content_key(*parts: Any) -> str:
    """SHA-256 of JSON-able data, as hexadecimal text."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def lookup(key: str, suffix: str) -> Path | None:
    """The stored file of that key, or None. Using a result keeps it from being pruned."""
    path = _place(key, suffix)
    try:
        os.utime(path)
    except OSError:
        return None
    return path


def store(key: str, suffix: str, content: bytes) -> Path:
    """Stores a result: readers see nothing or all of it, and the last of several equal writers wins.

    Raises:
        ToolError: the folder cannot be written.
    """
    path = _place(key, suffix)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    except OSError as error:
        hint = "set the environment variable TFLM_MCUNET_CACHE to a folder that can be written"
        raise ToolError(
            f"cannot write to the build cache {cache_directory()}: {error.strerror}", hint
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o755)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return path


def prune(limit_bytes: int = LIMIT_BYTES, keep_seconds: float = KEEP_SECONDS) -> int:
    """Removes the results that were unused for longest until at most `limit_bytes` remain.

    What was used within `keep_seconds` stays, because a build that runs now may need it. Returns the bytes
    removed.
    """
    entries = []
    for path in cache_directory().glob("??/*"):
        try:
            stat = path.stat()
        except OSError:
            continue  # another process was faster
        entries.append((stat.st_mtime, stat.st_size, path))
    excess = sum(size for _, size, _ in entries) - limit_bytes
    removed = 0
    for used, size, path in sorted(entries):
        if removed >= excess or used > time.time() - keep_seconds:
            break
        path.unlink(missing_ok=True)
        removed += size
    return removed


def _place(key: str, suffix: str) -> Path:
    return cache_directory() / key[:2] / (key[2:] + suffix)
