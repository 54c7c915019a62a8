"""A model of the Cortex-M4's cycles at zero wait states: its manual's timings over the executed instructions.

From the Cortex-M4 Technical Reference Manual (ARM DDI 0439), "Instruction set summary" and "Load/store timings",
the same for the FPU. What the model does:

- Arithmetic, multiplication and the SIMD instructions take 1 cycle.
- A single load takes 2, and 1 where it directly follows a single load whose result is not part of its address. A
  store to a register and immediate takes 1 (its data moves while the next instruction executes), with an index
  register 2, or 1 after such a load. Nothing overlaps with what follows a store.
- Loads and stores of n registers take 1 + n and overlap with nothing.
- An address made by the data processing instruction right before costs a cycle: the register has no forwarding.
- A jump adds P cycles for the refill of the pipeline, 1 to 3 in the manual: 2 are taken. `Cycles.jumps` says how
  much another P changes.
- A division takes 2 to 12, by its operands: 7 are taken.
- Misaligned accesses add what the manual says; the emulator sees the addresses.

What it leaves out: wait states of flash, contention of literal loads with the fetch, folding of IT, instructions of
an IT block that are not executed (they are charged in full), and that the write buffer may be full. No board was
measured.

What it was compared with: the cycles that MLPerf Tiny lists for the same four networks on a Cortex-M4 (peers.toml).
They are another engine's and include wait states, so agreement within a factor of two says that the model is not far
off, and no more. The same list has that engine on a Cortex-M7 at 0.55 to 0.62 of the M4's cycles; which two
instructions a Cortex-M7 issues together its manual does not say, so there is no model of it here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tflm_mcunet.bench.disassembly import Instruction
from tflm_mcunet.errors import ToolError

#: Cycles of a pipeline refill: the middle of the manual's 1 to 3.
REFILL = 2
#: Cycles of a division: the middle of the manual's 2 to 12.
DIVISION = 7

_CONDITION = "(?:eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le|al)?"
_LOAD = re.compile(rf"ldr(?:s?[bh]|ex[bh]?|s?[bh]?t)?{_CONDITION}")
_STORE = re.compile(rf"str(?:[bh]|ex[bh]?|[bh]?t)?{_CONDITION}")
_DOUBLE = re.compile(rf"(?:ldrd|strd){_CONDITION}")
_MULTIPLE = re.compile(rf"(?:ldm|stm)(?:ia|db|fd|ea)?{_CONDITION}|(?:push|pop){_CONDITION}")
_BRANCH = re.compile(rf"(?:b|bl|bx|blx){_CONDITION}|cbn?z")
_TABLE_BRANCH = re.compile("tb[bh]")
_DIVIDE = re.compile(rf"[su]div{_CONDITION}")
_IT = re.compile("it[te]{0,3}")
_PLAIN = re.compile(
    "(?:mov[wt]?|mvn|add[sw]?|adc|sub[w]?|sbc|rsb|cmp|cmn|tst|teq|and|orr|orn|eor|bic|lsl|lsr|asr|ror|rrx|neg|cpy"
    "|mul|mla|mls|[su]mull|[su]mlal|umaal|smm(?:ul|la|ls)r?|sml[as]ldx?|smla(?:[bt]{2}|w[bt]|dx?)|smlal[bt]{2}"
    "|smlsdx?|smu[as]dx?|smul(?:[bt]{2}|w[bt])|[su]xta?(?:b16|b|h)|[su]sat(?:16)?|q(?:d?add|d?sub)"
    "|(?:s|u|q|sh|uh|uq)(?:add|sub)(?:8|16)|(?:s|u|q|sh|uh|uq)(?:asx|sax)|usada?8|sel|pkh(?:bt|tb)|bf[ic]|[su]bfx"
    "|clz|rbit|rev(?:16|sh)?|nop|adr|mrs|msr|dmb|dsb|isb)s?" + _CONDITION
)
_FLOAT = re.compile(
    r"v(?:add|sub|n?mul|cmpe?|cvt[abmnpr]?|rint[a-z]?|mov|neg|abs|mrs|msr|sel\w\w|(?:max|min)nm)"
    + _CONDITION
    + r"(?:\..*)?"
)
_FLOAT_FUSED = re.compile(rf"v(?:n?ml[as]|f[n]?m[as]){_CONDITION}(?:\..*)?")
_FLOAT_SLOW = re.compile(rf"v(?:div|sqrt){_CONDITION}(?:\..*)?")
_FLOAT_SINGLE = re.compile(rf"v(?:ldr|str){_CONDITION}(?:\..*)?")
_FLOAT_MULTIPLE = re.compile(rf"v(?:ldm|stm|push|pop)(?:ia|db)?{_CONDITION}(?:\..*)?")

_NO_RESULT = re.compile("cmp|cmn|tst|teq|nop|it|msr|dmb|dsb|isb")
_LONG_RESULT = re.compile("[su]mull|[su]ml[as]l|umaal")
_NUMBER = {"sp": 13, "lr": 14, "pc": 15, "ip": 12, "sl": 10, "fp": 11, "sb": 9}
_REGISTER = re.compile(r"\b(r\d+|sp|lr|pc|ip|sl|fp|sb)\b")
_LISTED = re.compile(r"\b([rsd])(\d+)(?:\s*-\s*[rsd](\d+))?\b|\b(sp|lr|pc|ip|sl|fp|sb)\b")


_MULTIPLY = re.compile("mul|ml[as]|[su]mull|[su]mlal|umaal|sm[lmu]")

#: Kinds of instructions, in the order in which a table shows them.
KINDS = ("multiply", "arithmetic", "load", "load several", "store", "branch", "float")


@dataclass(frozen=True)
class Cycles:
    """Modelled cycles.

    Attributes:
        total: int. With `REFILL` cycles a jump.
        jumps: int. How many jumps: what `total` changes by for one cycle of refill more or less.
    """

    total: int
    jumps: int


def kind(instruction: Instruction) -> str:
    """One of `KINDS`.

    >>> kind(Instruction(0, "smlad", "r0, r1, r2, r0")), kind(Instruction(0, "ldmia", "r0!, {r1, r2}"))
    ('multiply', 'load several')
    """
    name = instruction.mnemonic
    if name.startswith("v"):
        return "float"
    if _BRANCH.fullmatch(name) or _TABLE_BRANCH.fullmatch(name):
        return "branch"
    if _LOAD.fullmatch(name):
        return "load"
    if name.startswith(("ldm", "ldrd", "pop")):
        return "load several"
    if name.startswith(("str", "stm", "push")):
        return "store"
    return "multiply" if _MULTIPLY.match(name) else "arithmetic"


def straight_cycles(instructions: Sequence[Instruction]) -> int:
    """Cycles of instructions that follow each other without a jump; what a jump at the end adds is not counted.

    Raises:
        ToolError: an instruction that the model does not know.

    >>> two = [Instruction(0, "ldr", "r0, [r1]"), Instruction(2, "ldr", "r2, [r3, #4]")]
    >>> straight_cycles(two)
    3
    """
    total = 0
    before: Instruction | None = None
    for instruction in instructions:
        total += _cycles(instruction, before)
        before = instruction
    return total


def _cycles(instruction: Instruction, before: Instruction | None) -> int:
    name, operands = instruction.mnemonic, instruction.operands
    if _PLAIN.fullmatch(name) or _IT.fullmatch(name) or _BRANCH.fullmatch(name):
        return 1
    stall = _stall(instruction, before)
    if _LOAD.fullmatch(name):
        return 2 + stall - _overlaps(instruction, before)
    if _STORE.fullmatch(name):
        is_indexed = len(_REGISTER.findall(_address(operands))) > 1
        return stall + (2 - _overlaps(instruction, before) if is_indexed else 1)
    if _DOUBLE.fullmatch(name):
        return 3 + stall
    if _MULTIPLE.fullmatch(name):
        return 1 + stall + _listed(operands)
    return _rare(name, operands) + stall


def _rare(name: str, operands: str) -> int:
    """Instructions of which a kernel has few."""
    if _DIVIDE.fullmatch(name):
        return DIVISION
    if _TABLE_BRANCH.fullmatch(name):
        return 2
    if _FLOAT.fullmatch(name):
        return 2 if name.startswith("vmov") and len(_LISTED.findall(operands)) > 2 else 1
    if _FLOAT_FUSED.fullmatch(name):
        return 3
    if _FLOAT_SLOW.fullmatch(name):
        return 14
    if _FLOAT_SINGLE.fullmatch(name):
        return 3 if operands.startswith("d") else 2
    if _FLOAT_MULTIPLE.fullmatch(name):
        registers = _listed(operands)
        return 1 + registers * (2 if "{d" in operands else 1)
    raise ToolError(f"the Cortex-M4's cycle model does not know the instruction `{name} {operands}`")


def _overlaps(instruction: Instruction, before: Instruction | None) -> int:
    """1 where the single load before overlaps with this single load or store."""
    if before is None or not _LOAD.fullmatch(before.mnemonic):
        return 0
    loaded = _REGISTER.findall(before.operands)[0]
    return 0 if loaded == "pc" or loaded in _REGISTER.findall(_address(instruction.operands)) else 1


def _stall(instruction: Instruction, before: Instruction | None) -> int:
    """1 where the instruction before makes a register of this one's address by data processing."""
    if before is None or not _PLAIN.fullmatch(before.mnemonic) or _NO_RESULT.match(before.mnemonic):
        return 0
    written = _REGISTER.findall(before.operands)
    results = set(written[: 2 if _LONG_RESULT.match(before.mnemonic) else 1])
    return int(bool(results & _address_registers(instruction)))


def _address_registers(instruction: Instruction) -> set[str]:
    name, operands = instruction.mnemonic, instruction.operands
    if name.startswith(("push", "pop", "vpush", "vpop")):
        return {"sp"}
    if name.startswith(("ldm", "stm", "vldm", "vstm")):
        return set(_REGISTER.findall(operands)[:1])
    if name.startswith(("ldr", "str", "vldr", "vstr", "tb")):
        return set(_REGISTER.findall(_address(operands)))
    return set()


def _address(operands: str) -> str:
    """What stands in brackets.

    >>> _address("r0, [r1, r2, lsl #2]")
    '[r1, r2, lsl #2]'
    """
    begin = operands.find("[")
    return operands[begin : operands.find("]") + 1] if begin >= 0 else ""


def _listed(operands: str) -> int:
    """Registers of a list in braces.

    >>> _listed("{r4-r7, lr}")
    5
    """
    inside = operands[operands.find("{") :]
    count = 0
    for _, first, last, named in _LISTED.findall(inside):
        count += 1 if named or not last else int(last) - int(first) + 1
    return count
