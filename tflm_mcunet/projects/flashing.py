"""Writes a built project to a board with the first of the ecosystem's tools that is installed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from tflm_mcunet.errors import ToolError, UsageError
from tflm_mcunet.projects import stm32
from tflm_mcunet.projects.building import call
from tflm_mcunet.targets import Target

_STM32_HINT = (
    "connect a board with a debug probe, and install one of them: apt-get install stlink-tools, "
    "apt-get install openocd, pip install pyocd"
)


def flash_image(directory: Path, kind: str, target: Target, image: Path, port: str | None) -> str:
    """Write the image to the board, and return the name of the tool that did.

    Raises:
        ToolError: no tool is installed, or no board is connected.
        UsageError: nothing here can flash that kind of project.
    """
    if kind not in _FLASHERS:
        raise UsageError(f"a {kind} project has no flash tool here")
    return _FLASHERS[kind](directory, target, image, port)


def _flash_stm32(directory: Path, target: Target, image: Path, _: str | None) -> str:
    binary, elf = str(image.with_suffix(".bin")), str(image)
    chip = stm32.openocd_target(target)
    commands = {
        "st-flash": ["--reset", "write", binary, f"{stm32.FLASH_ADDRESS:#010x}"],
        "openocd": [
            "-f", "interface/stlink.cfg", "-f", f"target/{chip}.cfg", "-c", f"program {elf} verify reset exit",
        ],
        "pyocd": ["flash", "--target", target.name.lower() + "xg", elf],
    }  # fmt: skip
    for tool, arguments in commands.items():
        found = shutil.which(tool)
        if found is None:
            continue
        try:
            call([found, *arguments], directory, f"cannot flash {target.name}")
        except ToolError as error:
            raise ToolError(
                error.message, error.hint or "is the board powered, and its probe connected?"
            ) from error
        return tool
    raise ToolError(f"no tool to flash {target.name} is installed", _STM32_HINT)


_FLASHERS: Mapping[str, Callable[[Path, Target, Path, str | None], str]] = {"stm32": _flash_stm32}
