"""An Arduino library compiles as one, has what its specification asks for, and its sketch answers a host."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

import tflm_mcunet as mcu

STAND_IN = Path(__file__).with_name("arduino_stand_in")
#: As Arduino's cores for these processors compile libraries, and stricter.
STRICT = ("-std=gnu++14", "-O2", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror")
NANO = ("arm-none-eabi-g++", "-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=softfp")
C3 = ("riscv64-unknown-elf-g++", "--specs=picolibc.specs", "-march=rv32imc", "-mabi=ilp32")
#: library.properties of the Arduino library specification 1.5.
REQUIRED = {
    "name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures",
}  # fmt: skip
CATEGORIES = {
    "Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing", "Data Storage",
    "Data Processing", "Other",
}  # fmt: skip


@pytest.mark.parametrize(
    ("target", "compiler"), [("Arduino Nano 33 BLE", NANO), ("ESP32-C3", C3)], ids=["nano", "esp32c3"]
)
def test_the_library_compiles_without_an_include_path_of_its_own(
    target: str, compiler: tuple[str, ...], model_file: Path, tmp_path: Path
) -> None:
    if not shutil.which(compiler[0]):
        pytest.skip(f"needs {compiler[0]}")
    mcu.export_project(model_file, "arduino", target, tmp_path)
    sources = sorted(str(p) for p in (tmp_path / "src").rglob("*.cpp"))
    assert len(sources) > 8
    # The Arduino builder puts only src/ on the include path.
    command = [*compiler, *STRICT, "-I", str(tmp_path / "src"), "-I", str(STAND_IN), "-c", *sources]
    subprocess.run(command, cwd=tmp_path, check=True)


@pytest.mark.skipif(not shutil.which("g++"), reason="needs g++")
def test_the_sketch_answers_a_host(model_file: Path, tmp_path: Path) -> None:
    mcu.export_project(model_file, "arduino", "Arduino Nano 33 BLE", tmp_path)
    sketch = tmp_path / "examples" / "SmallSerial" / "SmallSerial.ino"
    sources = [*(tmp_path / "src").rglob("*.cpp"), STAND_IN / "desk.cpp"]
    command = [
        "g++",
        "-std=gnu++14",
        "-O1",
        "-I",
        str(tmp_path / "src"),
        "-I",
        str(STAND_IN),
        "-include",
        "Arduino.h",
    ]
    command += [*map(str, sources), "-x", "c++", str(sketch), "-o", str(tmp_path / "desk")]
    subprocess.run(command, check=True)
    ours, theirs = pty.openpty()
    port = os.ttyname(theirs)
    device = subprocess.Popen([str(tmp_path / "desk")], stdin=ours, stdout=ours)
    try:
        x = np.random.default_rng(5).integers(-128, 128, (2, 16, 16, 3), dtype=np.int8)
        there = mcu.run(model_file, x, on=f"serial:{port}").outputs[0]
    finally:
        device.kill()
        device.wait()
        os.close(ours)
        os.close(theirs)
    assert (there == mcu.run(model_file, x, on="host").outputs[0]).all()


def test_the_library_has_what_the_specification_asks_for(model_file: Path, tmp_path: Path) -> None:
    mcu.export_project(model_file, "arduino", "Arduino Portenta H7", tmp_path)
    lines = (tmp_path / "library.properties").read_text().splitlines()
    properties = dict(line.split("=", 1) for line in lines)
    assert properties.keys() >= REQUIRED
    assert all(properties[key] for key in REQUIRED)
    assert properties["category"] in CATEGORIES
    assert (tmp_path / "src" / properties["includes"]).is_file()
    assert "precompiled" not in properties
    with zipfile.ZipFile(tmp_path / "Small.zip") as archive:
        names = archive.namelist()
        assert {name.split("/")[0] for name in names} == {"Small"}
        assert "Small/library.properties" in names
        assert archive.read("Small/src/small/model.h") == (tmp_path / "src/small/model.h").read_bytes()
    first = (tmp_path / "Small.zip").read_bytes()
    mcu.export_project(model_file, "arduino", "Arduino Portenta H7", tmp_path)
    assert (tmp_path / "Small.zip").read_bytes() == first
