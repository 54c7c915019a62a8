"""Finds compilers and emulators; a missing one is an error that says which packages to install."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tflm_mcunet.errors import ToolError

_ARM_PACKAGES = "gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib"
_RISCV_PACKAGES = "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf"

# The Debian packages that bring each tool and the C library that goes with it.
APT_PACKAGES: dict[str, str] = {
    "g++": "g++",
    "arm-none-eabi-g++": _ARM_PACKAGES,
    "riscv64-unknown-elf-g++": _RISCV_PACKAGES,
    "xtensa-lx106-elf-g++": "gcc-xtensa-lx106",
    "arm-none-eabi-objdump": "binutils-arm-none-eabi",
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-riscv32": "qemu-system-misc",
    "qemu-system-xtensa": "qemu-system-misc",
}

# picolibc comes as a specs file, which brings its headers and its libraries.
_SPECS: dict[str, tuple[str, ...]] = {"riscv64-unknown-elf-g++": ("--specs=picolibc.specs",)}

# Files that stand for the C library: they change with its package.
_LIBRARY_FILES: dict[str, tuple[str, ...]] = {
    "arm-none-eabi-g++": ("libc.a", "libm.a", "libgcc.a"),
    "riscv64-unknown-elf-g++": ("picolibc.specs", "libgcc.a"),
    "xtensa-lx106-elf-g++": ("libgcc.a",),
}


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler with its C library.

    Attributes:
        path: str. The executable.
        flags: flags that every call needs.
        identity: str. Changes whenever the compiler or its C library does; part of every cache key.
    """

    path: str
    flags: tuple[str, ...]
    identity: str


def apt_line(*tools: str) -> str:
    """The command that installs these tools on Debian, for example `sudo apt-get install -y g++`."""
    packages = dict.fromkeys(package for tool in tools for package in APT_PACKAGES[tool].split())
    return "sudo apt-get install -y " + " ".join(packages)


def find_tool(name: str) -> str:
    """The path of a compiler or emulator.

    Args:
        name: str. A key of `APT_PACKAGES`.

    Raises:
        ToolError: it is not on the PATH; the hint is the `apt-get` line.
    """
    path = shutil.which(name)
    if path is None:
        raise ToolError(f"{name} is not installed (not found on PATH)", apt_line(name))
    return path


def require_tools(*names: str) -> None:
    """Checks that all these tools are there.

    Raises:
        ToolError: some are not; names all of them, and the hint is one `apt-get` line for all.
    """
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        raise ToolError(f"not installed (not found on PATH): {', '.join(missing)}", apt_line(*missing))


def find_compiler(name: str, cpu_flags: tuple[str, ...]) -> Compiler:
    """The compiler of that name with the C library for those CPU flags.

    Raises:
        ToolError: the compiler or its C library is not installed; the hint is the `apt-get` line.
    """
    return _identified(name, find_tool(name), cpu_flags)


@cache
def _identified(name: str, path: str, cpu_flags: tuple[str, ...]) -> Compiler:
    specs = _SPECS.get(name, ())
    parts = [_ask(name, path, "--version").splitlines()[0]]
    for library in _LIBRARY_FILES.get(name, ()):
        found = Path(_ask(name, path, *cpu_flags, f"-print-file-name={library}").strip())
        if not found.is_absolute() or not found.exists():
            raise ToolError(f"{name} is installed, but not its C library ({library})", apt_line(name))
        stat = found.stat()
        parts.append(f"{library} {stat.st_size} {stat.st_mtime_ns}")
    return Compiler(path, specs, "; ".join(parts))


def _ask(name: str, path: str, *arguments: str) -> str:
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ToolError(f"{name} does not work: {lines[0]}", apt_line(name))
    return done.stdout
