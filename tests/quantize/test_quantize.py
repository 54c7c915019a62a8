"""Post-training quantisation: close to the float model, INT8 throughout, and clear about bad input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tflm_mcunet as mcu
from tflm_mcunet import tflite

RANDOM = np.random.default_rng(11)


@pytest.fixture(scope="module")
def data() -> np.ndarray:
    return RANDOM.uniform(-1, 1, (40, 12, 12, 3)).astype(np.float32)


def test_it_is_close_to_the_float_model(keras: Any, network: Any, data: np.ndarray) -> None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    model = network(keras)
    quantized = mcu.quantize(model, data)
    graph = tflite.read(bytes(quantized))
    source, result = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    interpreter = Interpreter(
        model_content=bytes(quantized), experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    (input_index,) = (d["index"] for d in interpreter.get_input_details())
    (output_index,) = (d["index"] for d in interpreter.get_output_details())
    outputs = []
    for x in data:
        stored = np.clip(np.round(x / source.scale) + source.zero_point, -128, 127).astype(np.int8)
        interpreter.set_tensor(input_index, stored[None])
        interpreter.invoke()
        outputs.append(
            (interpreter.get_tensor(output_index)[0].astype(float) - result.zero_point) * result.scale
        )
    np.testing.assert_allclose(outputs, model(data, training=False), atol=0.05)


def test_it_is_bytes_with_a_short_name_and_a_file(
    keras3: Any, network: Any, data: np.ndarray, tmp_path: Path
) -> None:
    quantized = mcu.quantize(network(keras3), data)
    assert isinstance(quantized, bytes)
    assert quantized[4:8] == b"TFL3"
    assert str(quantized) == repr(quantized) == f"QuantizedModel({len(quantized)} bytes)"
    path = quantized.save(tmp_path / "model.tflite")
    assert path.read_bytes() == quantized


def test_a_file_is_quantised_like_the_model(
    keras3: Any, network: Any, data: np.ndarray, tmp_path: Path
) -> None:
    model = network(keras3)
    model.save(tmp_path / "model.keras")
    ours, files = (tflite.read(mcu.quantize(m, data)) for m in (model, tmp_path / "model.keras"))
    assert [(t.shape, t.dtype, t.quantization, t.data) for t in ours.tensors] == [
        (t.shape, t.dtype, t.quantization, t.data) for t in files.tensors
    ]


@pytest.mark.parametrize("model", [b"TFL3", "model.tflite"])
def test_a_tflite_is_no_float_model(model: Any) -> None:
    with pytest.raises(mcu.UsageError, match=r"got a \.tflite"):
        mcu.quantize(model, [])


@pytest.mark.parametrize(
    ("calibration", "says"),
    [
        (None, "got None"),
        ([], "at least one"),
        (np.zeros((3, 12, 12, 1)), r"expected shape \(n, 12, 12, 3\), got \(3, 12, 12, 1\)"),
        (np.full((1, 12, 12, 3), np.nan), "finite"),
    ],
)
def test_bad_calibration_data_is_told_at_the_door(
    keras3: Any, network: Any, calibration: Any, says: str
) -> None:
    with pytest.raises(mcu.UsageError, match=says):
        mcu.quantize(network(keras3), calibration)
