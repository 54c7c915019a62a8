"""Data inside packages: as the archives describe it, split the same way every time, and loaded without a framework."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tflm_mcunet.datasets import Dataset, load, names
from tflm_mcunet.datasets.ts_file import read_ts
from tflm_mcunet.errors import ToolError, UsageError

#: Sizes as the archives state them: (training, test, sample, classes).
SIZES = {
    "digits": (1347, 450, (8, 8, 1), 10),
    "PickupGestureWiimoteZ": (50, 50, (361, 1), 10),
    "BasicMotions": (40, 40, (100, 6), 4),
    "JapaneseVowels": (270, 370, (25, 12), 9),
}


@pytest.fixture(scope="module")
def data() -> dict[str, Dataset]:
    return {name: load(name) for name in names()}


@pytest.mark.parametrize("name", SIZES)
def test_a_set_has_the_size_and_classes_that_its_archive_states(name: str, data: dict[str, Dataset]) -> None:
    found = data[name]
    assert (len(found.x_train), len(found.x_test), found.shape, found.classes) == SIZES[name]
    for x, y in ((found.x_train, found.y_train), (found.x_test, found.y_test)):
        assert x.dtype == np.float32
        assert np.isfinite(x).all()
        assert y.dtype == np.int64
        assert set(y.tolist()) == set(range(found.classes))
    assert found.source


@pytest.mark.parametrize("name", [n for n in SIZES if n != "digits"])
def test_series_are_standardised_by_the_training_part(name: str, data: dict[str, Dataset]) -> None:
    x = data[name].x_train
    np.testing.assert_allclose(x.mean(axis=(0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(axis=(0, 1)), 1, atol=1e-5)


def test_no_digit_is_in_both_parts_and_none_is_lost(data: dict[str, Dataset]) -> None:
    found = data["digits"]
    train, test = ({x.tobytes() for x in part} for part in (found.x_train, found.x_test))
    assert not train & test
    assert len(found.x_train) + len(found.x_test) == 1797
    assert found.x_train.min() == 0
    assert found.x_train.max() == 1


def test_labels_follow_their_names(data: dict[str, Dataset]) -> None:
    assert data["BasicMotions"].class_names == ("Badminton", "Running", "Standing", "Walking")
    assert data["PickupGestureWiimoteZ"].class_names == tuple(str(i) for i in range(1, 11))
    # Who stands moves least: a label given to the wrong series would show here.
    motions = data["BasicMotions"]
    movement = [
        np.abs(np.diff(motions.x_train[motions.y_train == i], axis=1)).mean() for i in range(motions.classes)
    ]
    assert motions.class_names[int(np.argmin(movement))] == "Standing"


def test_an_anomaly_set_is_normal_in_training_and_not_in_the_test(data: dict[str, Dataset]) -> None:
    found = data["InternalBleeding16"]
    assert found.task == "anomaly"
    assert found.shape == (64, 1)
    assert not found.y_train.any()
    # The anomaly is 12 samples long: windows of 64 that begin every 8 touch it 9 or 10 times.
    assert found.y_test.sum() in (9, 10)
    with pytest.raises(UsageError, match="no second split"):
        found.resplit(1)


def test_a_seed_splits_anew_and_the_same_seed_alike() -> None:
    first, again, other, own = (load("basic-motions", seed=seed) for seed in (1, 1, 2, None))
    assert np.array_equal(first.x_test, again.x_test)
    assert not np.array_equal(first.x_test, other.x_test)
    assert np.bincount(first.y_test).tolist() == np.bincount(own.y_test).tolist() == [10] * 4

    def everything(data: Dataset) -> list[bytes]:
        return sorted(x.tobytes() for x in np.concatenate([data.x_train, data.x_test]))

    assert everything(first) == everything(other) == everything(own)


def test_validation_is_cut_from_the_training_part(data: dict[str, Dataset]) -> None:
    found = data["JapaneseVowels"]
    x, y, x_validation, y_validation = found.with_validation(0.2, seed=3)
    assert np.bincount(y_validation).tolist() == [6] * 9
    assert len(x) + len(x_validation) == len(found.x_train)
    assert not {a.tobytes() for a in x_validation} & {a.tobytes() for a in (*x, *found.x_test)}
    assert len(y) == len(x)
    with pytest.raises(UsageError, match="share between 0 and 1"):
        found.with_validation(1.0)


def test_loading_imports_neither_aeon_nor_a_framework() -> None:
    program = (
        "import sys; from tflm_mcunet.datasets import load; load('JapaneseVowels'); "
        "print(sorted({'aeon', 'numba', 'pandas', 'tensorflow', 'keras', 'sklearn'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "package", "says"),
    [("digits", "sklearn.datasets", "pip install scikit-learn"), ("BasicMotions", "aeon", "--no-deps aeon")],
)
def test_a_missing_package_is_told_with_how_to_install_it(
    name: str, package: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolError) as caught:
        load(name)
    assert says in caught.value.hint


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no series"),
        ("@classLabel true a b\n@data\n", "holds no series"),
        ("@classLabel true a b\n@data\n1,2:3,4:a\n1,2:3:b\n", "line 4"),
        ("@classLabel true a b\n@data\n1,2:3,4:c\n", "one of .*'c'"),
        ("@classLabel true a b\n@data\n1,?:3,4:a\n", "no series of numbers"),
        ("@classLabel true a b\n@data\n1,NaN:3,4:a\n", "finite"),
        ("@classLabel true a b\n@data\n1,2:3,4:a\n1:3:b\n", r"expected \(2, 2\)"),
    ],
)
def test_a_damaged_ts_file_is_told_by_line(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "x.ts").write_text(text)
    with pytest.raises(UsageError, match=says):
        read_ts(tmp_path / "x.ts")


def test_a_ts_file_is_read_by_channel_and_time(tmp_path: Path) -> None:
    (tmp_path / "x.ts").write_text("# note\n@classLabel true a b\n\n@data\n1,2,3:4,5,6:b\n7,8,9:0,0,0:a\n")
    series = read_ts(tmp_path / "x.ts")
    assert series.labels == ("b", "a")
    assert series.x.tolist() == [[[1, 4], [2, 5], [3, 6]], [[7, 0], [8, 0], [9, 0]]]
