"""The whole search: what it proposes fits exactly, a kill loses nothing, and the winner can be trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tflm_mcunet import datasets
from tflm_mcunet.errors import ConstraintError, UsageError
from tflm_mcunet.targets import Target
from tflm_mcunet.tinynas.budget import Budget, MemoryOracle
from tflm_mcunet.tinynas.evolution import Settings
from tflm_mcunet.tinynas.space import Space, Stage
from tflm_mcunet.tinynas.supernet_search import search_supernet
from tflm_mcunet.tinynas.supernet_training import Training

SPACE = Space(
    "small",
    (8, 8, 1),
    10,
    (Stage(16, 2, (1, 2), (3, 5), (2, 3)), Stage(24, 2, (1, 2), (3, 5), (2, 3))),
    widths=(0.5, 1.0),
    stem_channels=16,
    stem_stride=1,
)
BOARD = Target("board", sram=7_000, flash=50_000, core="cortex-m4")
PLAN = {
    "training": Training(largest_epochs=2, epochs=2, learning_rate=5e-3),
    "evolution": Settings(8, 4, 4, 4, iterations=2),
    "samples": 20,
    "schedules": ("layer", "stream"),
}


@pytest.fixture(scope="module")
def digits() -> tuple[Any, Any]:
    x, y, x_validation, y_validation = datasets.load("digits").with_validation(0.2, seed=0)
    return (x[:600], y[:600]), (x_validation, y_validation)


def test_a_search_ends_with_networks_that_fit_and_continues_after_a_kill(
    digits: tuple[Any, Any], tmp_path: Path
) -> None:
    told: list[str] = []

    def killed_in_evolution(what: str, value: float) -> None:
        told.append(what)
        if what.startswith("evolution: generation 1"):
            raise KeyboardInterrupt

    budget = Budget.of(BOARD)
    with pytest.raises(KeyboardInterrupt):
        search_supernet(SPACE, budget, *digits, **PLAN, directory=tmp_path, on_progress=killed_in_evolution)
    assert told[0].startswith("space: resolution 8") and "supernet: subnets, epoch 2" in told
    later: list[str] = []
    found = search_supernet(
        SPACE, budget, *digits, **PLAN, directory=tmp_path, on_progress=lambda what, _: later.append(what)
    )
    assert [what for what in later if what.startswith(("supernet", "evolution"))] == [
        "evolution: generation 2"
    ]
    assert found.ranking is not None and found.space == found.ranking.winner()
    assert len(found.candidates) > 8
    for candidate in found.candidates:
        oracle = MemoryOracle(Budget.of(BOARD, schedule=candidate.schedule))
        assert not oracle.why_not(candidate.architecture)
        assert found.space.architecture(candidate.choices) == candidate.architecture
    assert not all(
        MemoryOracle(budget).fits(found.space.architecture(found.space.sample(r))) for r in draws(30)
    )
    accuracies = [candidate.accuracy for candidate in found.candidates]
    assert accuracies == sorted(accuracies, reverse=True) and found.best.accuracy > 0.5
    assert found.supernet.accuracy(found.best.choices, *digits[1]) == pytest.approx(found.best.accuracy)


def draws(count: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(count)]


def test_nothing_is_trained_where_nothing_fits(digits: tuple[Any, Any]) -> None:
    tiny = Budget.of(Target("tiny", sram=2_000, flash=40_000, core="cortex-m4"))
    with pytest.raises(ConstraintError, match="fits"):
        search_supernet(SPACE.restricted(8, 1.0), tiny, *digits, evolution=Settings(redraws=20))
    with pytest.raises(ConstraintError, match="none of 20 networks drawn"):
        search_supernet(SPACE, tiny, *digits, samples=10)


def test_data_of_another_size_needs_a_way_to_resize(digits: tuple[Any, Any]) -> None:
    wide = Space("wide", (16, 16, 1), 10, SPACE.stages)
    with pytest.raises(UsageError, match="16 x 16"):
        search_supernet(wide, Budget.of("STM32F411"), *digits)
