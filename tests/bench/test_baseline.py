"""No count has grown by more than 1 % since the baseline; `python benchmarks/baseline.py --renew` renews it."""

from __future__ import annotations

from pathlib import Path

import baseline
import pytest

from tflm_mcunet.bench.baseline import regressions

HINT = "if it is meant: .venv/bin/python benchmarks/baseline.py --renew, and commit benchmarks/baseline.json"


@pytest.fixture(scope="module")
def stored() -> dict[str, dict[str, int]]:
    kept = baseline.stored()
    if kept["compilers"] != baseline.compilers():
        pytest.skip(f"the baseline is of {kept['compilers']}, here are {baseline.compilers()}")
    return kept["counts"]


@pytest.mark.parametrize("board", baseline.BOARDS)
def test_built_networks_execute_no_more_than_the_baseline(board: str, stored) -> None:
    found = regressions(stored, baseline.built_counts(board))
    assert not found, "\n".join([*found, HINT])


def test_reference_models_execute_no_more_than_the_baseline(shared_models: Path, stored, monkeypatch) -> None:
    monkeypatch.setenv("TFLM_MCUNET_MODELS", str(shared_models))
    found = regressions(stored, baseline.reference_counts())
    assert not found, "\n".join([*found, HINT])


def test_a_count_that_grows_by_more_than_a_percent_is_found() -> None:
    before = {"net": {"instructions": 10_000, "code": 500}, "other": {"code": 1}}
    assert regressions(before, {"net": {"instructions": 10_100, "code": 400, "new class": 9}}) == []
    assert regressions(before, {"net": {"instructions": 10_101, "code": 506}}) == [
        "net: instructions 10,000 -> 10,101 (+1.0 %)",
        "net: code 500 -> 506 (+1.2 %)",
    ]
    assert regressions(before, {"third": {"code": 1}}) == ["third: not in the baseline"]
