"""Models of every kind become a .tflite that computes what the framework computes."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tflm_mcunet import tflite
from tflm_mcunet.backend import convert, is_model, open_model, random_calibration, to_shape_model, to_tflite
from tflm_mcunet.errors import ModelError, UnsupportedOpError, UsageError

RANDOM = np.random.default_rng(5)


def litert(model: bytes, *inputs: np.ndarray) -> list[np.ndarray]:
    """The outputs of LiteRT's reference kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    for details, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(details["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(details["index"]) for details in interpreter.get_output_details()]


def test_a_float_conversion_computes_what_keras_computes(keras: Any, network: Any) -> None:
    model = network(keras)
    x = RANDOM.uniform(-1, 1, (1, 12, 12, 3)).astype(np.float32)
    (y,) = litert(to_tflite(model), x)
    np.testing.assert_allclose(y, model(x, training=False), atol=1e-5)


def test_an_int8_conversion_is_int8_throughout_at_batch_1(keras: Any, network: Any) -> None:
    graph = tflite.read(to_tflite(network(keras), RANDOM.uniform(-1, 1, (8, 12, 12, 3))))
    assert [graph.tensors[i].shape for i in graph.inputs] == [(1, 12, 12, 3)]
    assert {graph.tensors[i].dtype for i in (*graph.inputs, *graph.outputs)} == {"int8"}
    assert not [t.name for t in graph.tensors if t.dtype.startswith("float")]
    types = [op.type for op in graph.ops]
    assert "DEPTHWISE_CONV_2D" in types
    assert "SHAPE" not in types


def test_weights_are_quantised_per_output_channel(keras: Any, network: Any) -> None:
    graph = tflite.read(to_tflite(network(keras), RANDOM.uniform(-1, 1, (8, 12, 12, 3))))
    conv = next(op for op in graph.ops if op.type == "CONV_2D")
    quantization = graph.tensors[conv.inputs[1]].quantization
    assert quantization is not None
    assert len(quantization.scale) == 8


@pytest.mark.parametrize("kind", ["keras", "h5", "saved_model"])
def test_a_saved_model_converts_like_the_model_itself(
    keras: Any, network: Any, kind: str, tmp_path: Path
) -> None:
    model = network(keras)
    path = tmp_path / ("model" if kind == "saved_model" else f"model.{kind}")
    if kind == "saved_model":
        model.export(path, verbose=False) if keras.__name__ == "keras" else model.export(path)
    else:
        model.save(path)
    assert is_model(path)
    x = RANDOM.uniform(-1, 1, (1, 12, 12, 3)).astype(np.float32)
    (y,) = litert(to_tflite(path), x)
    np.testing.assert_allclose(y, model(x, training=False), atol=1e-5)


def test_several_inputs_and_outputs_keep_their_order(keras: Any) -> None:
    layers = keras.layers
    b, a = keras.Input((5,), name="b"), keras.Input((3,), name="a")
    model = keras.Model([b, a], [layers.Dense(7)(b), layers.Dense(2)(a), layers.Concatenate()([a, b])])
    calibration = {"a": RANDOM.normal(size=(6, 3)), "b": RANDOM.normal(size=(6, 5))}
    graph = tflite.read(to_tflite(model, calibration))
    assert [graph.tensors[i].shape for i in graph.inputs] == [(1, 5), (1, 3)]
    assert [graph.tensors[i].shape for i in graph.outputs] == [(1, 7), (1, 2), (1, 8)]
    values = [RANDOM.normal(size=(1, n)).astype(np.float32) for n in (5, 3)]
    for got, expected in zip(litert(to_tflite(model), *values), model(values), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)


def test_inputs_given_as_a_dict_keep_their_names(keras: Any) -> None:
    layers = keras.layers
    inputs = {"left": keras.Input((4,), name="left"), "above": keras.Input((6,), name="above")}
    model = keras.Model(inputs, layers.Dense(2)(layers.Concatenate()([inputs["left"], inputs["above"]])))
    serving = open_model(model)
    sizes = {spec.name: spec.shape for spec in serving.inputs}
    assert sizes == {"left": (4,), "above": (6,)}
    values = {n: RANDOM.normal(size=(1, *s)).astype(np.float32) for n, s in sizes.items()}
    (y,) = litert(to_tflite(model), *[values[spec.name] for spec in serving.inputs])
    np.testing.assert_allclose(y, model(values), atol=1e-5)


def test_a_sequential_model_converts(keras: Any) -> None:
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, activation="relu")])
    x = RANDOM.normal(size=(1, 6)).astype(np.float32)
    (y,) = litert(to_tflite(model), x)
    np.testing.assert_allclose(y, model(x), atol=1e-5)


def test_a_single_input_in_a_dict_is_fed_as_one(keras: Any) -> None:
    x = keras.Input((6,), name="x")
    model = keras.Model({"x": x}, keras.layers.Dense(3)(x))
    value = RANDOM.normal(size=(1, 6)).astype(np.float32)
    (y,) = litert(to_tflite(model), value)
    np.testing.assert_allclose(y, model({"x": value}), atol=1e-5)


