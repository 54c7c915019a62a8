"""`convert`, `run` and `export_tinyengine`, as a user calls them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_networks import network
from kernel_check import inputs

import tflm_mcunet as mcu
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph
from tflm_mcunet.tflite import write
from tflm_mcunet.tflm import interpreter


def small() -> Graph:
    b = GraphBuilder(4)
    x = b.input((1, 12, 10, 3), scale=0.05, zero_point=3)
    y = b.depthwise_conv_2d(b.conv_2d(x, 6, (3, 3), activation="RELU6"), stride=(2, 2))
    return b.finish([b.softmax(b.fully_connected(b.mean(y, (1, 2)), 4))])


def two_inputs() -> Graph:
    b = GraphBuilder(5)
    x, y = b.input((1, 6, 6, 2)), b.input((1, 6, 6, 2))
    total = b.binary("ADD", x, y)
    return b.finish([total, b.op("RELU", [total])])


def test_several_inferences_come_back_along_the_first_axis() -> None:
    graph = small()
    x = np.random.default_rng(0).integers(-128, 128, (5, 12, 10, 3), dtype=np.int8)
    together = mcu.run(graph, x, on="host").outputs[0]
    assert together.shape == (5, 4)
    for row, image in zip(together, x, strict=True):
        single = mcu.run(graph, image[None], on="host").outputs[0]
        np.testing.assert_array_equal(single, row[None])


def test_floats_are_quantised_with_the_inputs_parameters() -> None:
    graph, stored = small(), np.arange(360, dtype=np.int64).reshape(1, 12, 10, 3) % 256 - 128
    real = ((stored - 3) * 0.05).astype(np.float32)
    expected = mcu.run(graph, stored.astype(np.int8), on="host").outputs[0]
    np.testing.assert_array_equal(mcu.run(graph, real, on="host").outputs[0], expected)


def test_several_inputs_and_outputs() -> None:
    graph, r = two_inputs(), np.random.default_rng(1)
    x = [r.integers(-128, 128, (1, 6, 6, 2), dtype=np.int8) for _ in range(2)]
    ours, truth = (mcu.run(graph, x, on=on).outputs for on in ("host", "tflm"))
    assert [o.tobytes() for o in ours] == [o.tobytes() for o in truth]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((1, 12, 10, 3), np.int16), "to be int8, got int16"),
        (np.zeros((1, 12, 10, 4), np.int8), r"shape \[1, 12, 10, 3\], got \[1, 12, 10, 4\]"),
        ([np.zeros((1, 12, 10, 3), np.int8)] * 2, "Expected 1 inputs, got 2"),
    ],
)
def test_a_wrong_input_says_what_was_expected(x: object, message: str) -> None:
    with pytest.raises(mcu.UsageError, match=message):
        mcu.run(small(), x, on="host")


@pytest.mark.parametrize(
    "options", [{"schedule": "fast"}, {"prefer": "size"}, {"input": "tiles"}, {"max_mac_overhead": 0.5}]
)
def test_an_unknown_option_is_named(options: dict) -> None:
    with pytest.raises(mcu.UsageError, match=f"`{next(iter(options))}`"):
        mcu.convert(small(), **options)


@pytest.mark.parametrize("schedule", ["layer", "auto"])
def test_a_conversion_never_needs_more_and_never_differs(schedule: str) -> None:
    for seed in range(40):
        graph = network(seed)
        conversion, feed = mcu.convert(graph, schedule=schedule), inputs(graph, 1)
        before, after = (interpreter.run(m, feed) for m in (write(graph), conversion.tflite))
        assert after.allocations.head_bytes <= before.allocations.head_bytes
        assert after.allocations.head_bytes == conversion.after_bytes
        assert [a.tobytes() for a in after.outputs[0]] == [b.tobytes() for b in before.outputs[0]]


def test_the_exported_program_is_what_was_planned(tmp_path: Path) -> None:
    conversion = mcu.export_tinyengine(small(), tmp_path / "model.tflite", "STM32F746")
    header = (tmp_path / "model" / "model.h").read_text()
    assert f"#define MODEL_ARENA_BYTES {conversion.schedule.arena_bytes}\n" in header
    assert (tmp_path / "model.tflite").read_bytes() == conversion.tflite
    assert (tmp_path / "model" / "tflm_mcunet" / "engine" / "engine.cpp").is_file()


def test_an_operator_without_a_kernel_writes_nothing(tmp_path: Path) -> None:
    b = GraphBuilder(6)
    x = b.input((1, 4, 4, 2))
    y = b.op("DEPTH_TO_SPACE", [x], {"block_size": 1}, shape=(1, 4, 4, 2))
    with pytest.raises(mcu.UnsupportedOpError, match="op 0 DEPTH_TO_SPACE"):
        mcu.export_tinyengine(b.finish([y]), tmp_path / "model.tflite")
    assert not list(tmp_path.iterdir())
