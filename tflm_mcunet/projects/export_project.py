"""The façade `export_project()`: a model as a complete project for a board."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tflm_mcunet.codegen.emit import write
from tflm_mcunet.convert import Conversion, convert
from tflm_mcunet.errors import UsageError
from tflm_mcunet.projects import arduino, esp_idf, platformio, stm32
from tflm_mcunet.projects.project import ENGINES, MCUNET, Model, prepare
from tflm_mcunet.targets import Target
from tflm_mcunet.tflite import write as write_tflite

#: What a project directory says of itself, for `flash`.
MANIFEST = "tflm_mcunet.json"
#: The model as it was given.
MODEL_FILE = "model.tflite"

_FILES: Mapping[str, Callable[[Model], dict[str, str]]] = {
    "arduino": arduino.files,
    "esp-idf": esp_idf.files,
    "platformio": platformio.files,
    "stm32": stm32.files,
}
KINDS = tuple(_FILES)


def export_project(
    model: Any,
    kind: str,
    target: Target | str,
    directory: str | Path,
    *,
    name: str | None = None,
    engine: str = MCUNET,
    **options: Any,
) -> Conversion:
    """Write a complete project: it builds with the ecosystem's own tools, and answers a host on its serial port.

    Args:
        model: a Conversion, or anything that `convert` takes.
        kind: str. One of `KINDS`.
        target: Target, or its name.
        directory: str or Path. Made where it is missing; files of the same name are written anew, but where the
            user's sensor goes (`sample.cpp`, or the sketch) is kept once it is there.
        name: str or None. The model's; by default that of its file.
        engine: str. "mcunet" for a program without interpreter, or "tflm" for TFLite Micro with our operators: the
            converted model, a resolver of just its operators, and an arena of just the size that it needs. TFLite
            Micro itself comes from the ecosystem, as the project's README says.
        **options: as for `convert`.

    Returns:
        Conversion. What was exported.

    Raises:
        UsageError: no such kind or engine, or none for this target.
        UnsupportedOpError: an operator has no C++ kernel, or its need of memory in TFLite Micro is not known.
    """
    if kind not in _FILES:
        raise UsageError(f"Expected `kind` to be one of {', '.join(KINDS)}, got {kind!r}")
    if engine not in ENGINES:
        raise UsageError(f"Expected `engine` to be one of {', '.join(ENGINES)}, got {engine!r}")
    device = Target.load(target) if isinstance(target, str) else target
    conversion = model if isinstance(model, Conversion) else convert(model, device, **options)
    if name is None:
        name = Path(model).stem if isinstance(model, str | Path) else "model"
    prepared = prepare(conversion, device, name, engine)
    files = _FILES[kind](prepared)
    content = dict(files)
    manifest = {
        "kind": kind,
        "target": device.name,
        "name": prepared.name,
        "io": options.get("io") or "",
        "engine": engine,
        "arena_bytes": prepared.arena_bytes,
    }
    files[MANIFEST] = json.dumps(manifest, indent=2) + "\n"
    folder = Path(directory)
    _require_engine(folder, engine)
    write({path: text for path, text in files.items() if not _is_users(folder / path)}, folder)
    (folder / MODEL_FILE).write_bytes(write_tflite(conversion.source))
    if kind == "arduino":
        title = arduino.class_name(prepared.name)
        (folder / f"{title}.zip").write_bytes(arduino.library_zip(prepared.name, content))
    return conversion


def kind_of(target: Target) -> str:
    """The kind of project that suits a target best."""
    if target.name in stm32.supported():
        return "stm32"
    if target.name in esp_idf.supported():
        return "esp-idf"
    return "arduino"


def read_manifest(directory: str | Path) -> dict[str, str]:
    """What a project directory says of itself: `kind`, `target`, `name`, `engine`, `arena_bytes` and `io`.

    `io` is that option of `convert`, or "".

    Raises:
        UsageError: it is no project of ours.
    """
    path = Path(directory) / MANIFEST
    try:
        manifest: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        manifest = {"engine": MCUNET, "arena_bytes": "", **manifest}
        return {key: str(manifest[key]) for key in ("kind", "target", "name", "io", "engine", "arena_bytes")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{directory} is no project of tflm-mcunet: it has no readable {MANIFEST}",
            "make one with `tflm-mcunet export`",
        ) from error


def _require_engine(folder: Path, engine: str) -> None:
    """Refuse to lay one engine's sources among another's: build files that take all sources would take both."""
    if not (folder / MANIFEST).is_file():
        return
    other = read_manifest(folder)["engine"]
    if other != engine:
        raise UsageError(
            f"{folder} holds a project with the engine {other!r}, not {engine!r}",
            "Choose another directory, or remove this one.",
        )


def _is_users(path: Path) -> bool:
    is_sketch = path.suffix == ".ino" or (path.name == "main.cpp" and path.parent.name == "src")
    return (path.name == "sample.cpp" or is_sketch) and path.exists()
