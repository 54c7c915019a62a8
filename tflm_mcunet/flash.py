"""The façade `flash_to_device()`: from a model or a project to a board that runs it, and that is asked to prove it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet.convert import Conversion, convert
from tflm_mcunet.deploy.boards import BOARDS
from tflm_mcunet.deploy.serial_link import SerialLink, connect, pattern
from tflm_mcunet.errors import ToolError, UsageError
from tflm_mcunet.execute import run
from tflm_mcunet.projects import emulated
from tflm_mcunet.projects.building import build_project
from tflm_mcunet.projects.export_project import MODEL_FILE, export_project, kind_of, read_manifest
from tflm_mcunet.projects.flashing import flash_image
from tflm_mcunet.targets import Target

#: The seed of the inference that a board is asked for.
SEED = 2026


@dataclass(frozen=True)
class FlashResult:
    """What came of flashing.

    Attributes:
        device: str.
        tool: str. What wrote the flash, or emulates the device.
        image: Path or None. What was written.
        is_checked: bool. The board ran a seeded inference, and its outputs' checksum is that of this machine.
        checksum: int or None. CRC-32 of those outputs.
        seconds: float or None. Of the inference, by the board's clock.
        instructions: int or None. Of the inference, on "qemu:<core>".
    """

    device: str
    tool: str
    image: Path | None
    is_checked: bool = False
    checksum: int | None = None
    seconds: float | None = None
    instructions: int | None = None


def flash_to_device(
    model: Any,
    device: str | Target,
    *,
    port: str | None = None,
    directory: str | Path | None = None,
    **options: Any,
) -> FlashResult:
    """Build a model for a device, write it to its flash, and check it where the device can be asked.

    Args:
        model: a directory that `export_project` wrote; or a Conversion, or anything that `convert` takes: then a
            project is made first.
        device: Target, its name, "netduinoplus2" (QEMU's board with an STM32F405) or "qemu:<core>".
        port: str or None. The board's serial port: the board is then asked to run a seeded input, and its outputs are
            compared with this machine's.
        directory: str, Path or None. Where the project goes; by default beside the model's file.
        **options: as for `convert`.

    Returns:
        FlashResult.

    Raises:
        ToolError: a tool or the board is missing, or one of them failed; a board's outputs differ.
        ConstraintError: the program does not fit the device.
        UsageError: no such device, or a project for another one.
    """
    name = device if isinstance(device, str) else device.name
    if name in BOARDS:
        return _on_core(model, name, options)
    target = (
        Target.load(emulated.TARGET if name == emulated.NAME else name) if isinstance(device, str) else device
    )
    folder = _project(model, target, name, directory, options)
    manifest = read_manifest(folder)
    if manifest["target"] != target.name:
        raise UsageError(f"{folder} is a project for {manifest['target']}, not for {target.name}")
    image = build_project(folder, manifest["kind"], manifest["name"])
    if name == emulated.NAME:
        with emulated.running(image) as line:
            checked = _checked(FlashResult(name, "qemu-system-arm", image), folder, line)
            return replace(checked, seconds=None)  # an emulator's clock says nothing of a board's
    result = FlashResult(name, flash_image(folder, manifest["kind"], target, image, port), image)
    return result if port is None else _checked(result, folder, port)


def _project(
    model: Any, target: Target, name: str, directory: str | Path | None, options: dict[str, Any]
) -> Path:
    """The project's directory, made where `model` is none."""
    if isinstance(model, str | Path) and Path(model).is_dir() and (Path(model) / "tflm_mcunet.json").exists():
        return Path(model)
    if directory is None:
        stem = Path(model).with_suffix("") if isinstance(model, str | Path) else Path("model")
        directory = stem.with_name(f"{stem.name}_{name.lower().replace(' ', '_')}")
    export_project(model, kind_of(target), target, directory, **options)
    return Path(directory)


def _on_core(model: Any, board: str, options: dict[str, Any]) -> FlashResult:
    """On an emulated core without a board around it: one inference, compared with this machine's."""
    conversion = model if isinstance(model, Conversion) else convert(model, **options)
    inputs = _seeded(conversion)
    ran, here = run(conversion, inputs, on=board), run(conversion, inputs, on="host")
    checksum = _checksum(ran.outputs)
    _require_equal(checksum, _checksum(here.outputs), board)
    return FlashResult(board, BOARDS[board].emulator, None, True, checksum, None, ran.instructions)


def _checked(result: FlashResult, folder: Path, port: str) -> FlashResult:
    """The result, with the board's answer to the seeded input."""
    manifest = read_manifest(folder)
    conversion = convert(folder / MODEL_FILE, schedule="layer", io=manifest["io"] or None)
    with connect(port) as link:
        ran = _patiently(link)
    _require_equal(
        ran.checksum, _checksum(run(conversion, _seeded(conversion), on="host").outputs), result.device
    )
    return FlashResult(result.device, result.tool, result.image, True, ran.checksum, ran.seconds)


def _patiently(link: SerialLink) -> Any:
    """The board's answer; after a reset it first runs its sample."""
    link.begin_sequence()
    return link.self_test(SEED)


def _seeded(conversion: Conversion) -> list[np.ndarray]:
    tensors = [conversion.graph.tensors[i] for i in conversion.graph.model_inputs]
    drawn = pattern(SEED, [t.size_bytes for t in tensors], [t.dtype == "float32" for t in tensors])
    return [np.frombuffer(d, t.dtype).reshape(t.shape) for d, t in zip(drawn, tensors, strict=True)]


def _checksum(outputs: Sequence[np.ndarray]) -> int:
    return zlib.crc32(b"".join(np.ascontiguousarray(o).tobytes() for o in outputs))


def _require_equal(theirs: int, ours: int, device: str) -> None:
    if theirs != ours:
        raise ToolError(
            f"the outputs of {device} differ from this machine's: checksum {theirs:08x}, expected {ours:08x}",
            "please report the model: every engine of tflm-mcunet is meant to give the same bytes",
        )
