"""The C++ library's unit tests, with sanitizers; Bazel runs the same without."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.deploy.toolchain import find_compiler

HERE = Path(__file__).resolve().parent
CPP = cpp_sources()
TESTS = sorted(p.name.removesuffix("_test.cpp") for p in HERE.glob("*_test.cpp"))
#: `.bazelrc` has the same, and warnings are errors.
FLAGS = ["-std=c++14", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror"]
SANITIZE = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def sources(name: str) -> list[Path]:
    """The test and what it is linked with: a family's kernels lie in a folder of its name."""
    shared = [p for p in HERE.glob("*.cpp") if not p.stem.endswith("_test")]
    library = list((CPP / "src" / "kernels").glob("*.cpp"))
    library += (CPP / "src" / "kernels" / name).glob("*.cpp")
    if name == "engine":
        library += (CPP / "src" / "engine").glob("*.cpp")
    if name == "requantize":
        library = shared = []  # it is all in a header
    if name == "multiplier":
        library, shared = sorted((CPP / "src" / "tflm").glob("kernel_multiplier*.cpp")), []
    if name == "ports":
        library = [p for p in (CPP / "ports" / "common").glob("*.cpp") if p.stem != "main"]
        shared = []
    return [HERE / f"{name}_test.cpp", *shared, *library]


@pytest.mark.parametrize("name", TESTS)
def test_the_units_hold_under_sanitizers(name: str, tmp_path: Path) -> None:
    # Headers are included as in generated programs.
    (tmp_path / "tflm_mcunet").symlink_to(CPP / "src")
    folders = [tmp_path, HERE, HERE / "ports_model", CPP / "ports" / "common"]
    compiler = find_compiler("g++", ()).path
    command = [
        compiler,
        *FLAGS,
        *SANITIZE,
        *(f"-I{f}" for f in folders),
        *sources(name),
        "-o",
        tmp_path / "run",
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    done = subprocess.run([tmp_path / "run"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^[1-9]\d* checks, 0 failed$", done.stdout, re.MULTILINE)


def test_bazel_builds_every_unit_test() -> None:
    named = re.findall(r'^\s+\("(\w+)", "\w+"\),$', (HERE / "BUILD.bazel").read_text(), re.MULTILINE)
    assert sorted([*named, "ports"]) == TESTS
