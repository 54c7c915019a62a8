"""ESP-IDF projects: the model as a component, and an application around it."""

from __future__ import annotations

from collections.abc import Mapping

from tflm_mcunet.errors import UsageError
from tflm_mcunet.projects.interpreter import (
    ESP_COMPONENT,
    ESP_IDF,
    PLAIN_ESP_IDF,
    PLAIN_STANDARD,
    STANDARD,
    choice,
    if_interpreted,
)
from tflm_mcunet.projects.project import Model, common_files, placed, port_files, project_header
from tflm_mcunet.projects.templates import filled
from tflm_mcunet.targets import Target

#: Target -> what `idf.py set-target` calls its chip.
_CHIPS: Mapping[str, str] = {
    "ESP32": "esp32",
    "ESP32-S2": "esp32s2",
    "ESP32-S3": "esp32s3",
    "ESP32-C3": "esp32c3",
    "ESP32-C6": "esp32c6",
    "ESP32-P4": "esp32p4",
}
_TEMPLATES = (
    "CMakeLists.txt", "README.md", "main/CMakeLists.txt", "main/main.cpp", "main/idf_component.yml", "partitions.csv",
    "sdkconfig.defaults",
)  # fmt: skip
_COMPONENT_TEMPLATES = ("CMakeLists.txt", "Kconfig", "idf_component.yml")
#: Where the application begins, in a flash whose first part bootloader and partition table take.
APPLICATION_OFFSET = 0x10000
#: A partition of an application is a whole number of these.
_BLOCK_BYTES = 0x10000


def supported() -> tuple[str, ...]:
    """The targets whose chips ESP-IDF knows."""
    return tuple(sorted(_CHIPS))


def chip_of(target: Target) -> str:
    """What ESP-IDF and esptool call a target's chip.

    Raises:
        UsageError: it is none of theirs.
    """
    if target.name not in _CHIPS:
        raise UsageError(f"no ESP-IDF project for {target.name}", f"Use one of {', '.join(supported())}.")
    return _CHIPS[target.name]


def files(model: Model) -> dict[str, str]:
    """The project's files: path -> text.

    Raises:
        UsageError: ESP-IDF does not know the target.
    """
    chip = chip_of(model.target)
    component = f"components/{model.name}"
    sources = placed("model", model.files) | placed("common", common_files())
    sources |= placed("esp_idf", port_files("esp_idf", ("board.cpp",)))
    sources["project.h"] = project_header(model)
    flash = model.target.flash or 4 << 20
    values = {
        "NAME": model.name,
        "TARGET": model.target.name,
        "CHIP": chip,
        "SOURCES": "\n    ".join(f'"{path}"' for path in sorted(sources) if path.endswith(".cpp")),
        "APPLICATION_OFFSET": f"{APPLICATION_OFFSET:#x}",
        "APPLICATION_BYTES": f"{(flash - APPLICATION_OFFSET) // _BLOCK_BYTES * _BLOCK_BYTES:#x}",
        "FLASH_SIZE": f"{flash >> 20}MB",
        "IDF": choice(model, ESP_IDF, PLAIN_ESP_IDF),
        "DEPENDS": choice(model, f"  {ESP_COMPONENT}\n"),
        "STANDARD": choice(model, STANDARD, PLAIN_STANDARD),
    }
    made = placed(component, sources)
    for template in _COMPONENT_TEMPLATES:
        part = {"CMakeLists.txt": "tflm.cmake", "Kconfig": "tflm.Kconfig"}.get(template)
        engine = if_interpreted(model, f"esp_idf/component/{part}") if part else ""
        made[f"{component}/{template}"] = filled(f"esp_idf/component/{template}", values | {"ENGINE": engine})
    for template in _TEMPLATES:
        engine = if_interpreted(model, "esp_idf/tflm.md") if template == "README.md" else ""
        made[template] = filled(f"esp_idf/{template}", values | {"ENGINE": engine})
    made["main/sample.cpp"] = common_files("sample.cpp")["sample.cpp"]
    return made
