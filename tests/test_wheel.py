"""An installed wheel works away from the checkout: the C++ sources, the device files and the command are in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel would put into site-packages; built from a copy, to leave the checkout clean."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    for name in ("tflm_mcunet", "tflm_mcunet_cpp"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        folder,
        source,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def python(installed: Path, program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(installed)!r}); {program}"],
        cwd=installed.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_holds_nothing_beside_the_package(installed: Path) -> None:
    assert sorted(p.name.split("-")[0] for p in installed.iterdir()) == ["tflm_mcunet", "tflm_mcunet"]


def test_it_finds_all_c_plus_plus_sources(installed: Path) -> None:
    shown = python(
        installed, "import tflm_mcunet; print(tflm_mcunet.__file__); print(tflm_mcunet.cpp_sources())"
    )
    module, sources = map(Path, shown.splitlines())
    assert installed in module.parents
    assert installed in sources.parents
    for folder in ("include", "src", "ports"):
        wanted = {
            p.relative_to(ROOT / "tflm_mcunet_cpp")
            for p in (ROOT / "tflm_mcunet_cpp" / folder).rglob("*")
            if p.is_file()
        }
        assert {p.relative_to(sources) for p in (sources / folder).rglob("*") if p.is_file()} >= wanted


def test_it_finds_the_device_files(installed: Path) -> None:
    program = (
        "from tflm_mcunet.targets import Target; print(len(Target.names()), Target.load('STM32F746').flash)"
    )
    count, flash = python(installed, program).split()
    assert int(count) == len(list((ROOT / "tflm_mcunet" / "targets").glob("*.toml")))
    assert int(flash) == 1 << 20


def test_it_finds_the_peers_figures(installed: Path) -> None:
    shown = python(installed, "from tflm_mcunet.bench import peers; print(peers.source())")
    assert "CMSIS-NN" in shown


def test_every_module_imports(installed: Path) -> None:
    modules = sorted(
        ".".join(p.relative_to(ROOT).with_suffix("").parts)
        for p in (ROOT / "tflm_mcunet").rglob("*.py")
        if p.name not in ("__main__.py", "__init__.py")
    )
    assert (
        python(
            installed, f"import importlib; [importlib.import_module(m) for m in {modules!r}]; print('all')"
        )
        == "all"
    )


def test_the_command_is_registered(installed: Path) -> None:
    (entry,) = installed.glob("*.dist-info/entry_points.txt")
    assert "tflm-mcunet = tflm_mcunet.cli:main" in entry.read_text()
