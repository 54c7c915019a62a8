"""`MCUConstraints` in `model.fit` of both Keras: refused before the first epoch, or logged in every one."""

from __future__ import annotations

import copy
import inspect
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tflm_mcunet as mcu
from tflm_mcunet.targets import Target

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

#: Enough for the network below at width 4, too little at width 64.
SMALL = Target(name="a small board", sram=16_384, flash=65_536, core="cortex-m4")
X = np.random.default_rng(0).normal(size=(8, 16, 16, 1)).astype(np.float32)
Y = np.zeros(8, int)


@pytest.fixture(scope="module", params=["keras", "tf_keras"])
def keras(request: pytest.FixtureRequest) -> Any:
    return pytest.importorskip(request.param)


def compiled(keras: Any, width: int) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(width, 3, padding="same", activation="relu"),
            layers.DepthwiseConv2D(3, strides=2, padding="same"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def test_a_model_that_fits_is_trained_and_its_needs_are_in_history(keras: Any) -> None:
    callback = mcu.MCUConstraints(SMALL)
    history = compiled(keras, 4).fit(X, Y, epochs=2, verbose=0, callbacks=[callback]).history
    report = callback.report
    assert report is not None
    # The convolution's input, 16·16 bytes, and its output, 16·16·4 bytes, are alive together.
    assert history["mcu_peak_sram_bytes"] == [16 * 16 * 5] * 2
    assert history["mcu_macs"] == [16 * 16 * 9 * 4 + 8 * 8 * 9 * 4 + 4 * 3] * 2
    assert history["mcu_flash_bytes"] == [report.model_bytes] * 2
    assert len(history["loss"]) == 2


def test_a_model_too_big_for_the_sram_is_refused_before_the_first_epoch(keras: Any) -> None:
    model = compiled(keras, 64)
    before = [np.array(w) for w in model.get_weights()]
    epochs = []
    watch = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epochs.append(epoch))
    with pytest.raises(mcu.ConstraintError) as caught:
        model.fit(X, Y, epochs=2, verbose=0, callbacks=[mcu.MCUConstraints(SMALL), watch])
    message = caught.value.message
    assert "a small board" in message
    assert f"{16 * 16 * 64 + 8 * 8 * 64:,}" in message
    assert "16,384" in message
    assert "op 1 DEPTHWISE_CONV_2D" in message
    assert caught.value.hint
    assert caught.value.exit_code == 3
    assert epochs == []
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("budget", "says"),
    [
        ({"max_macs": 1000}, r"MACs: 11,532, budget 1,000; most are in op 0 CONV_2D \(9,216\)"),
        ({"max_sram_bytes": 1000}, "SRAM: 1,280 bytes .* budget 1,000"),
        ({"max_flash_bytes": 500}, "flash: a model of .* bytes, budget 500"),
    ],
)
def test_a_budget_below_the_target_holds_too(keras: Any, budget: dict[str, int], says: str) -> None:
    with pytest.raises(mcu.ConstraintError, match=says):
        compiled(keras, 4).fit(X, Y, verbose=0, callbacks=[mcu.MCUConstraints(SMALL, **budget)])


def test_stock_tflm_needs_more_than_the_layer_schedule(keras: Any) -> None:
    peaks = {}
    for schedule in ("layer", "auto", "tflm"):
        callback = mcu.MCUConstraints(SMALL, schedule=schedule)
        history = compiled(keras, 4).fit(X, Y, verbose=0, callbacks=[callback]).history
        peaks[schedule] = history["mcu_peak_sram_bytes"][0]
    assert peaks["auto"] <= peaks["layer"] < peaks["tflm"]


def test_it_has_every_method_that_keras_may_call(keras: Any) -> None:
    base = keras.callbacks.Callback
    hooks = [name for name, _ in inspect.getmembers(base, inspect.isfunction) if not name.startswith("__")]
    assert len(hooks) > 15
    missing = [name for name in hooks if not callable(getattr(mcu.MCUConstraints, name, None))]
    assert not missing


def test_evaluate_and_predict_take_it_and_ask_nothing(keras: Any) -> None:
    model = compiled(keras, 64)
    callback = mcu.MCUConstraints(SMALL)
    model.evaluate(X, Y, verbose=0, callbacks=[callback])
    model.predict(X, verbose=0, callbacks=[callback])
    assert callback.report is None


