"""Keras Tuner's own oracles under a constraint: nothing that does not fit is ever proposed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tflm_mcunet.errors import ConstraintError, UsageError
from tflm_mcunet.targets import Target
from tflm_mcunet.tinynas.budget import Budget, MemoryOracle
from tflm_mcunet.tinynas.constrain import constrained, hypermodel_fits
from tflm_mcunet.tinynas.hosting import keras_tuner

OBJECTIVE = keras_tuner.Objective("score", "max")
ORACLES = {
    "random": lambda hp: keras_tuner.oracles.RandomSearchOracle(
        OBJECTIVE, max_trials=20, seed=1, hyperparameters=hp
    ),
    "bayesian": lambda hp: keras_tuner.oracles.BayesianOptimizationOracle(
        OBJECTIVE, max_trials=10, num_initial_points=9, seed=1, hyperparameters=hp
    ),
    "hyperband": lambda hp: keras_tuner.oracles.HyperbandOracle(
        OBJECTIVE, max_epochs=4, seed=1, hyperparameters=hp
    ),
    "grid": lambda hp: keras_tuner.oracles.GridSearchOracle(OBJECTIVE, hyperparameters=hp),
}


def space() -> Any:
    hp = keras_tuner.HyperParameters()
    hp.Int("a", 0, 9, default=9)
    hp.Int("b", 0, 9, default=9)
    return hp


def run(oracle: Any, folder: Path) -> list[dict]:
    oracle.verbose = 0
    oracle._set_project_dir(str(folder), "trials")
    values = []
    for _ in range(200):
        trial = oracle.create_trial("tuner0")
        if trial.status != "RUNNING":
            return values
        values.append(trial.hyperparameters.values)
        oracle.update_trial(trial.trial_id, {"score": float(values[-1]["a"] + values[-1]["b"])})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    raise AssertionError("the search does not end")


def fits(values: Any) -> bool:
    return bool(values["a"] + values["b"] <= 6)


@pytest.mark.parametrize("name", ORACLES)
def test_an_oracle_proposes_only_what_fits(name: str, tmp_path: Path) -> None:
    oracle = constrained(ORACLES[name](space()), fits)
    assert isinstance(oracle, keras_tuner.Oracle)
    values = run(oracle, tmp_path)
    assert len(values) >= 8
    assert all(fits(drawn) for drawn in values)
    assert oracle.rejected > 0
    if name == "grid":
        pairs = [(drawn["a"], drawn["b"]) for drawn in values]
        assert len(set(pairs)) == len(pairs) == sum(a + b <= 6 for a in range(10) for b in range(10))
    if name == "hyperband":  # promotions go on from what a trial of the round before has trained
        promoted = [drawn for drawn in values if drawn["tuner/initial_epoch"]]
        assert promoted and all(drawn["tuner/trial_id"] for drawn in promoted)


@pytest.mark.parametrize("name", ORACLES)
def test_if_nothing_fits_the_search_ends_with_an_error(name: str, tmp_path: Path) -> None:
    oracle = constrained(ORACLES[name](space()), lambda values: False, most_rejected=500)
    with pytest.raises(ConstraintError, match="candidates fits"):
        run(oracle, tmp_path)


def test_a_users_own_hypermodel_is_built_and_planned() -> None:
    keras = pytest.importorskip("keras")

    def build(hp: Any) -> Any:
        layers = keras.layers
        return keras.Sequential(
            [
                keras.Input((16, 16, 3)),
                layers.Conv2D(hp.Int("filters", 4, 64, 4), 3, padding="same", activation="relu"),
                layers.Flatten(),
                layers.Dense(hp.Int("classes", 2, 512)),
            ]
        )

    memory = MemoryOracle(Budget(Target("small", 16_000, 128_000, core="cortex-m4"), 16_000, 128_000))
    verdict = hypermodel_fits(build, memory)
    assert verdict({"filters": 8, "classes": 2})
    assert not verdict({"filters": 64, "classes": 2})  # SRAM
    asked = memory.asked
    assert not verdict({"filters": 16, "classes": 512})  # flash, seen before anything is converted
    assert memory.asked == asked == 2


def test_what_is_no_oracle_is_refused() -> None:
    with pytest.raises(UsageError, match=r"keras_tuner\.Oracle"):
        constrained(object(), fits)
