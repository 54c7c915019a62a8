"""A board on a serial line computes what this machine computes, and keeps its countenance when bytes go wrong."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
import serial

import tflm_mcunet as mcu
from tflm_mcunet.cli import main
from tflm_mcunet.deploy.serial_link import BAUD, SerialLink, connect, pattern
from tflm_mcunet.errors import ToolError, UsageError


def test_a_board_says_who_it_is(board: tuple[str, str]) -> None:
    port, source = board
    with connect(port) as link:
        identity = link.identify()
    assert (identity.name, identity.inputs, identity.outputs) == ("small", 1, 1)
    assert (identity.rows, identity.row_bytes) == ((16, 48) if source == "rows" else (0, 0))


def test_the_seeded_input_is_the_same_on_both_sides(board: tuple[str, str], model_file: Path) -> None:
    for seed in (1, 7, 0xFFFFFFFF):
        (drawn,) = pattern(seed, [768], [False])
        x = np.frombuffer(drawn, np.int8).reshape(1, 16, 16, 3)
        expected = mcu.run(model_file, x, on="host").outputs[0].tobytes()
        with connect(board[0]) as link:
            assert link.self_test(seed).checksum == zlib.crc32(expected)


def test_runs_on_a_serial_port_give_this_machines_bytes(board: tuple[str, str], model_file: Path) -> None:
    x = np.random.default_rng(5).integers(-128, 128, (3, 16, 16, 3), dtype=np.int8)
    here = mcu.run(model_file, x, on="host").outputs[0]
    there = mcu.run(model_file, x, on=f"serial:{board[0]}")
    assert (there.outputs[0] == here).all()
    assert there.seconds is not None
    assert there.seconds > 0


def test_the_command_line_runs_on_a_serial_port(
    board: tuple[str, str], model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(model_file), "--on", f"serial:{board[0]}"]) == 0
    there = capsys.readouterr().out
    assert main(["run", str(model_file), "--on", "host"]) == 0
    outputs = [line for line in capsys.readouterr().out.splitlines() if "crc32" in line]
    assert outputs[0] in there
    assert "time on the board" in there


def test_garbage_and_torn_messages_do_no_harm(board: tuple[str, str]) -> None:
    with serial.Serial(board[0], BAUD, timeout=0.5) as port:
        link = SerialLink(port, 10.0)
        before = link.self_test(3).checksum
        port.write(bytes(range(256)))  # holds a mark, but no message
        assert link.identify().name == "small"
        port.write(b"\x16\x6dT\x04\x00\x01")  # the rest never comes
        assert link.self_test(3).checksum == before


def test_requests_that_make_no_sense_are_refused(board: tuple[str, str]) -> None:
    port, source = board
    with connect(port) as link:
        with pytest.raises(ToolError, match="does not know the request"):
            link._ask(b"X", b"", 5.0)
        with pytest.raises(ToolError, match="no such input, output or row"):
            link.output(7, 4)
        with pytest.raises(ToolError, match="no such input, output or row"):
            link.output(0, 500)
        if source == "rows":
            with pytest.raises(ToolError, match="out of order"):
                link._ask(b"R", b"\x05\x00\x00\x00" + bytes(48), 5.0)
        with pytest.raises(UsageError, match="Expected"):
            link.run([bytes(5), bytes(5)])


def test_another_model_on_the_board_is_noticed(board: tuple[str, str], tmp_path: Path) -> None:
    from tflm_mcunet.builder import GraphBuilder

    b = GraphBuilder(9)
    other = b.finish([b.conv_2d(b.input((1, 16, 16, 3)), 4)])
    with pytest.raises(UsageError, match="holds another model: 'small'"):
        mcu.run(other, np.zeros((1, 16, 16, 3), np.int8), on=f"serial:{board[0]}")


def test_a_port_that_is_not_there_is_told(model_file: Path) -> None:
    with pytest.raises(ToolError, match="cannot open /dev/nowhere"):
        mcu.run(model_file, np.zeros((1, 16, 16, 3), np.int8), on="serial:/dev/nowhere")
