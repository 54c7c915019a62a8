"""Arduino libraries: everything below `src/`, and a sketch that the user's sensor goes into."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from tflm_mcunet.errors import UsageError
from tflm_mcunet.projects.interpreter import ARDUINO_HEADER, ARDUINO_LIBRARY, choice, if_interpreted
from tflm_mcunet.projects.project import Model, common_files, placed, port_files, project_header
from tflm_mcunet.projects.templates import filled

#: Core of a target -> `architectures` of library.properties.
_ARCHITECTURES: Mapping[str, str] = {
    "cortex-m4": "mbed_nano,mbed_nicla,nrf52,stm32,*",
    "cortex-m7": "mbed_portenta,mbed_giga,stm32,*",
    "cortex-m33": "mbed_edge,renesas_uno,stm32,*",
    "cortex-m0plus": "rp2040,mbed_rp2040,*",
    "cortex-m3": "stm32,*",
}
#: A version of the library, which Arduino wants; the model has none.
_VERSION = "1.0.0"
#: Where TFLite Micro comes from, for people.
_LIBRARY = f"install the library\n*{ARDUINO_LIBRARY}* from the Library Manager first, which `library.properties` names."
_CORE = "Arduino's core for\nthe ESP32 has it from version 3.0 on, and nothing else needs to be installed."


def class_name(name: str) -> str:
    """The library's name in CamelCase, which is that of its header."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_") if part)


def files(model: Model, is_bundled: bool | None = None) -> dict[str, str]:
    """The library's files: path -> text.

    All of a model lies in one folder below `src/`, so that every include is relative.

    Args:
        model: Model.
        is_bundled: bool or None. Whether TFLite Micro comes with Arduino's core; None for what the core says.

    Raises:
        UsageError: the target is none that Arduino has a core for.
    """
    core = model.target.core or ""
    if core not in _ARCHITECTURES and not core.startswith(("xtensa", "rv32")):
        raise UsageError(
            f"no Arduino library for {model.target.name}: its core is {core or 'not known'}",
            "Use a target with an Arduino core, such as 'Nano 33 BLE', 'Portenta H7' or ESP32-S3.",
        )
    if is_bundled is None:
        is_bundled = core not in _ARCHITECTURES
    title = class_name(model.name)
    folder = f"src/{model.name}"
    made = placed(folder, model.files | common_files() | port_files("arduino", ("board.cpp",)))
    made[f"{folder}/project.h"] = project_header(model)
    example = f"examples/{title}Serial/{title}Serial.ino"
    values: dict[str, str] = {
        "TITLE": title,
        "NAME": model.name,
        "TARGET": model.target.name,
        "VERSION": _VERSION,
        "ARCHITECTURES": _ARCHITECTURES.get(core, "esp32,*"),
        "EXAMPLE": example,
        "PARAGRAPH": choice(
            model, "Runs in TFLite Micro, its arena planned.", "Planned memory, no heap, no interpreter."
        ),
        "DEPENDS": "" if is_bundled else choice(model, f"depends={ARDUINO_LIBRARY}\n"),
        "INCLUDE": "" if is_bundled else choice(model, f"#include <{ARDUINO_HEADER}>\n\n"),
        "ENGINE": if_interpreted(model, "arduino/tflm.md", SOURCE=_CORE if is_bundled else _LIBRARY),
    }
    made[f"src/{title}.h"] = filled("arduino/header.h", values)
    made[example] = filled("arduino/sketch.ino", values)
    for template in ("library.properties", "README.md"):
        made[template] = filled(f"arduino/{template}", values)
    return made


def library_zip(name: str, files: Mapping[str, str]) -> bytes:
    """The library for "Sketch > Include Library > Add .ZIP Library": one folder, the same bytes every time."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{class_name(name)}/{path}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text)
    return content.getvalue()
