"""A newcomer's path, timed: the README's commands as they stand there, from a Keras model to an emulated board.

`.venv/bin/pytest tests/test_newcomer.py -s` shows the commands and how long each of them took.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tflm_mcunet.cli import build_parser

ROOT = Path(__file__).resolve().parents[1]
#: What the README's heading promises; of a core, so that what else the machine does is not counted.
MOST_SECONDS = 300.0

#: What a newcomer brings: a trained model as Keras saves it, the same as TensorFlow Lite converts it, and inputs.
BRINGS = """
import keras, numpy, tensorflow
keras.utils.set_random_seed(1)
layers = keras.layers
model = keras.Sequential([
    layers.Input((24, 24, 1)),
    layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
    layers.DepthwiseConv2D(3, padding="same", activation="relu"),
    layers.Conv2D(16, 1, activation="relu"),
    layers.GlobalAveragePooling2D(),
    layers.Dense(4, activation="softmax"),
])
x = numpy.random.default_rng(1).random((200, 24, 24, 1), dtype=numpy.float32)
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(x, (4 * x.mean((1, 2, 3))).astype(int), epochs=1, verbose=0)
model.save("model.keras")
converter = tensorflow.lite.TFLiteConverter.from_keras_model(model)
converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([image[None]] for image in x)
open("model.tflite", "wb").write(converter.convert())
numpy.save("x.npy", x)
"""


def commands() -> list[str]:
    """The lines of the README's first block under its heading of five minutes, without their comments."""
    part = (ROOT / "README.md").read_text().split("## Five minutes with your own model")[1]
    block = re.search(r"```\n(.*?)```", part, re.DOTALL)
    assert block is not None, "the block of commands is gone"
    return [re.sub(r"\s+#.*", "", line) for line in block.group(1).splitlines()]


def children_seconds() -> float:
    """Of a core, by all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def needs_hardware(command: str) -> bool:
    return "--port" in command


def test_the_readme_goes_all_the_way_to_a_board() -> None:
    """Every command is one of ours; among them are all steps, and one that needs a board on the desk."""
    parsed = [build_parser().parse_args(shlex.split(command)[1:]) for command in commands()]
    assert len(parsed) == sum(command.startswith("tflm-mcunet ") for command in commands())
    steps = {shlex.split(command)[1] for command in commands()}
    assert {"analyze", "convert", "run", "export", "flash"} <= steps
    assert sum(map(needs_hardware, commands())) == 1


@pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-g++")),
    reason="needs qemu-system-arm and arm-none-eabi-g++",
)
def test_from_a_keras_model_to_an_emulated_board_takes_less_than_five_minutes(tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    desk.mkdir()
    environment = {
        **os.environ,
        # As `source .venv/bin/activate`; and nothing that an earlier run compiled.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "TFLM_MCUNET_CACHE": str(tmp_path / "cache"),
    }
    subprocess.run([sys.executable, "-c", BRINGS], cwd=desk, env=environment, check=True, capture_output=True)

    told: dict[str, str] = {}
    elapsed: dict[str, float] = {}
    seconds: dict[str, float] = {}
    for command in commands():
        if needs_hardware(command):
            continue
        begin, begin_cpu = time.monotonic(), children_seconds()
        done = subprocess.run(
            command, shell=True, cwd=desk, env=environment, capture_output=True, text=True, check=False
        )
        elapsed[command] = time.monotonic() - begin
        seconds[command] = children_seconds() - begin_cpu
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        told[command] = done.stdout
    shown = [f"{elapsed[c]:6.1f} s, of a core {seconds[c]:6.1f} s  {c}" for c in seconds]
    print(
        "\n".join(["", *shown, f"{sum(elapsed.values()):6.1f} s, of a core {sum(seconds.values()):6.1f} s"])
    )
    assert sum(seconds.values()) < MOST_SECONDS, "\n".join(shown)

    assert "<svg" in (desk / "memory.html").read_text()
    assert (desk / "model_int8.tflite").read_bytes()[4:8] == b"TFL3"
    runs = [json.loads(text) for command, text in told.items() if "--json -" in command]
    checksums = [run["outputs"][0]["crc32"] for run in runs]
    assert len(checksums) == 2
    assert checksums[0] == checksums[1], "the emulated core computes what TFLite Micro computes"
    assert list((desk / "board").rglob("*.elf")), "the project was built"
