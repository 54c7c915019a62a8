"""Every device file loads, agrees with itself and says where its figures come from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tflm_mcunet.targets
from tflm_mcunet.targets import Target

FILES = sorted(Path(tflm_mcunet.targets.__file__).parent.glob("*.toml"))

#: Figures that the mission and the vendors state, kept apart from the files: (sram, contiguous, flash, core).
STATED = {
    "STM32F103": (20 << 10, 20 << 10, 64 << 10, "cortex-m3"),
    "STM32F401": (96 << 10, 96 << 10, 512 << 10, "cortex-m4"),
    "STM32F405": (192 << 10, 128 << 10, 1 << 20, "cortex-m4"),
    "STM32F411": (128 << 10, 128 << 10, 512 << 10, "cortex-m4"),
    "STM32F746": (320 << 10, 320 << 10, 1 << 20, "cortex-m7"),
    "STM32F767": (512 << 10, 512 << 10, 2 << 20, "cortex-m7"),
    "STM32H743": (992 << 10, 512 << 10, 2 << 20, "cortex-m7"),
    "STM32U575": (784 << 10, 768 << 10, 2 << 20, "cortex-m33"),
    "STM32U585": (784 << 10, 768 << 10, 2 << 20, "cortex-m33"),
    "STM32L432": (64 << 10, 64 << 10, 256 << 10, "cortex-m4"),
    "STM32L476": (128 << 10, 96 << 10, 1 << 20, "cortex-m4"),
    "ESP32": (328 << 10, 328 << 10, 4 << 20, "xtensa-lx6"),
    "ESP32-S2": (320 << 10, 320 << 10, 4 << 20, "xtensa-lx7"),
    "ESP32-S3": (480 << 10, 480 << 10, 8 << 20, "xtensa-lx7"),
    "ESP32-C3": (384 << 10, 384 << 10, 4 << 20, "rv32imc"),
    "ESP32-C6": (528 << 10, 512 << 10, 8 << 20, "rv32imac"),
    "ESP32-P4": (808 << 10, 768 << 10, 16 << 20, "rv32imafc"),
    "Arduino Nano 33 BLE": (256 << 10, 256 << 10, 1 << 20, "cortex-m4"),
    "Arduino Portenta H7": (992 << 10, 512 << 10, 2 << 20, "cortex-m7"),
    "RP2040": (264 << 10, 264 << 10, 2 << 20, "cortex-m0plus"),
    "RP2350": (520 << 10, 520 << 10, 4 << 20, "cortex-m33"),
    "nRF52840": (256 << 10, 256 << 10, 1 << 20, "cortex-m4"),
    "nRF5340": (512 << 10, 512 << 10, 1 << 20, "cortex-m33"),
    "i.MX RT1062": (1 << 20, 512 << 10, 7936 << 10, "cortex-m7"),
}


def test_there_is_a_file_for_every_device_and_a_device_in_every_file():
    assert len(FILES) >= 20
    assert len(Target.names()) == len(FILES)
    assert set(STATED) <= set(Target.names())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_device_file_agrees_with_itself(path):
    target = Target.load(path)
    assert sum(bank.bytes for bank in target.banks) == target.sram
    assert target.largest_bank <= target.contiguous_sram <= target.sram
    assert all(bank.address is not None and bank.bytes % 1024 == 0 for bank in target.banks)
    assert target.flash is not None
    assert target.flash % 1024 == 0
    assert target.clock_hz is not None
    assert 10_000_000 <= target.clock_hz <= 1_000_000_000
    assert target.flash_tool
    assert Target.load(target.name) == target


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_device_names_the_documents_that_it_was_read_from(path):
    target = Target.load(path)
    assert target.sources
    for source in target.sources:
        assert source.title
        assert source.document
        assert source.says
    if target.name.startswith("STM32"):
        assert any(re.fullmatch(r"DS\d{4,5}", s.document) for s in target.sources)
        assert any(re.fullmatch(r"RM\d{4}", s.document) for s in target.sources)


@pytest.mark.parametrize("name", STATED)
def test_the_figures_are_those_that_the_vendor_states(name):
    target = Target.load(name)
    assert (target.sram, target.contiguous_sram, target.flash, target.core) == STATED[name]


def test_an_emulator_is_named_only_where_it_runs_the_core():
    engine = {"cortex-m4": "qemu:cortex-m4", "cortex-m7": "qemu:cortex-m7", "cortex-m55": "qemu:cortex-m55"}
    for name in Target.names():
        target = Target.load(name)
        assert target.core is not None
        expected = "qemu:rv32" if target.core.startswith("rv32") else engine.get(target.core)
        assert target.emulator == expected, name


def test_names_and_aliases_are_unique():
    seen: dict[str, str] = {}
    for name in Target.names():
        target = Target.load(name)
        for spelling in (target.name, *target.aliases):
            key = re.sub(r"[-_ ]", "", spelling.casefold())
            assert seen.setdefault(key, name) == name
