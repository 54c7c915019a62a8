"""A small image model, and its project on the emulated board, shared by the tests of projects."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.projects import emulated
from tflm_mcunet.projects.building import build_project
from tflm_mcunet.projects.export_project import export_project
from tflm_mcunet.tflite import write

NEEDED = ("arm-none-eabi-g++", "qemu-system-arm")


def small_model() -> bytes:
    """A convolution, a depthwise one, a pool and a classifier on 16x16 images."""
    b = GraphBuilder(3)
    x = b.input((1, 16, 16, 3), zero_point=-5)
    x = b.conv_2d(x, 8, (3, 3), stride=(2, 2), activation="RELU6", zero_point=-128)
    x = b.depthwise_conv_2d(x, (3, 3), activation="RELU6", zero_point=-128)
    x = b.conv_2d(x, 12, zero_point=3)
    return write(b.finish([b.fully_connected(b.mean(x, (1, 2)), 5)]))


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "small.tflite"
    path.write_bytes(small_model())
    return path


@pytest.fixture(scope="module", params=["resident", "rows"])
def board(request, model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """(serial port, how the input is fed) of an emulated STM32F405 that runs the small model."""
    if not all(shutil.which(tool) for tool in NEEDED):
        pytest.skip(f"needs {' and '.join(NEEDED)}")
    folder = tmp_path_factory.mktemp("project")
    export_project(model_file, "stm32", "STM32F405", folder, schedule="stream", input=request.param)
    with emulated.running(build_project(folder, "stm32", "small")) as port:
        yield port, request.param
