"""STM32 projects: CMake and arm-none-eabi GCC, no vendor library."""

from __future__ import annotations

from collections.abc import Mapping

from tflm_mcunet.errors import UsageError
from tflm_mcunet.projects.interpreter import PLAIN_STANDARD, STANDARD, choice, if_interpreted
from tflm_mcunet.projects.project import Model, common_files, placed, port_files, project_header
from tflm_mcunet.projects.templates import filled
from tflm_mcunet.targets import Target

#: Target -> (file in ports/stm32/chips, processor flags, OpenOCD's file for the chip).
_CHIPS: Mapping[str, tuple[str, str, str]] = {
    "STM32F405": ("stm32f405", "-mcpu=cortex-m4 -mfpu=fpv4-sp-d16", "stm32f4x"),
    "STM32F411": ("stm32f411", "-mcpu=cortex-m4 -mfpu=fpv4-sp-d16", "stm32f4x"),
    "STM32F746": ("stm32f746", "-mcpu=cortex-m7 -mfpu=fpv5-sp-d16", "stm32f7x"),
    "STM32H743": ("stm32h743", "-mcpu=cortex-m7 -mfpu=fpv5-d16", "stm32h7x"),
}
_PORT = ("board.cpp", "chip.h", "registers.h", "startup.cpp")
#: Where every STM32 has its flash.
FLASH_ADDRESS = 0x08000000


def supported() -> tuple[str, ...]:
    """The targets that there are start-up code and clock for."""
    return tuple(sorted(_CHIPS))


def files(model: Model) -> dict[str, str]:
    """The project's files: path -> text.

    Raises:
        UsageError: there is no start-up code for the target.
    """
    if model.target.name not in _CHIPS:
        raise UsageError(
            f"no STM32 project for {model.target.name}",
            f"Use one of {', '.join(supported())}, or --project platformio, arduino or esp-idf.",
        )
    chip, cpu, openocd = _CHIPS[model.target.name]
    sources = [*_PORT, f"chips/{chip}.cpp"]
    if chip.startswith(("stm32f4", "stm32f7")):
        sources.append("chips/stm32f4.h")
    made = placed("model", model.files) | placed("common", common_files("main.cpp", "sample.cpp"))
    made |= placed("stm32", port_files("stm32", sources))
    made["project.h"] = project_header(model)
    origin, length = main_sram(model.target)
    values = {
        "NAME": model.name,
        "TARGET": model.target.name,
        "CPU": cpu,
        "CHIP": chip,
        "SOURCES": "\n  ".join(sorted(path for path in made if path.endswith(".cpp"))),
        "CACHES": "CHIP_HAS_CACHES" if "m7" in cpu else "",
        "FLASH_ORIGIN": f"{FLASH_ADDRESS:#010x}",
        "FLASH_BYTES": str(model.target.flash),
        "SRAM_ORIGIN": f"{origin:#010x}",
        "SRAM_BYTES": str(length),
        "OPENOCD": openocd,
        "STANDARD": choice(model, STANDARD, PLAIN_STANDARD),
        "LINK": choice(model, "target_link_libraries(firmware PRIVATE tflm)\n"),
    }
    for template in ("CMakeLists.txt", "arm-none-eabi.cmake", "memory.ld", "flash.sh", "README.md"):
        part = {"CMakeLists.txt": "tflm.cmake", "README.md": "tflm.md"}.get(template)
        engine = if_interpreted(model, f"stm32/{part}") if part else ""
        made[template] = filled(f"stm32/{template}", values | {"ENGINE": engine})
    return made


def openocd_target(target: Target) -> str:
    """The name of OpenOCD's file for the target's chip."""
    return _CHIPS[target.name][2]


def main_sram(target: Target) -> tuple[int, int]:
    """(address, bytes) of the longest run of SRAM banks that touch."""
    banks = sorted((b.address, b.bytes) for b in target.banks if b.address is not None)
    runs: list[tuple[int, int]] = []
    for address, size in banks:
        if runs and runs[-1][0] + runs[-1][1] == address:
            runs[-1] = (runs[-1][0], runs[-1][1] + size)
        else:
            runs.append((address, size))
    if not runs:
        raise UsageError(f"the profile of {target.name} does not say where its SRAM lies")
    return max(runs, key=lambda run: run[1])
