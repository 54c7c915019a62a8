"""Holding back what TensorFlow's C++ code writes to standard error, and keeping it for when something fails."""

from __future__ import annotations

import os
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

#: File descriptors belong to the process: two threads must not swap them at once. Re-entrant for nested calls.
_LOCK = threading.RLock()


class Chatter:
    """What was written while it was held back; empty before the block ends."""

    text = ""

    def tail(self, lines: int = 8) -> str:
        """The last lines that are no log of start-up, for a hint."""
        kept = [line for line in self.text.splitlines() if line.strip() and not line.startswith(("I0", "W0"))]
        return "\n".join(kept[-lines:])


@contextmanager
def quiet() -> Iterator[Chatter]:
    """Send the process's standard error, and Python's warnings, to a buffer while the block runs.

    TensorFlow logs from C++, past Python's `sys.stderr`, so the file descriptor itself is replaced; exceptions
    pass through.

    >>> with quiet() as chatter:
    ...     _ = os.write(2, b"a line from C++")
    >>> chatter.text
    'a line from C++'
    """
    chatter = Chatter()
    with _LOCK, tempfile.TemporaryFile() as buffer, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        original = os.dup(2)
        os.dup2(buffer.fileno(), 2)
        try:
            yield chatter
        finally:
            os.dup2(original, 2)
            os.close(original)
            buffer.seek(0)
            chatter.text = buffer.read().decode(errors="replace")
