"""Strategies that look at the data first: their trials fit, begin with the supernet's weights, and are resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tflm_mcunet as mcu
from tflm_mcunet import datasets
from tflm_mcunet.errors import UsageError
from tflm_mcunet.targets import Target
from tflm_mcunet.tinynas.architecture import Architecture, Block
from tflm_mcunet.tinynas.budget import Budget
from tflm_mcunet.tinynas.data_strategies import data_strategy
from tflm_mcunet.tinynas.space import Space, Stage
from tflm_mcunet.tinynas.strategies import EvolutionStrategy

SPACE = Space("tiny", (8, 8, 1), 10, (Stage(16, 2, (1, 2), (3, 5), (2, 3)),), stem_channels=8, stem_stride=1)
BOARD = Target("board", sram=6_000, flash=42_000, core="cortex-m4")


@pytest.fixture(scope="module")
def digits() -> tuple[Any, Any]:
    x, y, x_validation, y_validation = datasets.load("digits").with_validation(0.2, seed=0)
    return (x[:480], y[:480]), (x_validation, y_validation)


def test_trials_are_the_supernets_best_networks_with_its_weights(
    digits: tuple[Any, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one_hot = [(x, np.eye(10, dtype=np.float32)[y]) for x, y in digits]
    arguments = {
        "train_data": one_hot[0],
        "validation_data": one_hot[1],
        "space": SPACE,
        "strategy": "supernet",
        "epochs": 2,
        "learning_rate": 1e-9,  # so that a trial shows what it began with
        "directory": tmp_path,
        "with_tensorboard": False,
    }
    found = mcu.TinyNAS.search(BOARD, max_trials=2, **arguments)
    assert len(found.rows) == 2 and found.best_score > 0.4, (
        "ten classes: a network from scratch would be at 0.1"
    )
    saved = (tmp_path / "supernet" / "supernet.npz").stat().st_mtime_ns
    more = mcu.TinyNAS.search(BOARD, max_trials=3, **arguments)
    assert len(more.rows) == 3 and (tmp_path / "supernet" / "supernet.npz").stat().st_mtime_ns == saved
    assert len({row.blocks for row in more.rows}) == 3
    assert all(row.sram_bytes <= BOARD.sram and row.flash_bytes <= (BOARD.flash or 0) for row in more.rows)


def test_the_warm_start_without_training_prefers_networks_that_tell_samples_apart(
    digits: tuple[Any, Any],
) -> None:
    several = Space("two", (8, 8, 1), 10, SPACE.stages, (4, 8), (1.0,), 8, 3, 1)
    space, strategy = data_strategy("zero-cost", several, Budget.of("STM32F411"), *digits, samples=10)
    assert space.resolutions == (8,), "the resolution at which networks compute more"
    assert isinstance(strategy, EvolutionStrategy) and strategy.proxy is not None
    narrow = Architecture((8, 8, 1), 10, 2, 3, 2, (Block(2, 2, 3, 2),))
    wide = Architecture((8, 8, 1), 10, 16, 3, 1, (Block(24, 64),))
    assert strategy.proxy(narrow) < strategy.proxy(wide)


def test_unknown_names_and_several_workers_are_refused(
    digits: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="one of supernet, zero-cost"):
        data_strategy("magic", SPACE, Budget.of("STM32F411"), *digits)
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    with pytest.raises(UsageError, match="one process"):
        mcu.TinyNAS.search(
            BOARD, train_data=digits[0], validation_data=digits[1], strategy="supernet", directory=tmp_path
        )
