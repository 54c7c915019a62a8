"""`TinyNAS.search`: from data to a deployed network; killed, interrupted, out of disk, with bad data."""

from __future__ import annotations

import csv
import json
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import search_script

import tflm_mcunet as mcu
from tflm_mcunet.errors import ConstraintError, McuNetError, UsageError
from tflm_mcunet.tinynas.data import check_data

SCRIPT = Path(__file__).with_name("search_script.py")


def test_the_best_network_goes_all_the_way_to_the_device(tmp_path: Path) -> None:
    told: list[Any] = []
    result = search_script.search(str(tmp_path), 2, progress=told.append)
    assert [t.finished for t in told] == [1, 2]
    assert "trial 2/2" in str(told[1])
    assert result.best_score == max(row.score for row in result.rows) == told[1].best
    int8 = mcu.quantize(result.best_model, search_script.data()[0])
    conversion = mcu.export_tinyengine(int8, tmp_path / "model.tflite", "STM32F411", schedule="layer")
    x, y = search_script.data(2)
    run = mcu.run(conversion, result.prepare(x), on="qemu:cortex-m4")
    assert run.sram.total <= result.best_need.sram_bytes <= 9_000
    assert run.flash.total <= result.best_need.flash_bytes
    assert run.macs == result.best_need.macs
    assert abs(np.mean(run.outputs[0].argmax(axis=1) == y) - result.evaluate(x, y)) <= 0.1
    rows = list(csv.DictReader((tmp_path / "leaderboard.csv").open()))
    assert [row["trial"] for row in rows] == [row.trial for row in result.rows]
    page = (tmp_path / "leaderboard.html").read_text()
    assert page.count("<circle") == 3 * 2
    assert "http" not in page.replace("http-equiv", "")
    with pytest.raises(UsageError, match="other settings: seed"):
        search_script.search(str(tmp_path), 2, seed=5)


