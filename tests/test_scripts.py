"""`./scripts/setup` on machines as strangers have them, played with stand-ins for what it calls."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


class Machine:
    """A copy of the scripts in a folder of its own, and a PATH of stand-ins that note how they were called."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.bin = folder / "bin"
        self.calls = folder / "calls"
        shutil.copytree(ROOT / "scripts", self.project / "scripts")
        for name in ("constraints.txt", "pyproject.toml"):
            shutil.copy(ROOT / name, self.project / name)
        self.bin.mkdir()
        self.calls.write_text("")
        for tool in (
            "bash",
            "sh",
            "awk",
            "cat",
            "cut",
            "dirname",
            "env",
            "flock",
            "grep",
            "mkdir",
            "rm",
            "tail",
        ):
            self.link(tool)
        for tool in ("sha256sum", "tee", "chmod"):
            self.link(tool)
        self.stand_in("id", "echo 0")
        self.has_packages(all_of_them=True)
        self.stand_in("apt-get", "exit 0")
        # A Python that can make a virtual environment whose pip "installs" at once.
        self.stand_in(
            "python3.11",
            f"""
if [ "$1" = -c ]; then exec {sys.executable} "$@"; fi
if [ "$1" = --version ]; then echo Python 3.11.2; exit 0; fi
mkdir -p .venv/bin
{{ echo '#!/bin/sh'; echo 'echo "venv-python $@" >> {self.calls}'; echo 'exit "${{PIP_EXIT:-0}}"'; }} > .venv/bin/python
chmod +x .venv/bin/python
""",
        )

    def link(self, tool: str) -> None:
        path = shutil.which(tool)
        if path is None:
            pytest.skip(f"{tool} is not on this machine")
        (self.bin / tool).symlink_to(path)

    def stand_in(self, name: str, body: str) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.calls}\n{body}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def has_packages(self, *, all_of_them: bool, but: str = "none") -> None:
        """dpkg-query says that all the packages asked for are installed, or none, or all but one."""
        if all_of_them:
            body = f'shift 3; for p in "$@"; do [ "$p" = "{but}" ] || echo "installed $p"; done'
        else:
            body = "exit 1"
        self.stand_in("dpkg-query", body)

    def setup(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        self.calls.write_text("")
        return subprocess.run(
            [self.project / "scripts" / "setup", *arguments],
            env={"PATH": str(self.bin), "HOME": os.environ.get("HOME", "/"), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def called(self, start: str) -> list[str]:
        return [line for line in self.calls.read_text().splitlines() if line.startswith(start)]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_empty_machine_gets_a_virtual_environment_with_pinned_packages(machine: Machine) -> None:
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    installs = machine.called("venv-python -m pip install")
    assert installs
    assert all("--constraint constraints.txt" in line for line in installs)
    assert (machine.project / ".venv" / "stamp").is_file()


def test_a_second_run_installs_nothing_and_takes_no_time(machine: Machine) -> None:
    assert machine.setup().returncode == 0
    started = time.monotonic()
    assert machine.setup().returncode == 0
    assert time.monotonic() - started < 5
    assert not machine.called("venv-python -m pip install")
    assert not machine.called("apt-get")


def test_a_changed_pin_is_installed(machine: Machine) -> None:
    assert machine.setup().returncode == 0
    with (machine.project / "constraints.txt").open("a") as file:
        file.write("another==1.0\n")
    assert machine.setup().returncode == 0
    assert machine.called("venv-python -m pip install")


def test_a_failed_installation_is_told_and_tried_again(machine: Machine) -> None:
    done = machine.setup(PIP_EXIT="1")
    assert done.returncode == 1
    assert "error:" in done.stderr
    assert "hint:" in done.stderr
    assert not (machine.project / ".venv" / "stamp").exists()
    assert machine.setup().returncode == 0


def test_only_missing_debian_packages_are_installed(machine: Machine) -> None:
    machine.has_packages(all_of_them=True, but="qemu-system-arm")
    assert machine.setup().returncode == 0
    (install,) = machine.called("apt-get install")
    assert install == "apt-get install -y --no-install-recommends qemu-system-arm"


def test_the_demo_needs_no_browser_and_no_risc_v(machine: Machine) -> None:
    machine.has_packages(all_of_them=False)
    assert machine.setup("demo").returncode == 0
    (install,) = machine.called("apt-get install")
    assert "gcc-arm-none-eabi" in install
    assert "chromium" not in install
    assert "riscv" not in install


def test_without_root_or_sudo_the_exact_command_is_printed(machine: Machine) -> None:
    machine.stand_in("id", "echo 1000")
    machine.has_packages(all_of_them=True, but="qemu-system-arm")
    done = machine.setup()
    assert done.returncode == 2
    assert "apt-get update && apt-get install -y --no-install-recommends qemu-system-arm" in done.stderr
    assert not machine.called("apt-get")


def test_with_sudo_it_is_used(machine: Machine) -> None:
    machine.stand_in("id", "echo 1000")
    machine.stand_in("sudo", "exit 0")
    machine.has_packages(all_of_them=True, but="g++")
    assert machine.setup().returncode == 0
    assert any("apt-get install" in line and "g++" in line for line in machine.called("sudo"))


def test_an_unknown_set_of_packages_is_refused(machine: Machine) -> None:
    done = machine.setup("everything")
    assert done.returncode == 2
    assert "expected 'demo' or 'test'" in done.stderr


def test_a_python_of_another_version_is_refused_with_what_to_do(machine: Machine) -> None:
    machine.stand_in("python3.11", "exit 1")
    machine.stand_in("python3", 'if [ "$1" = --version ]; then echo Python 3.9.2; else exit 1; fi')
    done = machine.setup()
    assert done.returncode == 2
    assert "expected Python 3.11, got Python 3.9.2" in done.stderr