def test_a_copy_for_a_trial_starts_anew(keras: Any) -> None:
    callback = mcu.MCUConstraints(SMALL, max_macs=20_000, schedule="auto")
    compiled(keras, 4).fit(X, Y, verbose=0, callbacks=[callback])
    trial = copy.deepcopy(callback)
    assert trial.report is None
    assert trial.model is None
    assert (trial.target, trial.max_macs, trial.schedule) == (SMALL, 20_000, "auto")
    assert callback.report is not None
    with pytest.raises(mcu.ConstraintError):
        compiled(keras, 64).fit(X, Y, verbose=0, callbacks=[trial])


def scalars(folder: Path) -> dict[str, float]:
    """Tag -> value, of all event files under a folder."""
    from tensorboard.backend.event_processing import event_accumulator, tag_types

    found = {}
    for run in {path.parent for path in folder.rglob("*tfevents*")}:
        events = event_accumulator.EventAccumulator(str(run), size_guidance={tag_types.TENSORS: 0})
        events.Reload()
        for tag in events.Tags()[tag_types.TENSORS]:
            proto = events.Tensors(tag)[-1].tensor_proto
            values = proto.float_val or np.frombuffer(proto.tensor_content, np.float32)
            found[tag] = float(values[0]) if len(values) else 0.0
    return found


def test_tensorboard_behind_it_shows_its_numbers(keras: Any, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    board = keras.callbacks.TensorBoard(str(tmp_path), write_graph=False)
    compiled(keras, 4).fit(X, Y, verbose=0, callbacks=[mcu.MCUConstraints(SMALL), board])
    shown = scalars(tmp_path)
    assert shown["epoch_mcu_peak_sram_bytes"] == 16 * 16 * 5
    assert shown["epoch_mcu_macs"] == 11_532
    assert shown["epoch_mcu_flash_bytes"] > 0


def test_with_a_log_dir_the_order_of_the_callbacks_does_not_matter(keras: Any, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    board = keras.callbacks.TensorBoard(str(tmp_path / "run"), write_graph=False)
    ours = mcu.MCUConstraints(SMALL, log_dir=tmp_path / "run")
    compiled(keras, 4).fit(X, Y, verbose=0, callbacks=[board, ours])
    shown = scalars(tmp_path)
    assert shown["mcu_peak_sram_bytes"] == 16 * 16 * 5
    assert shown["mcu_macs"] == 11_532
    assert "epoch_loss" in shown
    (tmp_path / "file").write_text("")
    blocked = mcu.MCUConstraints(SMALL, log_dir=tmp_path / "file")
    with pytest.raises(mcu.McuNetError, match="cannot write to"):
        compiled(keras, 4).fit(X, Y, verbose=0, callbacks=[blocked])


def test_keras_tuner_copies_it_for_every_trial_and_reports_its_numbers(tmp_path: Path) -> None:
    keras, tuners = pytest.importorskip("keras"), pytest.importorskip("keras_tuner")

    def hypermodel(choice: Any) -> Any:
        return compiled(keras, choice.Choice("width", [2, 4]))

    tuner = tuners.GridSearch(hypermodel, "loss", max_trials=2, directory=tmp_path, overwrite=True)
    ours = mcu.MCUConstraints(SMALL, log_dir=tmp_path / "logs")
    tuner.search(X, Y, epochs=1, verbose=0, callbacks=[ours])
    trials = tuner.oracle.trials.values()
    assert {trial.status for trial in trials} == {"COMPLETED"}
    needs = {
        trial.hyperparameters.get("width"): trial.metrics.get_best_value("mcu_peak_sram_bytes")
        for trial in trials
    }
    assert needs == {2: 16 * 16 * 3, 4: 16 * 16 * 5}
    assert ours.report is None


def test_a_device_is_found_by_name() -> None:
    assert mcu.MCUConstraints("STM32F746").max_sram_bytes == 327_680


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"target": "no such board"}, "no such board"),
        ({"target": None}, "expected a target"),
        ({"target": SMALL, "schedule": "fast"}, "expected schedule to be one of"),
        ({"target": SMALL, "max_macs": 0}, "max_macs to be a positive integer"),
        ({"target": SMALL, "max_sram_bytes": True}, "max_sram_bytes to be a positive integer"),
        ({"target": SMALL, "max_flash_bytes": 2.5}, "max_flash_bytes to be a positive integer"),
    ],
)
def test_wrong_arguments_are_told_when_it_is_made(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(mcu.UsageError, match=says):
        mcu.MCUConstraints(**arguments)
