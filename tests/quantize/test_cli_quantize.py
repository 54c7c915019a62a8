"""The command `quantize`: a model and data in, an INT8 model, its errors and a page out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tflm_mcunet import tflite
from tflm_mcunet.cli import main

RANDOM = np.random.default_rng(1)
X = RANDOM.uniform(-1, 1, (24, 12, 12, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(keras3: Any, network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quantize")
    network(keras3).save(folder / "model.keras")
    np.save(folder / "x.npy", X)
    np.savez(folder / "data.npz", x_train=X, y_train=np.arange(24) % 4)
    return folder


def test_it_writes_an_int8_model_and_shows_the_worst_operators(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "ptq.tflite"
    code = main(
        ["quantize", str(folder / "model.keras"), "--calibration", str(folder / "x.npy"), "-o", str(out)]
    )
    captured = capsys.readouterr()
    assert code == 0, captured.err
    assert f"{out.stat().st_size:,} bytes" in captured.out
    assert "INT8 after PTQ against float, 24 samples" in captured.out
    graph = tflite.read(out)
    assert graph.tensors[graph.inputs[0]].dtype == "int8"


def test_it_fine_tunes_and_sets_both_side_by_side(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, out = folder / "page.html", folder / "qat.tflite"
    files = [str(folder / "model.keras"), "--data", str(folder / "data.npz"), "-o", str(out)]
    code = main(["quantize", *files, "--qat", "--epochs", "1", "--html", str(page), "--json", "-"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    payload = json.loads(captured.out)
    assert payload["method"] == "qat"
    assert len(payload["history"]["loss"]) == 1
    assert payload["bytes"] == out.stat().st_size
    ratios = [layer["sqnr_db"] for layer in payload["report"]["layers"]]
    assert ratios == sorted(ratios)
    text = page.read_text()
    assert text.index("Post-training quantisation") < text.index("Quantisation-aware training")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "either --calibration X.npy or --data DATA"),
        (["--calibration", "x.npy", "--data", "data.npz"], "either"),
        (["--calibration", "x.npy", "--qat"], "--qat needs labels"),
        (["--data", "mnist"], "got 'mnist'"),
        (["--data", "digits"], "expected shape"),
        (["--data", "data.npz", "--qat", "--epochs", "0"], "epochs to be a positive integer"),
    ],
)
def test_what_it_cannot_use_is_told(
    folder: Path,
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    assert main(["quantize", "model.keras", "-o", "none.tflite", *arguments]) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert "hint: " in captured.err
    assert not (folder / "none.tflite").exists()


def test_a_missing_model_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", X)
    code = main(
        ["quantize", str(tmp_path / "no.keras"), "-o", "none", "--calibration", str(tmp_path / "x.npy")]
    )
    assert code == 2
    assert "no such model" in capsys.readouterr().err
