"""Builds a generated program for a board, and checks that it fits the target's memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from tflm_mcunet.deploy import cache
from tflm_mcunet.deploy.boards import Board, Memory, MemoryMap
from tflm_mcunet.deploy.compiling import (
    SANITIZE_FLAGS,
    Unit,
    cached_build,
    compile_units,
    ports,
    program_units,
    run_tool,
)
from tflm_mcunet.deploy.program import ProgramFacts, read_facts
from tflm_mcunet.deploy.sizes import ProgramSizes, measure_sizes
from tflm_mcunet.deploy.toolchain import Compiler, find_compiler
from tflm_mcunet.errors import ConstraintError, ToolError, UsageError

_LINK_FLAGS = ("-Wl,--gc-sections",)
_LIBRARIES = ("-nostdlib", "-Wl,--start-group", "-lm", "-lc", "-lgcc", "-Wl,--end-group")
_COMPILERS_LIBRARY = ("-nostdlib", "-lgcc")
_NO_FLOATS = "this compiler brings no float arithmetic: convert with io='int8'"
_ROOMY_BYTES = 256 * 1024 * 1024


class HasMemory(Protocol):
    """What the build needs to know of a target: bytes, None where unknown."""

    @property
    def name(self) -> str: ...
    @property
    def sram(self) -> int | None: ...
    @property
    def flash(self) -> int | None: ...


@dataclass(frozen=True)
class BuiltProgram:
    """A program that can be started.

    Attributes:
        executable: ELF file in the cache.
        facts: what model.h declares.
        sizes: bytes in flash and SRAM, None on the host.
    """

    executable: Path
    facts: ProgramFacts
    sizes: ProgramSizes | None


def build_program(
    directory: Path, board: Board, *, target: HasMemory | None = None, sanitize: bool = False
) -> BuiltProgram:
    """Builds the generated program in `directory` with the harness of the board.

    Args:
        directory: Path. Holds model.h and .cpp files (below it, too).
        board: Board. Where it shall run.
        target: device whose flash and SRAM the program must fit; None leaves the board's memory.
        sanitize: bool. On the host only: with the address and undefined-behaviour sanitizers.

    Raises:
        UsageError: the directory holds no generated program, or `sanitize` on a board.
        ToolError: a tool is missing, or a source does not compile or link.
        ConstraintError: it needs more flash or SRAM than the target has; the message has the numbers.
    """
    if sanitize and board.family != "host":
        raise UsageError(f"the sanitizers run on the host only, got on={board.name!r}")
    facts = read_facts(directory)
    compiler = find_compiler(board.compiler, board.cpu_flags)
    units = program_units(directory, board, compiler, sanitize)
    objects = compile_units(compiler, units)
    flags = (*board.cpu_flags, *_LINK_FLAGS, *(SANITIZE_FLAGS if sanitize else ()))
    if board.memory is None:
        return BuiltProgram(_link(compiler, flags, None, units, objects), facts, None)
    template = (ports() / f"{board.family}.ld").read_text(encoding="ascii")
    memory = memory_of(board, target)
    libraries = _LIBRARIES if board.has_c_library else _COMPILERS_LIBRARY
    try:
        executable = _link(compiler, flags, _fill(template, memory), units, objects, libraries)
    except ToolError:
        # Too big, or another trouble? Linked into memories that hold everything it can be measured.
        script = _fill(template, _roomy(memory))
        measured = _link(compiler, (*flags, "-Wl,--no-check-sections"), script, units, objects, libraries)
        check_fits(measure_sizes(measured.read_bytes(), facts.arena_bytes), board, target)
        raise
    sizes = measure_sizes(executable.read_bytes(), facts.arena_bytes)
    check_fits(sizes, board, target)
    return BuiltProgram(executable, facts, sizes)


def check_fits(sizes: ProgramSizes, board: Board, target: HasMemory | None, stack_bytes: int = 0) -> None:
    """Checks flash, and static SRAM plus stack, against the target's memory (without one: the board's).

    Raises:
        ConstraintError: one of them is too big; the message has all numbers.
    """
    memory = memory_of(board, target)
    sram_bytes = sizes.sram_without_stack + stack_bytes
    if sizes.flash <= memory.flash.length and sram_bytes <= memory.sram.length:
        return
    owner = f"the emulated board {board.name}" if target is None else target.name
    stack = f", stack {stack_bytes:,}" if stack_bytes else ""
    raise ConstraintError(
        f"the program needs {sizes.flash:,} bytes of flash (code {sizes.code:,}, "
        f"constants {sizes.constants:,}) and {sram_bytes:,} bytes of SRAM (arena {sizes.arena:,}, "
        f"other static {sizes.static:,}{stack}); "
        f"{owner} has {memory.flash.length:,} of flash and {memory.sram.length:,} of SRAM",
        "choose a schedule with a lower peak (schedule='stream'), a smaller model or a larger target",
    )


def memory_of(board: Board, target: HasMemory | None) -> MemoryMap:
    """The board's memory map, with flash and SRAM cut to the target's where these are known."""
    memory = board.memory
    assert memory is not None, "the host has no memory map"

    def cut(piece: Memory, limit: int | None) -> Memory:
        return piece if limit is None else replace(piece, length=min(piece.length, limit))

    if target is None:
        return memory
    return replace(memory, flash=cut(memory.flash, target.flash), sram=cut(memory.sram, target.sram))


def _roomy(memory: MemoryMap) -> MemoryMap:
    """Larger than any board, and overlapping: to link and measure, not to run."""
    flash, sram = replace(memory.flash, length=_ROOMY_BYTES), replace(memory.sram, length=_ROOMY_BYTES)
    return replace(memory, flash=flash, sram=sram)


def _link(
    compiler: Compiler,
    flags: tuple[str, ...],
    script: str | None,
    units: Sequence[Unit],
    objects: Sequence[Path],
    libraries: tuple[str, ...] = _LIBRARIES,
) -> Path:
    parts = [(unit.object_name, unit.key) for unit in units]
    key = cache.content_key("program", compiler.identity, flags, libraries, script, parts)

    def work(output: Path) -> None:
        folder = output.parent
        # Under names of their own in an own folder: the linker script tells the harness by its file names.
        for unit, stored in zip(units, objects, strict=True):
            (folder / unit.object_name).symlink_to(stored.resolve())
        arguments = [*compiler.flags, *flags, *(unit.object_name for unit in units)]
        if script is not None:
            (folder / "board.ld").write_text(script, encoding="ascii")
            arguments += ["-T", "board.ld", *libraries]
        hint = "" if libraries == _LIBRARIES else _NO_FLOATS
        run_tool([compiler.path, *arguments, "-o", output.name], folder, "cannot link the program", hint)

    return cached_build(key, ".elf", work)


def _fill(template: str, memory: MemoryMap) -> str:
    for name in ("harness_code", "harness_ram", "stack", "flash", "sram"):
        piece: Memory = getattr(memory, name)
        template = template.replace(f"@{name.upper()}_ORIGIN@", f"{piece.origin:#010x}")
        template = template.replace(f"@{name.upper()}_LENGTH@", f"{piece.length:#x}")
    return template
