"""An ESP-IDF project has what its tools ask for, and its sources compile for both architectures."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

import tflm_mcunet as mcu
from tflm_mcunet.errors import ToolError
from tflm_mcunet.projects import esp_idf, platformio
from tflm_mcunet.projects.building import build_project, find_program
from tflm_mcunet.projects.flashing import flash_image

STAND_IN = Path(__file__).with_name("esp_idf_stand_in")
FREESTANDING = Path(mcu.cpp_sources()) / "ports" / "qemu" / "freestanding"
STRICT = ("-std=gnu++14", "-O2", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror")
COMPILERS = {
    "ESP32-C3": ("riscv64-unknown-elf-g++", "--specs=picolibc.specs", "-march=rv32imc", "-mabi=ilp32"),
    "ESP32": ("xtensa-lx106-elf-g++", "-mlongcalls", "-ffreestanding", "-isystem", str(FREESTANDING)),
}


@pytest.mark.parametrize("target", COMPILERS)
def test_the_sources_compile(target: str, model_file: Path, tmp_path: Path) -> None:
    compiler = COMPILERS[target]
    if not shutil.which(compiler[0]):
        pytest.skip(f"needs {compiler[0]}")
    mcu.export_project(model_file, "esp-idf", target, tmp_path)
    component = tmp_path / "components" / "small"
    listed = re.findall(r'"([^"]+\.cpp)"', (component / "CMakeLists.txt").read_text())
    assert sorted(listed) == sorted(str(p.relative_to(component)) for p in component.rglob("*.cpp"))
    includes = [
        flag for d in (component, component / "model", component / "common") for flag in ("-I", str(d))
    ]
    sources = [str(component / path) for path in listed] + [str(tmp_path / "main" / "main.cpp")]
    sources.append(str(tmp_path / "main" / "sample.cpp"))
    command = [*compiler, *STRICT, *includes, "-I", str(STAND_IN), "-c", *sources]
    subprocess.run(command, cwd=tmp_path, check=True)


@pytest.mark.parametrize("target", esp_idf.supported())
def test_manifest_partitions_and_settings_are_complete(target: str, model_file: Path, tmp_path: Path) -> None:
    mcu.export_project(model_file, "esp-idf", target, tmp_path)
    manifest = yaml.safe_load((tmp_path / "components" / "small" / "idf_component.yml").read_text())
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])
    assert manifest["description"]
    assert manifest["targets"] == [esp_idf.chip_of(mcu.Target.load(target))]
    assert manifest["dependencies"]["idf"]
    settings = (tmp_path / "sdkconfig.defaults").read_text()
    assert f'CONFIG_IDF_TARGET="{manifest["targets"][0]}"' in settings
    flash = mcu.Target.load(target).flash
    assert f"CONFIG_ESPTOOLPY_FLASHSIZE_{flash >> 20}MB=y" in settings
    rows = [
        line.split(",") for line in (tmp_path / "partitions.csv").read_text().splitlines() if line[:1] != "#"
    ]
    name, kind, subtype, offset, size = (field.strip() for field in rows[-1])
    assert (name, kind, subtype) == ("factory", "app", "factory")
    assert int(offset, 16) % 0x10000 == 0
    assert int(offset, 16) + int(size, 16) <= flash


def test_an_image_for_the_esp32_is_one_to_esptool(tmp_path: Path) -> None:
    compiler = COMPILERS["ESP32-C3"]
    if not shutil.which(compiler[0]):
        pytest.skip(f"needs {compiler[0]}")
    esptool = find_program("esptool", "pip install esptool")
    (tmp_path / "application.cpp").write_text('extern "C" void _start() { for (;;) { } }\n')
    (tmp_path / "memory.ld").write_text("SECTIONS { . = 0x42000020; .text : { *(.text .text.*) } }\n")
    command = [
        compiler[0],
        *compiler[2:],
        "-nostdlib",
        "-T",
        "memory.ld",
        "application.cpp",
        "-o",
        "application.elf",
    ]
    subprocess.run(command, cwd=tmp_path, check=True)

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [esptool, "--chip", "esp32c3", *arguments], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("elf2image", "--output", "application.bin", "application.elf")
    offset = f"{esp_idf.APPLICATION_OFFSET:#x}"
    run("merge-bin", "--output", "merged.bin", "0x0", "application.bin", offset, "application.bin")
    for image in ("application.bin", "merged.bin"):
        assert "ESP32-C3" in run("image-info", image)


def test_flashing_asks_for_what_is_missing(model_file: Path, tmp_path: Path) -> None:
    for kind, target, tool in (
        ("esp-idf", "ESP32-S3", "idf.py"),
        ("arduino", "Arduino Nano 33 BLE", "arduino-cli"),
        ("platformio", "STM32F411", "pio"),
    ):
        mcu.export_project(model_file, kind, target, tmp_path / kind)
        with pytest.raises(ToolError, match=f"{re.escape(tool)} is not installed"):
            mcu.flash_to_device(tmp_path / kind, target)


def fake(folder: Path, name: str, script: str) -> Path:
    """An executable that appends its arguments to a log, and then does what `script` says."""
    log = folder / f"{name}.log"
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "$@" >>{log}\n{script}\n')
    path.chmod(0o755)
    return log


def test_flashing_calls_idf_and_esptool(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    idf = fake(
        tools, "idf.py", 'mkdir -p build && [ "$1" != build ] || touch build/flash_args build/small.bin'
    )
    esptool = fake(tools, "esptool", "exit 0")
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    mcu.export_project(model_file, "esp-idf", "ESP32-S3", tmp_path / "project")
    image = build_project(tmp_path / "project", "esp-idf", "small")
    target = mcu.Target.load("ESP32-S3")
    assert flash_image(tmp_path / "project", "esp-idf", target, image, "/dev/ttyUSB7") == "esptool"
    assert idf.read_text().split() == ["set-target", "esp32s3", "build"]
    assert "--port /dev/ttyUSB7" in esptool.read_text()
    assert "write-flash @flash_args" in esptool.read_text()


@pytest.mark.parametrize("target", platformio.supported())
def test_a_platformio_project_names_platform_board_and_framework(
    target: str, model_file: Path, tmp_path: Path
) -> None:
    mcu.export_project(model_file, "platformio", target, tmp_path)
    parser = configparser.ConfigParser()
    parser.read(tmp_path / "platformio.ini")
    (section,) = parser.sections()
    assert section.startswith("env:")
    assert {"platform", "board", "framework"} <= set(parser[section])
    assert (tmp_path / "src" / "main.cpp").read_text().startswith("#include <Arduino.h>")
    assert (tmp_path / "lib" / "Small" / "library.properties").is_file()
