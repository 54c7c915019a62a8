"""The command line: what each command prints, where, and the exit code."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

import tflm_mcunet.cli
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.cli import main
from tflm_mcunet.cli_output import parse_size
from tflm_mcunet.errors import ToolError, UsageError
from tflm_mcunet.tflite import read, write

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def model(tmp_path) -> Path:
    """A small image model: conv, PAD, depthwise, conv, pool, fully connected."""
    b = GraphBuilder(seed=5)
    x = b.conv_2d(b.input((1, 12, 12, 3), name="image"), 8, (3, 3), activation="RELU6")
    x = b.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    x = b.conv_2d(b.depthwise_conv_2d(x, padding=1), 8)
    x = b.pool_2d("AVERAGE_POOL_2D", x, (12, 12), padding=1)
    path = tmp_path / "model.tflite"
    path.write_bytes(write(b.finish([b.fully_connected(x, 4)])))
    return path


def lines(text: str) -> list[str]:
    return text.splitlines()


def assert_error(captured, code: int, expected: int, *says: str) -> None:
    """Two lines on stderr, nothing on stdout, the exit code."""
    assert code == expected
    assert captured.out == ""
    error, hint = lines(captured.err)[-2:]
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    assert len(hint) > len("hint: ")
    for text in says:
        assert text in captured.err


def test_no_command_is_a_usage_error(capsys):
    assert_error(capsys.readouterr() if main([]) == 2 else None, 2, 2, "no command")


def test_an_unknown_command_is_a_usage_error(capsys):
    code = main(["analyse"])
    assert_error(capsys.readouterr(), code, 2, "analyse", "analyze")


def test_the_version_is_the_packages(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"tflm-mcunet {tflm_mcunet.__version__}\n"


def test_help_lists_only_commands_that_exist(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    for command in ("analyze", "convert", "run", "targets", "ops"):
        assert f"\n    {command} " in text


@pytest.mark.parametrize(
    "text, size",
    [
        ("320000", 320_000),
        ("320k", 320_000),
        ("320Ki", 327_680),
        ("1M", 10**6),
        ("1Mi", 2**20),
        ("1_000", 1000),
    ],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "k", "3.5k", "320K", "320 kB", "1e6", "٣", "0x10"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(UsageError, match="not a size"):
        parse_size(text)


def test_analyze_prints_the_report(model, capsys):
    assert main(["analyze", str(model), "--target", "STM32F746"]) == 0
    out = capsys.readouterr().out
    assert "stock TFLite Micro, head" in out
    assert "STM32F746" in out
    assert "op 1 PAD copies" in out


def test_analyze_writes_json_alone_to_stdout(model, capsys):
    assert main(["analyze", str(model), "--json", "-"]) == 0
    captured = capsys.readouterr()
    data = json.loads(captured.out)
    assert data["fits"] is None
    assert data["macs"] == sum(op["macs"] for op in data["ops"]) > 0
    assert set(data["peak"]) == {"layer", "layer_in_place", "stream", "stream_rows_input"}
    assert captured.err == ""


def test_analyze_writes_json_and_a_page_to_files_beside_the_text(model, tmp_path, capsys):
    json_path, page = tmp_path / "r.json", tmp_path / "r.html"
    assert main(["analyze", str(model), f"--json={json_path}", "--html", str(page), "--target=nrf52840"]) == 0
    assert json.loads(json_path.read_text())["fits"] is True
    assert page.read_text().startswith("<!DOCTYPE html>")
    captured = capsys.readouterr()
    assert "SRAM for one inference" in captured.out
    assert str(page) in captured.err


def test_a_model_that_does_not_fit_is_reported_and_exits_3(model, tmp_path, capsys):
    board = tmp_path / "tiny.toml"
    board.write_text('name = "tiny"\nsram = 512\ncore = "cortex-m4"\n')
    assert main(["analyze", str(model), "--target", str(board), "--json", "-"]) == 3
    captured = capsys.readouterr()
    assert json.loads(captured.out)["fits"] is False
    assert lines(captured.err)[0].startswith("error: ")
    assert "512" in lines(captured.err)[0]
    assert lines(captured.err)[1].startswith("hint: ")


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["analyze", "missing.tflite"], "missing.tflite"),
        (["analyze"], "MODEL"),
        (["analyze", "{model}", "--target", "STM32F74"], "STM32F746"),
        (["analyze", "{model}", "--pointer-bits", "16"], "16"),
        (["analyze", "{model}", "--html"], "--html"),
        (["convert", "{model}"], "-o"),
        (["convert", "{model}", "-o", "x.tflite", "--sram", "12q"], "12q"),
        (["convert", "{model}", "-o", "x.tflite", "--max-mac-overhead", "0.5"], "0.5"),
        (["convert", "{model}", "-o", "x.tflite", "--flash", "1M"], "--sram"),
        (["convert", "{model}", "-o", "x.tflite", "--sram", "1M", "--target", "ESP32"], "exclude"),
        (["targets", "no-such-device"], "no-such-device"),
        (["run", "{model}", "--input-file", "none.npy"], "none.npy"),
        (["run", "{model}", "--seed", "x"], "x"),
    ],
)
def test_bad_input_exits_2_with_a_hint(model, capsys, arguments, says):
    code = main([argument.format(model=model) for argument in arguments])
    assert_error(capsys.readouterr(), code, 2, says)


def test_a_broken_model_exits_2_and_json_holds_the_error(model, tmp_path, capsys):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(model.read_bytes()[:200])
    assert main(["analyze", str(broken), "--json", "-"]) == 2
    captured = capsys.readouterr()
    error = json.loads(captured.out)["error"]
    assert error["type"] == "ModelError"
    assert set(error) == {"type", "message", "hint"}
    assert " ".join(error["message"].split()) in captured.err


def test_an_error_of_the_arguments_reaches_the_json_file_too(tmp_path):
    path = tmp_path / "e.json"
    assert main(["analyze", "--json", str(path)]) == 2
    assert json.loads(path.read_text())["error"]["type"] == "UsageError"


def test_a_place_that_cannot_be_written_exits_1(model, tmp_path, capsys):
    assert main(["analyze", str(model), "--json", str(tmp_path / "none" / "r.json")]) == 1
    assert "cannot write" in capsys.readouterr().err


def test_an_error_is_one_line_whatever_the_file_is_called(capsys):
    assert main(["analyze", "a\nb\x1b[31m.tflite"]) == 2
    error = capsys.readouterr().err
    assert len(lines(error)) == 2
    assert "\x1b" not in error


@pytest.mark.parametrize(
    "raised, code, says",
    [
        (ToolError("no compiler", "apt-get install"), 1, "error: no compiler"),
        (KeyboardInterrupt(), 130, "error: interrupted"),
        (ZeroDivisionError("oh"), 1, "error: internal error: ZeroDivisionError: oh"),
        (RecursionError(), 2, "error: the model nests"),
    ],
)
def test_every_failure_has_its_exit_code(monkeypatch, capsys, raised, code, says):
    def fail(arguments, out):
        raise raised

    monkeypatch.setattr(tflm_mcunet.cli.cli_commands, "operators", fail)
    assert main(["ops"]) == code
    assert lines(capsys.readouterr().err)[0].startswith(says)


def test_debug_shows_the_traceback_wherever_it_stands(capsys):
    for arguments in (["--debug", "targets", "x"], ["targets", "x", "--debug"]):
        assert main(arguments) == 2
        assert "Traceback" in capsys.readouterr().err
    assert main(["targets", "x"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_convert_writes_a_model_that_needs_no_more(model, tmp_path, capsys):
    out = tmp_path / "out.tflite"
    assert main(["convert", str(model), "-o", str(out), "--target", "nrf52840", "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert set(data) >= {"schedule", "sram", "mac_overhead", "exact", "output", "skipped"}
    assert data["output"] == str(out)
    assert data["exact"] is True
    assert data["sram"]["after"] <= data["sram"]["before"]
    assert data["sram"]["input"] == 12 * 12 * 3
    assert set(data["schedule"]["stages"][0]) == {"kind", "first_op", "last_op", "peak"}
    assert main(["analyze", str(out), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["tflm"]["head"] == data["sram"]["after"]


def test_convert_says_in_words_what_it_did(model, tmp_path, capsys):
    page = tmp_path / "page.html"
    arguments = [
        "convert",
        str(model),
        "-o",
        str(tmp_path / "o.tflite"),
        "--schedule",
        "layer",
        "--html",
        str(page),
    ]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert "schedule: layer" in captured.out
    assert re.search(r"head in TFLite Micro after +[\d,]+", captured.out)
    assert "wrote" in captured.err
    assert "<svg" in page.read_text()


def test_convert_into_too_little_sram_writes_the_model_and_exits_3(model, tmp_path, capsys):
    out = tmp_path / "o.tflite"
    assert main(["convert", str(model), "-o", str(out), "--sram", "100", "--flash", "1Mi"]) == 3
    assert out.exists()
    error = capsys.readouterr().err
    assert "does not fit budget" in error
    assert "hint: " in error


def test_rows_are_fed_where_asked_for(model, tmp_path, capsys):
    kept, fed = [], []
    for rows, into in ((["--input", "resident"], kept), (["--input", "rows"], fed)):
        arguments = ["convert", str(model), "-o", str(tmp_path / "o.tflite"), "--schedule", "stream", *rows]
        assert main([*arguments, "--json", "-"]) == 0
        into.append(json.loads(capsys.readouterr().out)["arena"])
    assert fed < kept


@pytest.mark.skipif(importlib.util.find_spec("tflite_micro") is None, reason="needs the extra `host`")
def test_run_in_tflite_micro_draws_saves_and_repeats(model, tmp_path, capsys):
    folder = tmp_path / "outputs"
    arguments = ["run", str(model), "--on", "tflm", "--output-dir", str(folder), "--seed", "7", "--json", "-"]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    data = json.loads(captured.out)
    assert "seed 7" in captured.err
    assert data["seed"] == 7
    (output,) = data["outputs"]
    saved = np.load(output["path"])
    assert saved.dtype == np.int8
    assert list(saved.shape) == output["shape"] == [1, 4]
    assert output["crc32"] == zlib.crc32(saved.tobytes())
    assert data["sram"]["arena"] > 0
    assert data["instructions"] is None
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["outputs"] == data["outputs"]


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_run_takes_files_of_the_models_dtype_and_of_floats(model, tmp_path, capsys):
    graph = read(model)
    tensor = graph.tensors[graph.inputs[0]]
    stored = np.random.default_rng(1).integers(-128, 128, tensor.shape, dtype=np.int8)
    np.save(tmp_path / "stored.npy", stored)
    np.save(
        tmp_path / "real.npy",
        ((stored.astype(np.float64) - tensor.zero_point) * tensor.scale).astype(np.float32),
    )
    results = []
    for name in ("stored", "real"):
        assert main(["run", str(model), "--input-file", str(tmp_path / f"{name}.npy"), "--json", "-"]) == 0
        results.append(json.loads(capsys.readouterr().out))
    assert results[0]["outputs"] == results[1]["outputs"]
    assert results[0]["seed"] is None
    assert results[0]["on"] == "host"
    assert results[0]["macs"] > 0


def test_run_says_what_is_wrong_with_an_input(model, tmp_path, capsys):
    for name, array, says in (
        ("shape", np.zeros((1, 5, 5, 3), np.int8), "[1, 12, 12, 3]"),
        ("dtype", np.zeros((1, 12, 12, 3), np.int64), "int64"),
    ):
        np.save(tmp_path / f"{name}.npy", array)
        code = main(["run", str(model), "--input-file", str(tmp_path / f"{name}.npy")])
        assert_error(capsys.readouterr(), code, 2, says)
    (tmp_path / "text.npy").write_text("no array")
    code = main(["run", str(model), "--input-file", str(tmp_path / "text.npy")])
    assert_error(capsys.readouterr(), code, 2, "no .npy array")
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object))
    code = main(["run", str(model), "--input-file", str(tmp_path / "object.npy")])
    assert_error(capsys.readouterr(), code, 2, "object.npy")


def test_an_unknown_engine_is_refused(model, capsys):
    code = main(["run", str(model), "--on", "qemu:z80"])
    assert_error(capsys.readouterr(), code, 2, "z80")


def test_targets_lists_every_device_and_shows_one(capsys):
    assert main(["targets"]) == 0
    listing = lines(capsys.readouterr().out)
    assert len(listing) == 1 + len(tflm_mcunet.targets.Target.names())
    assert any(re.match(r"STM32F746 +cortex-m7 +216 +327,680", line) for line in listing)
    assert main(["targets", "stm32f746"]) == 0
    shown = capsys.readouterr().out
    assert "DS10916" in shown
    assert "0x20010000" in shown
    assert main(["targets", "--json", "-"]) == 0
    devices = json.loads(capsys.readouterr().out)["targets"]
    assert {"name", "sram", "flash", "core", "clock_hz", "banks", "sources"} <= set(devices[0])


def test_ops_lists_what_the_tables_say(capsys):
    assert main(["ops", "--json", "-"]) == 0
    facts = {op["type"]: op for op in json.loads(capsys.readouterr().out)["ops"]}
    assert facts["CONV_2D"]["macs"] is True
    assert facts["CONV_2D"]["row_window"] is True
    assert facts["CONV_2D"]["cpp"] is True
    assert facts["ADD"]["in_place"] == [0, 1]
    assert facts["RESHAPE"]["macs"] is False
    assert main(["ops"]) == 0
    assert re.search(r"^CONV_2D +yes +yes", capsys.readouterr().out, re.MULTILINE)


def test_the_module_runs_as_a_program_and_a_closed_pipe_is_quiet(model):
    done = subprocess.run(
        [sys.executable, "-m", "tflm_mcunet", "analyze", str(model), "--json", "-"],
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout)["flash"]["model"] == model.stat().st_size
    piped = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m tflm_mcunet targets --json - | head -n 1"],
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    assert piped.stdout == b"{\n"
    assert piped.stderr == b""
