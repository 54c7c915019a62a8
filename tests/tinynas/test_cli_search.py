"""`tflm-mcunet search`: exit codes, JSON on stdout, progress on stderr."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import search_script

from tflm_mcunet.cli import main


@pytest.fixture
def data(tmp_path: Path) -> str:
    x, y = search_script.data()
    path = tmp_path / "data.npz"
    np.savez(path, x_train=x, y_train=y)
    space = tmp_path / "space.json"
    space.write_text(search_script.SPACE.to_json())
    return str(path)


def arguments(data: str, tmp_path: Path, *more: str) -> list[str]:
    folder, space = str(tmp_path / "search"), str(tmp_path / "space.json")
    fixed = ["search", "--target", "STM32F411", "--data", data, "-o", folder, "--space", space]
    return [*fixed, "--max-trials", "1", "--epochs", "1", *more]


def test_a_search_ends_with_a_model_that_fits(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(data, tmp_path, "--sram", "9k", "--json", "-")) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert found["fits"] is True
    assert found["best"]["sram_bytes"] <= 9_000
    assert Path(found["model"]).read_bytes()[4:8] == b"TFL3"
    assert Path(found["leaderboard"]).exists()
    assert "trial 1/1" in shown.err
    assert (tmp_path / "search" / "tensorboard").is_dir()


@pytest.mark.parametrize("strategy", ["supernet", "zero-cost"])
def test_strategies_that_look_at_the_data_first_and_several_schedules(
    strategy: str, data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--sram", "4500", "--strategy", strategy, "--schedule", "layer", "stream", "--json", "-"]
    assert main(arguments(data, tmp_path, *more)) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert found["fits"] is True
    assert found["best"]["sram_bytes"] <= 4_500
    assert found["best"]["schedule"] in ("layer", "stream")
    assert (tmp_path / "search" / "supernet" / "supernet.npz").exists() == (strategy == "supernet")


def test_where_nothing_fits_the_exit_code_says_so(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(data, tmp_path, "--sram", "2k")) == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "no network of the space" in shown.err
    assert "hint: " in shown.err


@pytest.mark.parametrize(
    "wrong", [["--data", "nothing"], ["--image-size", "96"], ["--sram", "1e3"], ["--strategy", "luck"]]
)
def test_bad_arguments_are_bad_input(
    data: str, wrong: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(data, tmp_path, *wrong)) == 2
    assert capsys.readouterr().out == ""
