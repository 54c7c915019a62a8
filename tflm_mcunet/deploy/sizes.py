"""What a linked program occupies in flash and SRAM, from the sections of its ELF file.

Counted as the program: the generated model, its kernels, and whatever of the C library and the compiler's
runtime these pull in (memcpy, expf, __aeabi_*). Not counted: the harness (start-up code, vector table,
semihosting files, instruction counter, fault report) and its stacks; it has output sections of its own and
uses no library routine.

- code: .code (machine code with its literal pools)
- constants: the rest of the flash: .constants (weights, tables, strings) and the initial values of .data
- arena: MODEL_ARENA_BYTES; static: the rest of .data, .bss and thread-local data
Padding between sections counts: flash and SRAM reach from the first used byte to the last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tflm_mcunet.deploy.elf import Section, read_sections
from tflm_mcunet.errors import ToolError

_HARNESS = {".harness_vectors", ".harness_code", ".harness_bss", ".harness_data"}
_CODE = {".code"}
_CONSTANTS = {".constants"}
_INITIALISED = {".data", ".tdata"}
_ZEROED = {".bss"}
_INSIDE_OTHERS = {".tbss"}  # its room is reserved in .bss, see rv32.ld


@dataclass(frozen=True)
class ProgramSizes:
    """Bytes of the program alone; `harness_*` are told for completeness and are part of no sum."""

    code: int
    constants: int
    arena: int
    static: int
    harness_flash: int
    harness_sram: int

    @property
    def flash(self) -> int:
        """Bytes of flash."""
        return self.code + self.constants

    @property
    def sram_without_stack(self) -> int:
        """Bytes of SRAM before any function is called."""
        return self.arena + self.static


def measure_sizes(elf: bytes, arena_bytes: int) -> ProgramSizes:
    """The sizes of a program that was linked with one of our scripts.

    Args:
        elf: bytes. The ELF file.
        arena_bytes: int. MODEL_ARENA_BYTES of its model.h.

    Raises:
        ToolError: a section that the scripts do not know, or an arena that is larger than all static memory.
    """
    sections = {section.name: section for section in read_sections(elf) if section.allocated and section.size}
    unknown = sections.keys() - _HARNESS - _CODE - _CONSTANTS - _INITIALISED - _ZEROED - _INSIDE_OTHERS
    if unknown:
        raise ToolError(f"the linker script does not place these sections: {', '.join(sorted(unknown))}")

    def present(names: set[str]) -> list[Section]:
        return [sections[name] for name in sorted(names & sections.keys())]

    flash_bytes = _extent((s.load_address, s.size) for s in present(_CODE | _CONSTANTS | _INITIALISED))
    static_bytes = _extent((s.address, s.size) for s in present(_INITIALISED | _ZEROED))
    code_bytes = sum(section.size for section in present(_CODE))
    if arena_bytes > static_bytes:
        raise ToolError(
            f"model.h declares an arena of {arena_bytes:,} bytes, but the program has only "
            f"{static_bytes:,} bytes of static memory"
        )
    return ProgramSizes(
        code=code_bytes,
        constants=flash_bytes - code_bytes,
        arena=arena_bytes,
        static=static_bytes - arena_bytes,
        harness_flash=sum(section.size for section in present(_HARNESS) if section.stored),
        harness_sram=sum(section.size for section in present(_HARNESS) if not section.stored),
    )


def _extent(pieces: Iterable[tuple[int, int]]) -> int:
    """Bytes from the first to the last used one."""
    spans = [(begin, begin + size) for begin, size in pieces]
    return max(end for _, end in spans) - min(begin for begin, _ in spans) if spans else 0
