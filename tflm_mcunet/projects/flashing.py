"""Writes a built project to a board with the first of the ecosystem's tools that is installed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from tflm_mcunet.deploy.serial_link import ports
from tflm_mcunet.errors import ToolError
from tflm_mcunet.projects import esp_idf, stm32
from tflm_mcunet.projects.building import call, find_program
from tflm_mcunet.targets import Target

_STM32_HINT = (
    "connect a board with a debug probe, and install one of them: apt-get install stlink-tools, "
    "apt-get install openocd, pip install pyocd"
)


def flash_image(directory: Path, kind: str, target: Target, image: Path, port: str | None) -> str:
    """Write the image to the board, and return the name of the tool that did.

    Raises:
        ToolError: no tool is installed, or no board is connected.
    """
    return _FLASHERS[kind](directory, target, image, port)


def _flash_stm32(directory: Path, target: Target, image: Path, _: str | None) -> str:
    binary, elf = str(image.with_suffix(".bin")), str(image)
    chip = stm32.openocd_target(target)
    commands = {
        "st-flash": ["--reset", "write", binary, f"{stm32.FLASH_ADDRESS:#010x}"],
        "openocd": [
            "-f", "interface/stlink.cfg", "-f", f"target/{chip}.cfg", "-c", f"program {elf} verify reset exit",
        ],
        "pyocd": ["flash", "--target", f"{target.name.lower()}xg", elf],
    }  # fmt: skip
    for tool, arguments in commands.items():
        found = shutil.which(tool)
        if found is not None:
            _upload([found, *arguments], directory, target, "is the board powered, and its probe connected?")
            return tool
    raise ToolError(f"no tool to flash {target.name} is installed", _STM32_HINT)


def _flash_esp_idf(directory: Path, target: Target, image: Path, port: str | None) -> str:
    """With the arguments that the build left beside the image: bootloader, partition table and application."""
    esptool = find_program("esptool", "pip install 'tflm-mcunet[boards]'")
    chip, where = esp_idf.chip_of(target), _serial_port(target, port)
    command = [esptool, "--chip", chip, "--port", where, "--baud", "460800", "write-flash", "@flash_args"]
    _upload(
        command, image.parent, target, "hold BOOT while you reset the board, and close every serial monitor"
    )
    return "esptool"


def _flash_platformio(directory: Path, target: Target, image: Path, port: str | None) -> str:
    pio = find_program("pio", "pip install platformio")
    upload_port = ["--upload-port", port] if port else []
    _upload([pio, "run", "--target", "upload", *upload_port], directory, target, "is the board connected?")
    return "pio"


def _flash_arduino(directory: Path, target: Target, image: Path, port: str | None) -> str:
    cli = find_program("arduino-cli", "install arduino-cli, or upload from the Arduino IDE")
    where = _serial_port(target, port)
    board = _arduino_board(cli, where, directory)
    command = [
        cli,
        "compile",
        "--upload",
        "--fqbn",
        board,
        "--port",
        where,
        "--library",
        str(directory),
        str(image),
    ]
    _upload(command, directory, target, f"arduino-cli core install {':'.join(board.split(':')[:2])}")
    return "arduino-cli"


def _arduino_board(cli: str, port: str, directory: Path) -> str:
    """The full name of the board that arduino-cli sees on a port."""
    listed = json.loads(
        call([cli, "board", "list", "--format", "json"], directory, "cannot list boards") or "{}"
    )
    found = listed.get("detected_ports", []) if isinstance(listed, dict) else listed
    for entry in found:
        if entry.get("port", {}).get("address") == port and entry.get("matching_boards"):
            return str(entry["matching_boards"][0]["fqbn"])
    raise ToolError(f"arduino-cli knows no board on {port}", "is it connected, and its core installed?")


def _serial_port(target: Target, port: str | None) -> str:
    """The port that was given, or the only one that there is."""
    if port is not None:
        return port
    found = ports()
    if len(found) == 1:
        return found[0]
    if not found:
        raise ToolError(f"no {target.name} is connected: there is no USB serial port", "connect it by USB")
    raise ToolError(f"several boards are connected: {', '.join(found)}", "choose one with --port")


def _upload(command: list[str], folder: Path, target: Target, hint: str) -> None:
    try:
        call(command, folder, f"cannot flash {target.name}")
    except ToolError as error:
        raise ToolError(error.message, error.hint or hint) from error


_FLASHERS: Mapping[str, Callable[[Path, Target, Path, str | None], str]] = {
    "arduino": _flash_arduino,
    "esp-idf": _flash_esp_idf,
    "platformio": _flash_platformio,
    "stm32": _flash_stm32,
}
