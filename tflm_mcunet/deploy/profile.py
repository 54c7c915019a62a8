"""What a program executes on an emulated board, block by block and operator by operator, from a plugin of QEMU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tflm_mcunet.deploy import cache
from tflm_mcunet.deploy.boards import Board
from tflm_mcunet.deploy.compiling import cached_build, ports, run_tool
from tflm_mcunet.deploy.elf import Symbol, read_symbols
from tflm_mcunet.deploy.toolchain import find_compiler
from tflm_mcunet.errors import ToolError, UsageError

_FLAGS = ("-std=c++14", "-O2", "-shared", "-fPIC")
_PLUGIN, _OUTPUT = "profile_plugin.so", "profile.txt"

#: Where `StageOp` of engine/program.h holds `params` on a 32-bit core: behind three pointers.
_PARAMS_OFFSET = 12

#: The driver of engine.cpp by its global names, and the generated functions that call it.
_DRIVER = ("11run_program", "13begin_feeding", "8feed_row")
_ENTRIES = ("model_invoke", "model_feed_rows")


@dataclass(frozen=True)
class Block:
    """A run of instructions without a jump, as the emulator translated it, executed for one operator.

    Attributes:
        start, end: addresses of the first instruction and behind the last.
        instructions: how many they are.
        operator: index in the program's table; the table's length for the driver between kernels.
        executed: how often it ran.
        jumped: how often it was left for another place than `end`.
        misaligned: cycles that its misaligned accesses cost on a Cortex-M4, over all runs.
    """

    start: int
    end: int
    instructions: int
    operator: int
    executed: int
    jumped: int
    misaligned: int


@dataclass(frozen=True)
class Profile:
    """Everything that the inferences of a run executed.

    Attributes:
        blocks: tuple of Block. A block of code may occur several times.
        operators: entries of the program's table.
    """

    blocks: tuple[Block, ...]
    operators: int

    @property
    def instructions(self) -> int:
        """All of them: equal to what the board's counter says."""
        return sum(b.instructions * b.executed for b in self.blocks)


def plugin_arguments(board: Board, executable: Path, operators: int, folder: Path) -> list[str]:
    """The emulator's arguments that make it profile a program; the plugin is put into the run's `folder`.

    Raises:
        UsageError: the host is no emulator.
        ToolError: no host compiler, or the plugin does not compile.
    """
    if board.memory is None:
        raise UsageError(f"only emulated boards can be profiled, got on={board.name!r}")
    (folder / _PLUGIN).symlink_to(_plugin().resolve())
    symbols = read_symbols(executable.read_bytes())
    entry = [s.address for s in symbols if s.name in _ENTRIES]
    tables = [s for s in symbols if "4kOpsE" in s.name and s.file == "model.cpp"]
    if not entry or (operators and len(tables) != 1):
        raise ToolError(f"{executable} holds no generated program with a table of operators")
    flash = board.memory.flash
    numbers = {
        "begin": flash.origin,
        "end": flash.origin + flash.length,
        "entry": entry[0],
        "table": tables[0].address if operators else 0,
        "stride": tables[0].size // operators if operators else 1,
        "field": _PARAMS_OFFSET,
        "count": operators,
    }
    driver = [s for s in symbols if s.is_function and _is_driver(s)]
    ranges = [f"driver_begin={s.address},driver_end={s.address + s.size}" for s in driver]
    parts = [f"file=./{_PLUGIN}", f"out={_OUTPUT}", *(f"{name}={value}" for name, value in numbers.items())]
    parts += ranges
    return ["-plugin", ",".join(parts)]


def read_profile(folder: Path, operators: int) -> Profile:
    """What the plugin wrote during the run.

    Raises:
        ToolError: it wrote nothing.
    """
    output = folder / _OUTPUT
    if not output.exists():
        raise ToolError("the emulator wrote no profile: does this QEMU take plugins?")
    lines = output.read_text(encoding="ascii").splitlines()
    return Profile(tuple(Block(*map(int, line.split())) for line in lines), operators)


def _is_driver(symbol: Symbol) -> bool:
    if symbol.file:
        return symbol.file == "engine.cpp"
    return symbol.name in _ENTRIES or any(name in symbol.name for name in _DRIVER)


def _plugin() -> Path:
    """The compiled plugin, from the cache."""
    source = ports() / "profile_plugin.cpp"
    compiler = find_compiler("g++", ())
    key = cache.content_key("plugin", compiler.identity, _FLAGS, source.read_text(encoding="ascii"))

    def work(output: Path) -> None:
        command = [compiler.path, *_FLAGS, str(source.resolve()), "-o", str(output)]
        run_tool(command, output.parent, "cannot compile the emulator's plugin")

    return cached_build(key, ".so", work)
