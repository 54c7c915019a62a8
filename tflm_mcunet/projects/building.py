"""Builds a project with the ecosystem's own tools."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tflm_mcunet.deploy.toolchain import require_tools
from tflm_mcunet.errors import ToolError, UsageError

_BUILD_SECONDS = 1800


def build_project(directory: Path, kind: str, name: str) -> Path:
    """Build the project, and return the image that is to be flashed.

    Raises:
        ToolError: a tool is missing (the hint says what to install) or the build fails (the message says where).
    """
    return _BUILDERS[kind](directory, name)


def find_program(name: str, hint: str) -> str:
    """The path of a program on the PATH or beside this Python.

    Raises:
        ToolError: there is none.
    """
    beside = Path(sys.executable).with_name(name)
    path = shutil.which(name) or (str(beside) if beside.is_file() else None)
    if path is None:
        raise ToolError(f"{name} is not installed (not found on PATH)", hint)
    return path


def call(command: Sequence[str], folder: Path, what: str) -> str:
    """Runs a program and returns what it printed.

    Raises:
        ToolError: it failed or took too long; the message has the lines that tell why.
    """
    try:
        done = subprocess.run(
            list(command), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            check=False, timeout=_BUILD_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{what}: {command[0]} took more than {_BUILD_SECONDS} seconds") from error
    except OSError as error:
        raise ToolError(f"{what}: {command[0]}: {error.strerror or error}") from error
    printed = done.stdout + done.stderr
    if done.returncode != 0:
        lines = [line.strip() for line in printed.splitlines() if line.strip()]
        telling = [line for line in lines if "error" in line.lower() or "overflowed" in line] or lines[-3:]
        raise ToolError(f"{what}: " + ("; ".join(telling[:3]) or f"exit code {done.returncode}"))
    return printed


def _build_stm32(directory: Path, name: str) -> Path:
    require_tools("arm-none-eabi-g++")
    _require_tflite_micro(directory)
    cmake = find_program("cmake", "pip install cmake, or apt-get install cmake")
    call([cmake, "-B", "build"], directory, "cannot configure the project")
    call([cmake, "--build", "build", "--parallel", "2"], directory, "cannot build the project")
    return directory / "build" / f"{name}.elf"


def _require_tflite_micro(directory: Path) -> None:
    """Where a project needs TFLite Micro's sources, and was not told before where they are, TFLM_DIR must say."""
    is_told = (directory / "build" / "CMakeCache.txt").is_file() or "TFLM_DIR" in os.environ
    if not is_told and "TFLM_DIR" in (directory / "CMakeLists.txt").read_text(encoding="utf-8"):
        raise ToolError(
            "the project needs TFLite Micro's sources, and TFLM_DIR does not say where they are",
            f"{directory / 'README.md'} says how to lay them out; then set the environment variable TFLM_DIR",
        )


def _build_esp_idf(directory: Path, name: str) -> Path:
    idf = find_program("idf.py", "install ESP-IDF 5 and run `. $IDF_PATH/export.sh` in this shell")
    chip = _setting(directory / "sdkconfig.defaults", "CONFIG_IDF_TARGET")
    if not (directory / "sdkconfig").exists():
        call([idf, "set-target", chip], directory, "cannot configure the project")
    call([idf, "build"], directory, "cannot build the project")
    return directory / "build" / f"{name}.bin"


def _build_platformio(directory: Path, name: str) -> Path:
    pio = find_program("pio", "pip install platformio")
    call([pio, "run"], directory, "cannot build the project")
    return directory / ".pio" / "build"


def _build_arduino(directory: Path, name: str) -> Path:
    find_program(
        "arduino-cli", "install arduino-cli, or add the .zip library in the Arduino IDE and upload from there"
    )
    return next((directory / "examples").glob("*/*.ino")).parent


def _setting(path: Path, name: str) -> str:
    """A value of a sdkconfig file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}="):
            return line.split("=", 1)[1].strip('"')
    raise UsageError(f"{path} does not set {name}", "export the project anew")


#: By kind of project. An Arduino sketch is compiled when it is uploaded, for the board that is then known.
_BUILDERS: Mapping[str, Callable[[Path, str], Path]] = {
    "arduino": _build_arduino,
    "esp-idf": _build_esp_idf,
    "platformio": _build_platformio,
    "stm32": _build_stm32,
}
