"""Reads report.bin, the records that the harness wrote, and says in words what went wrong on the board."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

# The tags of harness.cpp.
(
    STARTED,
    COUNT,
    STACK,
    DONE,
    BAD_INPUT,
    INIT_FAILED,
    INVOKE_FAILED,
    BAD_POINTER,
    FAULT,
    OVERFLOW,
    INIT_COUNT,
) = range(1, 12)

# Bits of the Cortex-M Configurable Fault Status Register (Armv7-M, Armv8-M Architecture Reference Manuals).
_CFSR = {
    0: "instruction access violation",
    1: "data access violation",
    4: "memory fault while stacking an exception frame",
    8: "instruction bus error",
    9: "bus error at a data access",
    10: "imprecise bus error",
    12: "bus error while stacking an exception frame",
    16: "undefined instruction",
    17: "invalid state (no Thumb code)",
    18: "invalid exception return",
    19: "no such coprocessor",
    20: "stack limit",
    24: "unaligned access",
    25: "division by zero",
}
_CFSR_STACKING = (1 << 4) | (1 << 12) | (1 << 20)

# Codes of the RISC-V mcause register (privileged architecture, table 3.6).
_MCAUSE = {
    0: "misaligned instruction address",
    1: "instruction access fault",
    2: "illegal instruction",
    3: "breakpoint",
    4: "misaligned load",
    5: "load access fault",
    6: "misaligned store",
    7: "store access fault",
    11: "environment call",
}

# Codes of Xtensa's EXCCAUSE register (instruction set architecture, exception causes).
_EXCCAUSE = {
    0: "illegal instruction",
    2: "instruction fetch error",
    3: "load or store error",
    6: "division by zero",
    9: "misaligned load or store",
    12: "instruction fetch of data that cannot be read",
    13: "load or store of data that is not there",
    14: "instruction fetch of an address that is not there",
    15: "load or store of an address that is not there",
    20: "instruction fetch prohibited",
    28: "load prohibited",
    29: "store prohibited",
}


@dataclass(frozen=True)
class Fault:
    """A fault or trap: status register, address of the instruction and of what it accessed (0: unknown)."""

    cause: int
    instruction: int
    address: int


@dataclass(frozen=True)
class Report:
    """What the harness reported, in order; `failure` is a sentence when the program did not end well."""

    started: bool = False
    done: bool = False
    instructions: list[int] = field(default_factory=list)
    init_instructions: int | None = None
    stack_bytes: int = 0
    stack_size: int = 0
    failure: str = ""
    fault: Fault | None = None


def parse_report(content: bytes) -> Report:
    """The records of report.bin; an incomplete record at its end (a killed run) is left out."""
    values: dict[str, object] = {}
    instructions: list[int] = []
    for tag, a, b, c in struct.iter_unpack("<4I", content[: len(content) // 16 * 16]):
        if tag == STARTED:
            values["started"] = True
        elif tag == DONE:
            values["done"] = True
        elif tag == COUNT:
            instructions.append(b | c << 32)
        elif tag == INIT_COUNT:
            values["init_instructions"] = b | c << 32
        elif tag == STACK:
            values["stack_bytes"], values["stack_size"] = a, b
        elif tag == FAULT:
            values["fault"] = Fault(a, b, c)
        else:
            values["failure"] = _sentence(tag, a, b, c)
    return Report(instructions=instructions, **values)  # type: ignore[arg-type]


def _sentence(tag: int, a: int, b: int, c: int) -> str:
    if tag == BAD_INPUT:
        return "the inputs have no header" if a == 0xFFFFFFFF else f"the inputs end before inference {a}"
    if tag == INIT_FAILED:
        return f"model_init returned {_signed(a)}"
    if tag == INVOKE_FAILED:
        return f"model_invoke returned {_signed(b)} at inference {a}"
    if tag == BAD_POINTER:
        what = f"model_{'output' if a else 'input'}({b})"
        return f"{what} is null" if c == 0 else f"{what} is at {c:#x}, which is not aligned to 16 bytes"
    if tag == OVERFLOW:
        return f"the instruction counter overflowed at inference {a}"
    return f"the report has a record of unknown kind {tag}"


def describe_cause(family: str, cause: int) -> str:
    """The fault's status register in words: CFSR on "cortex_m", mcause on "rv32", EXCCAUSE on "xtensa"."""
    if family == "xtensa":
        return _EXCCAUSE.get(cause, f"EXCCAUSE {cause}")
    if family == "rv32":
        return _MCAUSE.get(cause, f"mcause {cause:#x}")
    words = [text for bit, text in _CFSR.items() if cause >> bit & 1]
    return ", ".join(words) or f"CFSR {cause:#x}"


def is_stack_overflow(family: str, fault: Fault, guard: range) -> bool:
    """Whether the fault is the program's stack running into the guard below it."""
    if family == "cortex_m" and fault.cause & _CFSR_STACKING:
        return True
    return fault.address in guard


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value
