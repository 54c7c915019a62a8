"""Runs clang-tidy on the C++ library's sources, one process a core, with the checks of .clang-tidy."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TIDY = Path(sys.executable).with_name("clang-tidy")
#: The flags of every build of ours that change what the compiler sees.
FLAGS = ["-std=c++14", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Wpedantic"]


def sources() -> list[Path]:
    """The portable sources: those for one architecture need its compiler's headers."""
    files = (ROOT / "tflm_mcunet_cpp" / "src").rglob("*.cpp")
    return sorted(f for f in files if not {"arm_dsp", "arm_mve", "riscv", "xtensa", "tflm"} & set(f.parts))


def system_includes() -> list[str]:
    """GCC's include folders: the clang-tidy of the package index brings no C headers of its own."""
    shown = subprocess.run(
        ["g++", "-E", "-x", "c++", "-", "-v"], input="", capture_output=True, text=True, check=True
    ).stderr
    listed = shown.split("#include <...> search starts here:")[1].split("End of search list.")[0]
    return [flag for line in listed.splitlines() if line.strip() for flag in ("-isystem", line.strip())]


def tidy(source: Path) -> tuple[Path, int, str]:
    """(source, exit code, what clang-tidy says)."""
    command = [TIDY, "--quiet", source, "--", *FLAGS, *system_includes()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return source, done.returncode, done.stdout or done.stderr


def main() -> int:
    """All sources; prints what is wrong, and returns 1 where anything is."""
    status = 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for source, code, output in pool.map(tidy, sources()):
            if code:
                status = 1
                print(f"{source.relative_to(ROOT)}:\n{output}")
    return status


if __name__ == "__main__":
    sys.exit(main())
