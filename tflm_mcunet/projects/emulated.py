"""A board that is not there: QEMU's Netduino Plus 2, an STM32F405, with its serial port at a pseudo-terminal."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tflm_mcunet.deploy.toolchain import find_tool
from tflm_mcunet.errors import ToolError

#: The device's name, and the target whose projects it runs.
NAME, TARGET = "netduinoplus2", "STM32F405"
_START_S = 30.0


@contextmanager
def running(executable: Path) -> Iterator[str]:
    """Runs a project's ELF file, and yields the path of its serial port; the board is switched off at the end.

    Raises:
        ToolError: QEMU is missing or does not start.
    """
    command = [
        find_tool("qemu-system-arm"), "-M", NAME, "-display", "none", "-monitor", "none",
        "-chardev", "pty,id=line", "-serial", "chardev:line", "-kernel", str(executable),
    ]  # fmt: skip
    board = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield _port(board)
    finally:
        board.kill()
        board.wait()


def _port(board: subprocess.Popen[str]) -> str:
    """The pseudo-terminal that QEMU names when it starts."""
    assert board.stdout is not None
    end, said = time.monotonic() + _START_S, ""
    while time.monotonic() < end:
        line = board.stdout.readline()
        if not line:
            break
        said += line
        found = re.search(r"redirected to (\S+)", line)
        if found:
            return found.group(1)
    raise ToolError(f"QEMU did not start: {said.strip() or 'it says nothing'}")
