"""STM32 projects build within their chip's memory, and flashing goes through the ecosystem's tools."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

import tflm_mcunet as mcu
from tflm_mcunet.cli import main
from tflm_mcunet.errors import ToolError, UsageError
from tflm_mcunet.projects import stm32
from tflm_mcunet.projects.building import build_project
from tflm_mcunet.projects.export_project import read_manifest

needs_compiler = pytest.mark.skipif(
    not shutil.which("arm-none-eabi-g++"), reason="needs arm-none-eabi-g++ to build projects"
)
needs_board = pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="needs qemu-system-arm")


@needs_compiler
@pytest.mark.parametrize("target", stm32.supported())
def test_a_project_builds_for_every_chip(target: str, model_file: Path, tmp_path: Path) -> None:
    mcu.export_project(model_file, "stm32", target, tmp_path)
    image = build_project(tmp_path, "stm32", "small")
    binary = image.with_suffix(".bin").read_bytes()
    stack, reset = (int.from_bytes(binary[i : i + 4], "little") for i in (0, 4))
    origin, length = stm32.main_sram(mcu.Target.load(target))
    assert stack == origin + length
    assert reset & 1
    assert 0 < (reset & ~1) - stm32.FLASH_ADDRESS < len(binary) < mcu.Target.load(target).flash


@needs_compiler
@needs_board
def test_flashing_the_emulated_board_checks_its_outputs(
    model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(model_file, tmp_path)
    result = mcu.flash_to_device(tmp_path / "small.tflite", "netduinoplus2", schedule="stream")
    assert result.is_checked
    assert result.image == tmp_path / "small_netduinoplus2" / "build" / "small.elf"
    # The same from the command line, from the project that is there now.
    code = main(["flash", str(tmp_path / "small_netduinoplus2"), "--target", "netduinoplus2", "--json", "-"])
    assert code == 0
    told = json.loads(capsys.readouterr().out)
    assert told["checked"]
    assert told["crc32"] == result.checksum


@needs_compiler
@needs_board
def test_an_emulated_core_is_a_device_too(model_file: Path) -> None:
    result = mcu.flash_to_device(model_file, "qemu:cortex-m7")
    assert result.is_checked
    assert result.instructions > 10_000


def fake_tool(folder: Path, name: str, code: int) -> Path:
    """A tool that writes down its arguments."""
    log = folder / f"{name}.log"
    path = folder / name
    path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{log}\necho "error: no ST-LINK found"\nexit {code}\n')
    path.chmod(0o755)
    return log


@needs_compiler
def test_flashing_an_stm32_calls_the_tool_that_is_installed(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mcu.export_project(model_file, "stm32", "STM32F411", tmp_path / "project")
    plain = os.environ["PATH"]
    with pytest.raises(ToolError) as missing:
        mcu.flash_to_device(tmp_path / "project", "STM32F411")
    assert "stlink-tools" in missing.value.hint
    for tool, expected in (
        ("pyocd", "stm32f411"),
        ("openocd", "target/stm32f4x.cfg"),
        ("st-flash", "0x08000000"),
    ):
        folder = tmp_path / tool
        folder.mkdir()
        log = fake_tool(folder, tool, 0)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{plain}")
        result = mcu.flash_to_device(tmp_path / "project", "STM32F411")
        assert result.tool == tool
        assert not result.is_checked
        assert any(expected in line for line in log.read_text().splitlines())
    fake_tool(tmp_path / "st-flash", "st-flash", 1)
    with pytest.raises(ToolError, match="cannot flash STM32F411: error: no ST-LINK found"):
        mcu.flash_to_device(tmp_path / "project", "STM32F411")


def test_the_users_sample_survives_another_export(model_file: Path, tmp_path: Path) -> None:
    mcu.export_project(model_file, "stm32", "STM32F746", tmp_path)
    sample = tmp_path / "common" / "sample.cpp"
    sample.write_text("// mine\n")
    mcu.export_project(model_file, "stm32", "STM32F746", tmp_path, schedule="layer")
    assert sample.read_text() == "// mine\n"


def test_what_cannot_be_exported_is_told(model_file: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no STM32 project for ESP32"):
        mcu.export_project(model_file, "stm32", "ESP32", tmp_path)
    with pytest.raises(UsageError, match="Expected `kind`"):
        mcu.export_project(model_file, "mbed", "STM32F746", tmp_path)
    with pytest.raises(UsageError, match="is no project"):
        read_manifest(tmp_path)
    mcu.export_project(model_file, "stm32", "STM32F746", tmp_path)
    with pytest.raises(UsageError, match="is a project for STM32F746, not for STM32F405"):
        mcu.flash_to_device(tmp_path, "netduinoplus2")


@needs_compiler
def test_a_model_that_does_not_fit_fails_when_it_is_linked(tmp_path: Path) -> None:
    from tflm_mcunet.builder import GraphBuilder

    b = GraphBuilder(1)
    graph = b.finish([b.fully_connected(b.input((1, 1000)), 600)])  # 600,000 weights
    mcu.export_project(graph, "stm32", "STM32F411", tmp_path, name="large")
    with pytest.raises(ToolError, match="FLASH"):
        build_project(tmp_path, "stm32", "large")
