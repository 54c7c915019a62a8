"""Real data that PyPI packages carry: scikit-learn's digits, aeon's time series; read from the installed files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from tflm_mcunet.datasets.dataset import Dataset, stratified
from tflm_mcunet.datasets.ts_file import read_ts
from tflm_mcunet.errors import ToolError

#: Samples of one window of an anomaly series, and from one window to the next.
WINDOW, STEP = 64, 8
#: aeon asks for numba and for older versions of numpy; of it only data files are used, so nothing else is needed.
_AEON_HINT = "pip install --no-deps aeon==1.6.0"


def digits() -> Dataset:
    """1,797 handwritten digits, 8×8 pixels, from UCI's optical recognition set inside scikit-learn.

    Pixels are in [0, 1]. The set comes unsplit; a quarter of each class, drawn by seed 0, is for the test.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ToolError(
            "the data 'digits' is part of scikit-learn, which is not installed", "pip install scikit-learn"
        ) from error
    bunch = load_digits()
    x = (bunch.images[..., None] / 16).astype(np.float32)
    y = bunch.target.astype(np.int64)
    train, test = stratified(y, 0.25, seed=0)
    names = tuple(str(digit) for digit in range(10))
    source = "UCI optical recognition of handwritten digits (test part), in scikit-learn"
    return Dataset("digits", x[train], y[train], x[test], y[test], names, source)


def series(problem: str, folder: str, stem: str) -> Dataset:
    """A classification problem of the UCR/UEA archive inside aeon, in the archive's own split.

    Series are (time, channels), each channel standardised by its mean and deviation over the training part.
    Problems whose series differ in length are taken in the archive's version of equal length.
    """
    train, test = (read_ts(_aeon_file(folder, f"{stem}_{part}.ts")) for part in ("TRAIN", "TEST"))
    names = tuple(sorted(train.class_names, key=lambda name: (len(name) if name.isdigit() else 0, name)))
    mean = train.x.mean(axis=(0, 1))
    deviation = train.x.std(axis=(0, 1))
    x_train, x_test = (((part.x - mean) / deviation).astype(np.float32) for part in (train, test))
    y_train, y_test = (
        np.array([names.index(label) for label in part.labels], np.int64) for part in (train, test)
    )
    source = f"UCR/UEA time series archive, {problem}, in aeon"
    return Dataset(problem, x_train, y_train, x_test, y_test, names, source)


def anomaly() -> Dataset:
    """Windows of one UCR anomaly series (internal bleeding, 16) inside aeon: normal ones, then a test with an anomaly.

    Windows are 64 samples long and begin every 8, standardised by the training part; y is 1 for a window that
    touches the anomaly.
    """
    folder, stem = "KDD-TSAD_135", "135_UCR_Anomaly_InternalBleeding16"
    train, whole = (
        np.loadtxt(_aeon_file(folder, f"{stem}_{part}.csv"), delimiter=",", skiprows=1, ndmin=2)
        for part in ("TRAIN", "TEST")
    )
    test = whole[len(train) :]  # the file called TEST begins with the training part
    mean, deviation = train[:, 1].mean(), train[:, 1].std()

    def windows(column: np.ndarray) -> np.ndarray:
        return np.lib.stride_tricks.sliding_window_view(column, WINDOW)[::STEP]

    x_train, x_test = (
        windows((part[:, 1] - mean) / deviation)[..., None].astype(np.float32) for part in (train, test)
    )
    y_train, y_test = (np.asarray(windows(part[:, 2]).any(axis=1), np.int64) for part in (train, test))
    return Dataset(
        "InternalBleeding16",
        x_train,
        y_train,
        x_test,
        y_test,
        ("normal", "anomaly"),
        "UCR anomaly archive 135, InternalBleeding16, in aeon",
        task="anomaly",
    )


def _aeon_file(folder: str, name: str) -> Path:
    """A data file of the installed aeon, which is not imported."""
    found = importlib.util.find_spec("aeon")
    roots = [] if found is None else list(found.submodule_search_locations or ())
    for root in roots:
        path = Path(root) / "datasets" / "data" / folder / name
        if path.is_file():
            return path
    missing = f"which lacks {folder}/{name}" if roots else "which is not installed"
    raise ToolError(f"the data of {folder} is part of aeon 1.6, {missing}", _AEON_HINT)
