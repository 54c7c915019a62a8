"""The instructions of a linked Arm program, by address, from GNU objdump."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tflm_mcunet.deploy.toolchain import find_tool
from tflm_mcunet.errors import ToolError

_LINE = re.compile(r"^\s*([0-9a-f]+):\t(\S+)(?:\t([^@;]*))?")
_WIDTHS = (".n", ".w")


@dataclass(frozen=True)
class Instruction:
    """One instruction as objdump writes it.

    Attributes:
        address: int.
        mnemonic: str. With its condition, without a width (".n", ".w"); data types of the FPU stay.
        operands: str.
    """

    address: int
    mnemonic: str
    operands: str = ""


def parse_listing(text: str) -> dict[int, Instruction]:
    """Instructions by address, in ascending order, of `objdump -d --no-show-raw-insn`.

    >>> parse_listing("21000004:\\tadd.w\\tr1, r2, r3, lsl #2\\n")[0x21000004].mnemonic
    'add'
    """
    found = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None or match[2].startswith("."):
            continue
        mnemonic = match[2].lower()
        if mnemonic.endswith(_WIDTHS):
            mnemonic = mnemonic[:-2]
        address = int(match[1], 16)
        found[address] = Instruction(address, mnemonic, (match[3] or "").strip())
    return found


def disassemble(executable: Path) -> dict[int, Instruction]:
    """Every instruction of a linked Arm program.

    Raises:
        ToolError: objdump is missing or fails.
    """
    command = [find_tool("arm-none-eabi-objdump"), "-d", "--no-show-raw-insn", str(executable)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolError(f"arm-none-eabi-objdump failed: {done.stderr.strip() or done.returncode}")
    return parse_listing(done.stdout)
