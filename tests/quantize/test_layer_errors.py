"""The error of every operator: measured in TFLite Micro, where it arises, for tuned and untuned models."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tflm_mcunet as mcu
from tflm_mcunet import tflite
from tflm_mcunet.quantize import layer_errors
from tflm_mcunet.report.quantization_html import render_quantization_html

sys.path.insert(0, str(Path(__file__).parent))
import layers as zoo

RANDOM = np.random.default_rng(8)
X = RANDOM.uniform(-1, 1, (24, 8, 8, 3)).astype(np.float32)


def small(keras: Any) -> Any:
    k = keras.layers
    image = keras.Input((8, 8, 3), name="image")
    h = k.Conv2D(4, 3, activation="relu", name="first")(image)
    h = k.Conv2D(4, 1, name="narrow")(h)
    return zoo.draw_weights(keras.Model(image, k.Dense(3, name="last")(k.Flatten(name="flat")(h))))


def test_the_last_operators_error_is_that_of_the_models_output(keras3: Any) -> None:
    model = small(keras3)
    int8 = mcu.quantize(model, X)
    report = mcu.quantization_report(model, int8, X)
    graph = tflite.read(int8)
    (raw,) = mcu.run(bytes(int8), X, on="tflm").outputs
    tensor = graph.tensors[graph.outputs[0]]
    real = np.asarray(model(X, training=False), np.float64)
    error = np.abs((raw.astype(float) - tensor.zero_point) * tensor.scale - real)
    last = report.layers[-1]
    assert (last.type, last.index) == ("FULLY_CONNECTED", len(graph.ops) - 1)
    np.testing.assert_allclose(last.mean_error, error.mean(), rtol=1e-3)
    np.testing.assert_allclose(last.max_error, error.max(), rtol=1e-3)
    np.testing.assert_allclose(
        last.sqnr_db, 10 * np.log10(np.square(real).sum() / np.square(error).sum()), rtol=1e-3
    )
    assert report.engine.startswith("tflite-micro")
    assert report.samples == 24


def test_a_layer_with_a_wild_range_is_the_worst_and_is_named(keras3: Any) -> None:
    model = small(keras3)
    kernel, bias = model.get_layer("narrow").get_weights()
    bias[0] = 400.0  # one channel takes all of the range
    model.get_layer("narrow").set_weights([kernel, bias])
    report = mcu.quantization_report(model, mcu.quantize(model, X), X)
    losses = {layer.layer: layer.lost_db for layer in report.layers if layer.type == "CONV_2D"}
    means = {layer.layer: layer.mean_error for layer in report.layers if layer.type == "CONV_2D"}
    wild = next(name for name in means if "narrow" in name)
    assert means[wild] == max(means.values())
    assert means[wild] > 100 * min(means.values())
    assert set(losses) == set(means)


def test_what_lies_beyond_the_calibration_is_clipped_and_said(keras3: Any) -> None:
    model = small(keras3)
    report = mcu.quantization_report(model, mcu.quantize(model, X * 0.2), X)
    assert max(layer.clipped for layer in report.layers) > 0.01
    assert any("clips" in line and "calibrate" in line for line in report.advice)
    assert not any(
        "clips" in line for line in mcu.quantization_report(model, mcu.quantize(model, X), X).advice
    )


@pytest.mark.parametrize("build", [zoo.images, zoo.series])
@pytest.mark.parametrize("tuned", [False, True])
def test_every_operator_of_every_layer_has_its_partner(keras3: Any, build: Any, tuned: bool) -> None:
    model = build(keras3)
    x = np.random.default_rng(6).uniform(-1, 1, (8, *model.inputs[0].shape[1:])).astype(np.float32)
    int8 = mcu.quantize(model, x, **({"qat_data": x, "epochs": 1} if tuned else {}))
    report = mcu.quantization_report(model, int8, x)
    assert report.method == ("qat" if tuned else "ptq")
    assert report.unpaired == ()
    types = [op.type for op in tflite.read(int8).ops]
    assert len(report.layers) == len(types) - types.count("QUANTIZE")
    # A wrong partner would be off by the whole signal: 0 dB.
    assert report.worst[0].sqnr_db > 12
    ratios = [layer.sqnr_db for layer in report.worst]
    assert ratios == sorted(ratios)


def test_a_branch_is_not_taken_for_its_twin(keras3: Any) -> None:
    k = keras3.layers
    image = keras3.Input((8, 8, 3))
    twins = [k.Conv2D(4, 3, name=name)(image) for name in ("left", "right")]
    model = zoo.draw_weights(keras3.Model(image, k.Subtract()(twins)))
    report = mcu.quantization_report(model, mcu.quantize(model, X), X)
    assert [layer.type for layer in report.layers] == ["CONV_2D", "CONV_2D", "SUB"]
    assert report.worst[0].sqnr_db > 20


def test_it_is_text_json_and_a_page_that_asks_for_nothing(keras3: Any, tmp_path: Path) -> None:
    model = small(keras3)
    report = mcu.quantization_report(model, mcu.quantize(model, X), X)
    text = str(report)
    assert "worst first" in text
    assert text.index(f"{report.worst[0].layer}") < text.index(report.worst[-1].layer)
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert [layer["index"] for layer in data["layers"]] == [layer.index for layer in report.worst]
    page = report.save_html(tmp_path / "page.html").read_text()
    assert page.count('class="span') == len(report.layers)
    assert "http" not in page.replace("http-equiv", "")
    both = render_quantization_html((report, report))
    assert "Side by side" in both


def test_names_from_the_model_are_never_markup(keras3: Any) -> None:
    report = mcu.quantization_report(small(keras3), mcu.quantize(small(keras3), X), X)
    layer = layer_errors.replace(report.layers[0], layer="<script>alert(1)</script>", sqnr_db=math.inf)
    page = render_quantization_html((layer_errors.replace(report, name="<b>", layers=(layer,)),))
    assert "<script>alert" not in page
    assert "<b>" not in page
    assert "∞" in page


def test_without_tflite_micro_the_reference_kernels_stand_in(
    keras3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: Any, **__: Any) -> Any:
        raise mcu.ToolError("the package tflite-micro is not installed")

    model = small(keras3)
    int8 = mcu.quantize(model, X)
    truth = mcu.quantization_report(model, int8, X)
    monkeypatch.setattr(layer_errors.interpreter, "run", missing)
    report = mcu.quantization_report(model, int8, X)
    assert "LiteRT" in report.engine
    assert [layer.mean_error for layer in report.layers] == pytest.approx(
        [layer.mean_error for layer in truth.layers]
    )


def test_a_model_of_another_shape_is_refused(keras3: Any, network: Any, tmp_path: Path) -> None:
    int8 = mcu.quantize(network(keras3), RANDOM.uniform(-1, 1, (8, 12, 12, 3)))
    with pytest.raises(mcu.ModelError, match="the float model"):
        mcu.quantization_report(small(keras3), int8, X)
    with pytest.raises(mcu.UsageError, match="no such file"):
        mcu.quantization_report(small(keras3), tmp_path / "none.tflite", X)
    with pytest.raises(mcu.UsageError, match="max_samples"):
        mcu.quantization_report(small(keras3), int8, X, max_samples=0)
