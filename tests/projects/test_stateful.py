"""A board keeps a streaming model's state from one inference to the next, and begins anew when a host asks for it."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streaming_model import FIRST, streaming

import tflm_mcunet as mcu
from tflm_mcunet.cli import main
from tflm_mcunet.deploy.serial_link import Identity, SerialLink, connect, pattern
from tflm_mcunet.errors import ToolError
from tflm_mcunet.projects import emulated
from tflm_mcunet.projects.building import build_project
from tflm_mcunet.tflite import read, write
from tflm_mcunet.transforms import explicit_state

NEEDED = ("arm-none-eabi-g++", "qemu-system-arm")
SEEDS = (1, 7, 7, 2026)


@pytest.fixture(scope="module")
def streaming_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "window.tflite"
    path.write_bytes(write(streaming(FIRST[1])))
    return path


@pytest.fixture(scope="module")
def port(streaming_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The serial port of an emulated STM32F405 that runs the streaming model."""
    if not all(shutil.which(tool) for tool in NEEDED):
        pytest.skip(f"needs {' and '.join(NEEDED)}")
    folder = tmp_path_factory.mktemp("project")
    mcu.export_project(streaming_file, "stm32", "STM32F405", folder)
    with emulated.running(build_project(folder, "stm32", "window")) as line:
        yield line


def host_checksums(model: Path) -> list[int]:
    """Of this machine's outputs for the seeded inputs, one after the other."""
    steps = [np.frombuffer(pattern(seed, [8], [False])[0], np.int8).reshape(1, 1, 1, 8) for seed in SEEDS]
    return [zlib.crc32(o.tobytes()) for o in mcu.run(model, np.stack(steps), on="host").outputs[0]]


def test_a_sequence_on_the_board_is_this_machines_and_so_it_is_after_a_reset(
    port: str, streaming_file: Path
) -> None:
    expected = host_checksums(streaming_file)
    assert expected[1] != expected[2]  # the same input, and another state
    with connect(port) as link:
        board = link.identify()
        assert (board.inputs, board.outputs, board.state_bytes) == (1, 1, 24)
        for _ in range(2):
            link.begin_sequence()
            assert [link.self_test(seed).checksum for seed in SEEDS] == expected
        assert link.self_test(SEEDS[0]).checksum != expected[0]  # without a reset the sequence goes on


def test_runs_on_a_serial_port_are_sequences(port: str, streaming_file: Path) -> None:
    steps = np.random.default_rng(3).integers(-128, 128, (6, 1, 1, 1, 8)).astype(np.int8)
    here = mcu.run(streaming_file, steps, on="host").outputs[0]
    for _ in range(2):
        there = mcu.run(streaming_file, steps, on=f"serial:{port}")
        assert there.outputs[0].tobytes() == here.tobytes()


def test_the_command_line_runs_on_a_serial_port(
    port: str, streaming_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = []
    for engine in ("host", f"serial:{port}"):
        assert main(["run", str(streaming_file), "--on", engine]) == 0
        told.append([line for line in capsys.readouterr().out.splitlines() if "crc32" in line])
    assert told[0] == told[1] != []


class Mute:
    """A line over which nothing comes back."""

    port = "mute"

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def reset_input_buffer(self) -> None:
        pass

    def write(self, message: bytes) -> None:
        self.written.append(message)

    def read(self, count: int) -> bytes:
        return b""


@pytest.mark.parametrize(("state_bytes", "times"), [(24, 1), (0, 3)])
def test_an_inference_that_changed_the_state_is_not_asked_for_again(state_bytes: int, times: int) -> None:
    line = Mute()
    link = SerialLink(line, 0.01)
    identity = Identity("window", 0, 1, 1, 80, 128, 0, 0, 1, 1000, 520, state_bytes)
    link.identify = lambda: identity  # type: ignore[method-assign]
    with pytest.raises(ToolError, match="does not answer"):
        link.self_test(1)
    assert len(line.written) == times


def test_flashing_checks_the_first_inference(streaming_file: Path, tmp_path: Path) -> None:
    if not all(shutil.which(tool) for tool in NEEDED):
        pytest.skip(f"needs {' and '.join(NEEDED)}")
    shutil.copy(streaming_file, tmp_path)
    result = mcu.flash_to_device(tmp_path / "window.tflite", "netduinoplus2")
    assert result.is_checked
    on_core = mcu.flash_to_device(streaming_file, "qemu:cortex-m4")
    assert on_core.checksum == result.checksum


def test_the_state_is_counted_once(streaming_file: Path) -> None:
    steps = np.zeros((2, 1, 1, 1, 8), np.int8)
    kept = mcu.run(streaming_file, steps, on="qemu:cortex-m4").sram
    plain = explicit_state(read(streaming_file.read_bytes()))
    states = np.zeros((2, 1, 3, 1, 8), np.int8)
    fed = mcu.run(plain.graph, [steps, states], on="qemu:cortex-m4").sram
    assert (kept.arena, kept.static) == (fed.arena, fed.static)