def test_a_killed_search_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    def start() -> subprocess.Popen:
        command = [sys.executable, str(SCRIPT), str(tmp_path), "3"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    first = start()
    assert first.stdout is not None
    assert "trial 1/3" in first.stdout.readline()
    first.send_signal(signal.SIGKILL)  # in the second trial
    first.communicate()
    state = json.loads((tmp_path / "trials" / "oracle.json").read_text())
    assert state["end_order"] == ["0"]
    before = (tmp_path / "trials" / "trial_0" / "trial.json").read_bytes()
    second = start()
    out, err = second.communicate(timeout=300)
    assert second.returncode == 0, err
    assert [line.split(":")[0] for line in out.splitlines()] == ["trial 2/3", "trial 3/3"]
    assert (tmp_path / "trials" / "trial_0" / "trial.json").read_bytes() == before
    assert len(list(csv.DictReader((tmp_path / "leaderboard.csv").open()))) == 3


def test_ctrl_c_keeps_what_was_searched(tmp_path: Path) -> None:
    def interrupt(told: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search_script.search(str(tmp_path), 2, progress=interrupt)
    assert len(list(csv.DictReader((tmp_path / "leaderboard.csv").open()))) == 1
    told: list[Any] = []
    result = search_script.search(str(tmp_path), 2, progress=told.append)
    assert [t.finished for t in told] == [2]
    assert len(result.rows) == 2


def test_a_full_disk_is_an_error_that_names_it_and_loses_nothing(tmp_path: Path) -> None:
    search_script.search(str(tmp_path), 1)
    before = sorted((p, p.read_bytes()) for p in tmp_path.rglob("trial_0/*"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, hard))  # no page, no checkpoint fits
    try:
        with pytest.raises(McuNetError, match="cannot write") as error:
            search_script.search(str(tmp_path), 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "make room" in error.value.hint
    assert sorted((p, p.read_bytes()) for p in tmp_path.rglob("trial_0/*")) == before
    assert len(search_script.search(str(tmp_path), 2).rows) == 2


def test_a_loss_that_is_no_number_ends_the_search_with_advice(tmp_path: Path) -> None:
    with pytest.raises(McuNetError, match=r"3 trials in a row failed; .* not a number") as error:
        search_script.search(str(tmp_path), 5, learning_rate=1e38)
    assert "learning_rate" in error.value.hint
    rows = list(csv.DictReader((tmp_path / "leaderboard.csv").open()))
    assert [row["status"] for row in rows] == ["FAILED"] * 3


def test_if_no_network_fits_nothing_is_trained(tmp_path: Path) -> None:
    with pytest.raises(ConstraintError, match=r"no network of the space 'small'"):
        search_script.search(str(tmp_path), 2, sram_constraint=2_000)
    assert not list(tmp_path.rglob("*.npz"))


X, Y = search_script.data()


@pytest.mark.parametrize(
    "train, message",
    [
        (None, "expected (x, y)"),
        ((X, Y[:-1]), "a label for each of 48 samples"),
        ((X, Y[:, None, None]), "a label for each"),
        ((X, Y - 1), "labels 0, 1, 2"),
        ((X, Y + 0.5), "labels 0, 1, 2"),
        ((X, np.array(["a"] * 48)), "finite numbers"),
        ((X, np.ones((48, 3))), "do not sum to 1"),
        ((X, np.zeros(48)), "at least 2 classes"),
        ((X[:, 0, 0], Y), "expected samples as numbers"),
        ((np.where(X > 0.5, np.nan, X), Y), "NaN or infinity"),
        ((X[:, :4], Y), "samples of (4, 8, 1)"),
        ((X, np.eye(2)[Y]), "labels of (2,)"),
        ((X[:0], Y[:0]), "expected samples as numbers"),
        ("digits", "expected (x, y)"),
    ],
)
def test_bad_data_is_refused_with_what_was_expected(train: Any, message: str) -> None:
    with pytest.raises(UsageError) as error:
        check_data(train, (X, Y))
    assert message in error.value.message


def test_series_images_and_datasets_are_understood() -> None:
    tensorflow = pytest.importorskip("tensorflow")
    series = np.zeros((6, 29, 12), np.float32)
    labels = np.arange(6) % 3
    assert check_data((series, labels), (series, labels)).input_shape == (29, 1, 12)
    images = np.zeros((6, 16, 16), np.uint8)
    data = check_data((images, np.eye(3)[labels]), (images, np.eye(3)[labels]))
    assert (data.input_shape, data.classes, data.is_one_hot, data.is_series) == ((16, 16, 1), 3, True, False)
    batches = [x.shape for x, _ in data.fit_arguments(4)["x"]]
    assert batches == [(4, 16, 16, 1)] * 2
    dataset = tensorflow.data.Dataset.from_tensor_slices((images, labels)).batch(4)
    assert check_data(dataset, dataset).x_train.shape == (6, 16, 16, 1)
    assert data.at((8, 8, 1)).x_train.shape == (6, 8, 8, 1)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"max_trials": 0}, "max_trials"),
        ({"epochs": True}, "epochs"),
        ({"objective": "accuracy"}, "objective"),
        ({"space": "nasbench"}, "expected space"),
        ({"space": "mcunet"}, "48 pixels"),
        ({"target_device": "abacus"}, "abacus"),
        ({"flash_constraint": 10**9}, "at most"),
        ({"strategy": "luck"}, "strategy"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(
    wrong: dict, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        search_script.search(str(tmp_path), **{"max_trials": 1, **wrong})
    assert not list(tmp_path.iterdir())


def test_an_error_of_the_disk_in_a_trial_is_no_failed_trial(tmp_path: Path) -> None:
    result = search_script.search(str(tmp_path), 1, epochs=1)
    result.checkpoint.unlink()
    result.checkpoint.mkdir()  # cannot be replaced by a file
    for path, changes in (("oracle.json", {"end_order": []}), ("trial_0/trial.json", {"status": "RUNNING"})):
        file = tmp_path / "trials" / path
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    with pytest.raises(McuNetError, match=r"cannot write .*weights"):
        search_script.search(str(tmp_path), 1, epochs=1)
