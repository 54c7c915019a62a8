"""PlatformIO projects: the Arduino library in `lib/`, its sketch as the program."""

from __future__ import annotations

from collections.abc import Mapping

from tflm_mcunet.errors import UsageError
from tflm_mcunet.projects import arduino
from tflm_mcunet.projects.interpreter import ARDUINO_REPOSITORY, choice, if_interpreted
from tflm_mcunet.projects.project import Model
from tflm_mcunet.projects.templates import filled

#: Target -> (platform, board) of PlatformIO's registry.
_BOARDS: Mapping[str, tuple[str, str]] = {
    "Arduino Nano 33 BLE": ("nordicnrf52", "nano33ble"),
    "Arduino Portenta H7": ("ststm32", "portenta_h7_m7"),
    "ESP32": ("espressif32", "esp32dev"),
    "ESP32-C3": ("espressif32", "esp32-c3-devkitm-1"),
    "ESP32-S2": ("espressif32", "esp32-s2-saola-1"),
    "ESP32-S3": ("espressif32", "esp32-s3-devkitc-1"),
    "STM32F405": ("ststm32", "adafruit_feather_f405"),
    "STM32F411": ("ststm32", "nucleo_f411re"),
    "STM32F746": ("ststm32", "disco_f746ng"),
    "STM32H743": ("ststm32", "nucleo_h743zi"),
}


def supported() -> tuple[str, ...]:
    """The targets that a board of PlatformIO's registry is named for."""
    return tuple(sorted(_BOARDS))


def files(model: Model) -> dict[str, str]:
    """The project's files: path -> text.

    Raises:
        UsageError: no board is known for the target.
    """
    if model.target.name not in _BOARDS:
        raise UsageError(
            f"no PlatformIO board is known for {model.target.name}", f"Use one of {', '.join(supported())}."
        )
    platform, board = _BOARDS[model.target.name]
    library = arduino.files(model, is_bundled=False)
    title = arduino.class_name(model.name)
    sketch = library.pop(f"examples/{title}Serial/{title}Serial.ino")
    library.pop("README.md")
    values = {
        "NAME": model.name,
        "TITLE": title,
        "TARGET": model.target.name,
        "PLATFORM": platform,
        "BOARD": board,
        "DEPENDS": choice(model, f"\nlib_deps = {ARDUINO_REPOSITORY}"),
        "ENGINE": if_interpreted(model, "platformio/tflm.md"),
    }
    made = {f"lib/{title}/{path}": text for path, text in library.items()}
    made["src/main.cpp"] = "#include <Arduino.h>\n\n" + sketch
    for template in ("platformio.ini", "README.md"):
        made[template] = filled(f"platformio/{template}", values)
    return made
