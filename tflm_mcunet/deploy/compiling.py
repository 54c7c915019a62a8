"""The sources of a program, the flags they are compiled with, and their compilation, cached by content."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.deploy import cache
from tflm_mcunet.deploy.boards import Board
from tflm_mcunet.deploy.program import SourceTree, program_sources
from tflm_mcunet.deploy.toolchain import Compiler
from tflm_mcunet.errors import ToolError

# One level for kernels and models: on the portable kernels -O3 takes 0 to 6 % fewer instructions than -O2 on
# convolutions by depth, 0.1 to 0.5 % more on plain ones, and no more flash.
OPTIMIZATION = "-O3"

COMPILE_FLAGS = (
    "-std=c++14",
    OPTIMIZATION,
    "-Wall",
    "-Wextra",
    "-Werror",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-common",
    "-fno-threadsafe-statics",
    "-ffunction-sections",
    "-fdata-sections",
    # A fused multiply-add rounds once where the reference kernels round twice. GCC fuses by default.
    "-ffp-contract=off",
)
SANITIZE_FLAGS = (
    "-g",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
)
_BOARD_FLAGS = ("-fno-unwind-tables", "-fno-asynchronous-unwind-tables")
# The harness must pull in nothing of the C library, not even for a loop that GCC takes for memcpy or memset.
_HARNESS_FLAGS = ("-ffreestanding", "-fno-tree-loop-distribute-patterns")
_HARNESS_SOURCES = {
    "host": ("harness.cpp", "port_host.cpp"),
    "cortex_m": ("start_cortex_m.S", "harness.cpp", "port_board.cpp"),
    "rv32": ("start_rv32.S", "harness.cpp", "port_board.cpp"),
    "xtensa": ("start_xtensa.S", "harness.cpp", "port_board.cpp", "port_simcall.cpp"),
}
#: What programs use of the C library, for compilers that come without one; its header lies beside it.
_FREESTANDING = PurePosixPath("freestanding/string.cpp")
_ARITHMETIC = PurePosixPath("freestanding/arithmetic.cpp")
_PARALLEL_COMPILES = 2
_TOOL_SECONDS = 600


@dataclass(frozen=True)
class Unit:
    """One source to compile.

    Attributes:
        root: working directory; sources are named relative to it, so that no path gets into the object.
        source: the file, relative to `root`.
        flags: every compiler flag.
        key: hash of the compiler, the flags, the source and all that it includes.
        object_name: what the linker shall call the object. `port_*.o` is the harness, see the linker scripts.
    """

    root: Path
    source: PurePosixPath
    flags: tuple[str, ...]
    key: str
    object_name: str


def ports() -> Path:
    """The folder with start-up code, harness and linker scripts."""
    return cpp_sources() / "ports" / "qemu"


def program_units(directory: Path, board: Board, compiler: Compiler, sanitize: bool) -> list[Unit]:
    """The units of the generated program in `directory` and of the harness around it."""
    flags = (*compiler.flags, *board.cpu_flags, *COMPILE_FLAGS, *(SANITIZE_FLAGS if sanitize else ()))
    if board.family != "host":
        flags += _BOARD_FLAGS
    tree = SourceTree(directory)
    units = []
    port_tree = SourceTree(ports())
    headers = (
        () if board.has_c_library else ("-ffreestanding", "-isystem", str(ports() / _FREESTANDING.parent))
    )
    library = [] if board.has_c_library else port_tree.fingerprint(_FREESTANDING)
    for number, source in enumerate(program_sources(directory)):
        fingerprint = [*tree.fingerprint(source), *library]
        units.append(
            _unit(
                compiler, directory, source, (*flags, "-I", "."), headers, fingerprint, f"program_{number}.o"
            )
        )
    if board.family != "host":
        missing = () if board.has_c_library else (_FREESTANDING, _ARITHMETIC)
        for source in (PurePosixPath("libc_glue.cpp"), *missing):
            fingerprint = port_tree.fingerprint(source)
            name = f"program_{source.stem}.o"
            units.append(_unit(compiler, ports(), source, flags, headers, fingerprint, name))
        flags += (*_HARNESS_FLAGS, *_timer_defines(board))
    for name in _HARNESS_SOURCES[board.family]:
        source = PurePosixPath(name)
        fingerprint = port_tree.fingerprint(source)
        include: tuple[str, ...] = ()
        if name == "harness.cpp":
            fingerprint += tree.fingerprint(PurePosixPath("model.h"))
            include = ("-I", str(directory.resolve()))
        units.append(_unit(compiler, ports(), source, flags, include, fingerprint, f"port_{source.stem}.o"))
    return units


def compile_units(compiler: Compiler, units: Sequence[Unit]) -> list[Path]:
    """The object of every unit, in the cache.

    Raises:
        ToolError: a source does not compile; the message has the compiler's first errors.
    """
    with ThreadPoolExecutor(_PARALLEL_COMPILES) as pool:
        return list(pool.map(lambda unit: _compile(compiler, unit), units))


def cached_build(key: str, suffix: str, work: Callable[[Path], None]) -> Path:
    """The cached result of that key; else `work` writes it to the path that it is given, and it is stored."""
    found = cache.lookup(key, suffix)
    if found is not None:
        return found
    with tempfile.TemporaryDirectory(prefix="tflm_mcunet_build_") as folder:
        output = Path(folder) / ("result" + suffix)
        work(output)
        return cache.store(key, suffix, output.read_bytes())


def run_tool(command: list[str], folder: Path, what: str, hint: str = "") -> None:
    """Runs a compiler or linker; `what` begins the ToolError's message when it fails, `hint` goes with it."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_TOOL_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{what}: {command[0]} took more than {_TOOL_SECONDS} seconds") from error
    if done.returncode != 0:
        said = [line.strip() for line in done.stderr.splitlines() if not line.startswith("collect2:")]
        telling = [line for line in said if "error:" in line or "undefined" in line] or said
        raise ToolError(f"{what}: " + ("; ".join(telling[:3]) or f"exit code {done.returncode}"), hint)


def _compile(compiler: Compiler, unit: Unit) -> Path:
    def work(output: Path) -> None:
        command = [compiler.path, *unit.flags, "-c", str(unit.source), "-o", str(output)]
        run_tool(command, unit.root, f"cannot compile {unit.source}")

    return cached_build(unit.key, ".o", work)


def _unit(
    compiler: Compiler,
    root: Path,
    source: PurePosixPath,
    flags: tuple[str, ...],
    include: tuple[str, ...],
    fingerprint: Sequence[tuple[str, str]],
    object_name: str,
) -> Unit:
    key = cache.content_key("object", compiler.identity, flags, str(source), list(fingerprint))
    return Unit(root, source, (*flags, *include), key, object_name)


def _timer_defines(board: Board) -> tuple[str, ...]:
    timer = board.timer
    assert timer is not None
    defines = [f"-DPORT_TIMER_SUMS_PER_INSTRUCTION={timer.sums_per_instruction}"]
    if timer.kind == "ccount":
        defines += ["-DPORT_TIMER_CCOUNT", f"-DPORT_TIMER_READS={timer.reads}"]
    elif timer.kind != "instret":
        defines += [
            f"-DPORT_TIMER_{timer.kind.upper()}",
            f"-DPORT_TIMER_BASE={timer.base:#x}",
            f"-DPORT_TIMER_VALUE={timer.value:#x}",
            f"-DPORT_TIMER_READS={timer.reads}",
            f"-DPORT_TIMER_COUNTS_DOWN={int(timer.kind == 'cmsdk')}",
        ]
    return tuple(defines)