def test_a_model_is_unchanged_by_its_conversion(keras3: Any, network: Any) -> None:
    model = network(keras3)
    before = [np.array(w) for w in model.get_weights()]
    to_tflite(model, random_calibration(open_model(model).inputs))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_shape_model_has_the_size_that_the_trained_model_will_have(keras: Any, network: Any) -> None:
    model = network(keras)
    untrained, shapes = to_tflite(model, RANDOM.normal(size=(4, 12, 12, 3))), to_shape_model(model)
    # As training leaves them: no zeros, no two channels alike.
    model.set_weights([RANDOM.uniform(0.5, 1.5, w.shape) for w in model.get_weights()])
    trained = to_tflite(model, RANDOM.normal(size=(4, 12, 12, 3)))
    assert len(untrained) < len(trained)
    assert len(shapes) == len(trained)
    expected, got = tflite.read(trained), tflite.read(shapes)
    assert [(op.type, op.inputs, op.outputs) for op in got.ops] == [
        (op.type, op.inputs, op.outputs) for op in expected.ops
    ]
    assert [(t.shape, t.dtype) for t in got.tensors] == [(t.shape, t.dtype) for t in expected.tensors]


def test_an_open_dimension_is_refused_by_name(keras: Any) -> None:
    image = keras.Input((None, None, 3), name="image")
    model = keras.Model(image, keras.layers.Conv2D(2, 3)(image))
    with pytest.raises(UsageError, match=r"'image'.*fixed, got \(None, None, None, 3\)"):
        to_tflite(model)


def test_a_model_that_knows_no_input_is_refused_with_what_to_do(keras: Any) -> None:
    with pytest.raises(UsageError, match="known inputs") as caught:
        to_tflite(keras.Sequential([keras.layers.Dense(2)]))
    assert "Input" in caught.value.hint


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_damaged_file_is_a_model_error(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(50))
    with pytest.raises(ModelError):
        to_tflite(tmp_path / name)


def test_a_keras_file_with_broken_contents_is_a_model_error(keras3: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        archive.writestr("config.json", "{}")
    with pytest.raises(ModelError, match="keras cannot read"):
        to_tflite(path)


@pytest.mark.parametrize("source", [3, b"TFL3", "model.onnx", "no/such/model.keras"])
def test_what_is_no_model_is_a_usage_error(
    source: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.onnx").write_bytes(b"")
    with pytest.raises(UsageError):
        to_tflite(source)
    assert not is_model(3)


def test_an_operator_without_int8_kernel_is_named(keras3: Any) -> None:
    x = keras3.Input((8,))
    model = keras3.Model(x, keras3.ops.erfinv(x))
    with pytest.raises(UnsupportedOpError, match="Erfinv"):
        to_tflite(model)


def test_what_would_stay_in_float_is_refused_not_passed_over(keras3: Any) -> None:
    x = keras3.Input((8,))
    with pytest.raises(UnsupportedOpError, match=r"op \d+ SIN .* would stay in float"):
        to_tflite(keras3.Model(x, keras3.ops.sin(x)), RANDOM.normal(size=(4, 8)))
    x = keras3.Input((8, 8, 1), dtype="uint8")
    with pytest.raises(UnsupportedOpError, match="CAST") as caught:
        to_tflite(
            keras3.Model(x, keras3.layers.Conv2D(2, 3)(keras3.layers.Rescaling(1 / 255)(x))),
            RANDOM.integers(0, 255, (4, 8, 8, 1)),
        )
    assert "feed the model floats" in caught.value.hint


def test_a_loop_is_refused_before_it_can_crash_the_calibrator(keras3: Any) -> None:
    x = keras3.Input((6, 3))
    with pytest.raises(UnsupportedOpError, match="WHILE") as caught:
        to_tflite(keras3.Model(x, keras3.layers.LSTM(2)(x)), RANDOM.normal(size=(4, 6, 3)))
    assert "unroll=True" in caught.value.hint
    unrolled = to_tflite(
        keras3.Model(x, keras3.layers.LSTM(2, unroll=True)(x)), RANDOM.normal(size=(4, 6, 3))
    )
    assert unrolled[4:8] == b"TFL3"


def test_what_the_converter_leaves_in_float_by_chance_is_converted_again(keras3: Any) -> None:
    x = keras3.Input((4, 6))
    model = keras3.Model(x, keras3.ops.split(x, 2, axis=1))
    in_float, in_int8 = to_tflite(model), to_tflite(model, RANDOM.normal(size=(4, 4, 6)))
    assert {op.type for op in tflite.read(in_float).ops} == {"SPLIT"}
    tries = [in_float, in_float, in_int8]
    assert convert._without_float(lambda: tries.pop(0)) == in_int8
    endless: list[bytes] = []
    with pytest.raises(UnsupportedOpError, match="SPLIT"):
        convert._without_float(lambda: endless.append(in_float) or in_float)
    assert len(endless) == convert._CONVERSIONS


def test_conversion_writes_nothing_to_the_screen(
    keras3: Any, network: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    to_tflite(network(keras3), RANDOM.uniform(-1, 1, (2, 12, 12, 3)))
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("", "")


def test_a_missing_framework_says_which_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from tflm_mcunet.backend.frameworks import load
    from tflm_mcunet.errors import ToolError

    monkeypatch.setitem(sys.modules, "tf_keras", None)
    with pytest.raises(ToolError) as caught:
        load("tf_keras", "qat")
    assert "tflm-mcunet[qat]" in caught.value.hint
