"""TFLite Micro's public headers as two installed packages bring them, and compilers to use them with."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

WARNINGS = ("-Wall", "-Wextra", "-Werror", "-fno-exceptions", "-fno-rtti")


def package_folder(name: str, *below: str) -> Path:
    """A folder of an installed package, found without importing it; the test is skipped where it is missing."""
    spec = importlib.util.find_spec(name)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if Path(folder, *below).exists():
            return Path(folder, *below)
    pytest.skip(f"{name} with {'/'.join(below)} is not installed")


def compiler(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(command: list[str], **keywords) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, **keywords)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-1000:]
    return done.stdout


def headers() -> tuple[str, ...]:
    """The flags for what our adapters include."""
    return ("-isystem", str(package_folder("xmos_ai_tools", "runtime", "include")))


def interpreter_headers() -> tuple[str, ...]:
    """The flags for interpreter and resolver; gemmlowp, which the resolver's headers include, comes with TensorFlow."""
    return (*headers(), "-isystem", str(package_folder("tensorflow", "include", "external", "gemmlowp")))


def standard_library(*, with_c: bool) -> tuple[str, ...]:
    """The flags for a C++ standard library where a compiler has none, and for the C library below it.

    Debian's compilers for RISC-V and Xtensa come without the headers that Espressif's have; those of the same
    version of GCC for ARM, with newlib, stand in for them.
    """
    arm = [compiler("arm-none-eabi-g++"), "-E", "-v", "-x", "c++", "/dev/null"]
    lines = subprocess.run(arm, capture_output=True, text=True, check=True).stderr.splitlines()
    folders = [line.strip() for line in lines if re.match(r" /\S+$", line)]
    wanted = [f for f in folders if "/c++/" in f and not f.endswith("/backward")]
    wanted += (
        [f for f in folders if f.endswith("arm-none-eabi/include") and "/c++/" not in f] if with_c else []
    )
    return tuple(flag for folder in wanted for flag in ("-isystem", folder))
