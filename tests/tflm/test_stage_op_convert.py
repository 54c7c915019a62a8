"""Stages by way of the façades and the command line: what `convert` writes runs in TFLite Micro, in no more memory."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from stage_graphs import exact_runs, inputs_of, stream_network
from tflm_graphs import needs_tflm

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.convert import convert
from tflm_mcunet.errors import UnsupportedOpError, UsageError
from tflm_mcunet.execute import run
from tflm_mcunet.graph import Graph
from tflm_mcunet.report import analyze
from tflm_mcunet.targets import Target
from tflm_mcunet.tflite import read, write
from tflm_mcunet.tflm import interpreter, stage_graph
from tflm_mcunet.tflm.memory import memory
from tflm_mcunet.tflm.stage_graph import has_stages
from tflm_mcunet.tflm.stage_library import PACKAGE

pytestmark = [
    needs_tflm,
    pytest.mark.skipif(find_spec("xmos_ai_tools") is None, reason=f"pip install --no-deps {PACKAGE}"),
]


def network() -> Graph:
    """Maps much larger than its input and output."""
    b = GraphBuilder(7)
    x = b.conv_2d(b.input((1, 24, 24, 3)), 16, (3, 3), activation="RELU6")
    x = b.depthwise_conv_2d(x, (3, 3), activation="RELU6")
    x = b.pool_2d("AVERAGE_POOL_2D", b.conv_2d(x, 8, (1, 1)), (24, 24), padding=1)
    return b.finish([b.fully_connected(b.reshape(x, (1, 8)), 4)])


@pytest.mark.parametrize("schedule", ["auto", "stream"])
def test_convert_writes_stages_that_run_gives_the_stock_outputs(schedule):
    source = network()
    layer, conversion = convert(source, schedule="layer"), convert(source, schedule=schedule)
    assert has_stages(read(conversion.tflite))
    assert conversion.after_bytes < layer.after_bytes / 3
    (x,) = inputs_of(source, 1, 0)[0]
    stock, ran = run(write(source), x, on="tflm"), run(conversion, x, on="tflm")
    again = run(conversion.tflite, x, on="tflm")
    for a, b, c in zip(stock.outputs, ran.outputs, again.outputs, strict=True):
        assert a.tobytes() == b.tobytes() == c.tobytes()
    assert interpreter.run(conversion.tflite).allocations.head_bytes == conversion.after_bytes


def test_auto_never_takes_a_larger_measured_head_than_layer():
    staged = 0
    for seed in range(25):
        source = stream_network(200 + seed)
        heads = []
        for schedule in ("layer", "auto"):
            conversion = convert(source, schedule=schedule)
            heads.append(interpreter.run(conversion.tflite).allocations.head_bytes)
            assert conversion.after_bytes == heads[-1]
        assert heads[1] <= heads[0]
        staged += b"TFLM_MCUNET_STAGE" in conversion.tflite
    assert staged > 10


@pytest.mark.parametrize(
    ("target", "family"),
    [
        (None, "portable"),
        ("RP2040", "portable"),
        ("STM32F405", "arm_dsp"),
        (Target(name="m55", sram=1 << 18, core="cortex-m55"), "arm_mve"),
        ("ESP32-C3", "riscv"),
    ],
)
def test_stages_run_the_kernels_of_the_targets_core(target, family):
    source = network()
    conversion = convert(source, target)
    assert conversion.stage_kernels == conversion.to_dict()["stage_kernels"] == family
    (x,) = inputs_of(source, 1, 0)[0]
    stock, ran = run(write(source), x, on="tflm"), run(conversion, x, on="tflm")
    assert stock.outputs[0].tobytes() == ran.outputs[0].tobytes()
    allocated = interpreter.run(conversion.tflite).allocations
    assert allocated.head_bytes == conversion.after_bytes
    assert any(f"runs {family} kernels" in note for note in analyze(conversion.tflite).notes)


@pytest.mark.parametrize("target", ["STM32F405", "ESP32-C3"])
def test_generated_networks_of_a_target_equal_stock_tflm(target):
    staged = 0
    for seed in range(600, 625):
        source = stream_network(seed)
        conversion = convert(source, target, prefer="speed" if seed % 3 == 0 else "sram")
        _, ran = exact_runs(source, read(conversion.tflite), seed=seed)
        assert ran.head_bytes == conversion.after_bytes
        staged += conversion.stage_kernels is not None
    assert staged > 10


def test_without_stages_no_kernels_are_named():
    conversion = convert(network(), "STM32F405", schedule="layer")
    assert conversion.stage_kernels is None
    assert conversion.to_dict()["stage_kernels"] is None


def test_scratch_that_does_not_fit_the_target_leaves_the_portable_kernels():
    family = convert(network(), Target(name="large", sram=1 << 18, core="cortex-m4"))
    portable = convert(network())
    arenas = [memory(read(c.tflite), 32, enum_bytes=1).arena_bytes for c in (portable, family)]
    assert arenas[0] < arenas[1]
    small = convert(network(), Target(name="small", sram=arenas[1] - 16, core="cortex-m4"))
    assert small.stage_kernels == "portable"
    assert any("stages run the portable kernels: with those of arm_dsp" in note for note in small.skipped)
    exact = convert(network(), Target(name="exact", sram=arenas[1], core="cortex-m4"))
    assert exact.stage_kernels == "arm_dsp"


def test_fed_rows_have_no_form_in_tflite_micro():
    conversion = convert(network(), schedule="stream", input="rows")
    assert not has_stages(read(conversion.tflite))
    assert any("rows cannot be fed" in note for note in conversion.skipped)


def test_what_cannot_be_a_stage_runs_whole_and_says_why(monkeypatch):
    def refuse(*_: object) -> None:
        raise UnsupportedOpError("no such kernel")

    monkeypatch.setattr(stage_graph, "pack_stage", refuse)
    conversion = convert(network())
    assert not has_stages(read(conversion.tflite))
    assert "in TFLite Micro every operator runs whole: no such kernel" in conversion.skipped


def test_a_model_with_stages_is_not_converted_again():
    conversion = convert(network())
    with pytest.raises(UsageError, match="already holds stages") as caught:
        convert(conversion.tflite)
    assert "convert the model that it was made from" in str(caught.value.hint)


def test_the_command_line_runs_a_converted_file(tmp_path: Path):
    model, out = tmp_path / "in.tflite", tmp_path / "out.tflite"
    model.write_bytes(write(network()))

    def command(*arguments: object) -> dict:
        done = subprocess.run(
            [sys.executable, "-m", "tflm_mcunet", *map(str, arguments), "--json", "-"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    converted = command("convert", model, "-o", out, "--schedule", "stream", "--target", "STM32F405")
    assert converted["stage_kernels"] == "arm_dsp"
    results = [command("run", path, "--on", "tflm", "--seed", 5) for path in (model, out)]
    crc = [[o["crc32"] for o in r["outputs"]] for r in results]
    assert crc[0] == crc[1]
    assert converted["sram"]["after"] < converted["sram"]["before"] / 3
    assert results[1]["sram"]["arena"] < results[0]["sram"]["arena"]
    assert np.size(crc) == 2


def test_the_cpp_program_of_a_file_with_stages_is_refused_with_what_to_do():
    conversion = convert(network())
    with pytest.raises(UnsupportedOpError, match="TFLM_MCUNET_STAGE") as caught:
        run(conversion.tflite, inputs_of(network(), 1, 0)[0][0], on="host")
    assert "--schedule layer" in str(caught.value.hint)
