"""The hosted oracle: only what fits is proposed, one seed gives one search, kills and lost workers cost nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tflm_mcunet.errors import ConstraintError, McuNetError, UsageError
from tflm_mcunet.targets import Target
from tflm_mcunet.tinynas import durable
from tflm_mcunet.tinynas.budget import Budget
from tflm_mcunet.tinynas.oracle import PARENT, TinyNASOracle
from tflm_mcunet.tinynas.space import Space, Stage
from tflm_mcunet.tinynas.strategies import BayesianStrategy, EvolutionStrategy, RandomStrategy

SPACE = Space(
    "small",
    (16, 16, 1),
    4,
    (Stage(8, 2, (1, 2), (3, 5), (2, 3, 6)), Stage(16, 2, (1, 2), (3, 5, 7), (2, 3))),
    widths=(0.5, 1.0, 2.0),
    stem_channels=16,
    stem_stride=1,
)
STRATEGIES = (RandomStrategy(), EvolutionStrategy(pool=8), BayesianStrategy(4, 16))
BUDGET = Budget(Target("small", 64_000, 256_000, core="cortex-m4"), 25_000, 62_000)


def oracle_in(folder: Path, **options: Any) -> TinyNASOracle:
    oracle = TinyNASOracle(**{"space": SPACE, "budget": BUDGET, "max_trials": 9, "seed": 5, **options})
    oracle._set_project_dir(str(folder), "trials")
    return oracle


def finish(oracle: TinyNASOracle, trial: Any, score: float | None = None) -> None:
    """End a trial; bigger networks score better, unless a score is given."""
    score = oracle.architecture_of(trial).macs / 1e7 if score is None else score
    oracle.update_trial(trial.trial_id, {"val_accuracy": score})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


def run(oracle: TinyNASOracle, count: int = 99) -> list[dict]:
    values = []
    while len(values) < count:
        trial = oracle.create_trial("tuner0")
        if trial.status != "RUNNING":
            break
        values.append(trial.hyperparameters.values)
        finish(oracle, trial)
    return values


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_only_what_fits_becomes_a_trial_and_no_network_twice(strategy: Any, tmp_path: Path) -> None:
    oracle = oracle_in(tmp_path, strategy=strategy)
    run(oracle)
    networks = [oracle.architecture_of(trial) for trial in oracle.trials.values()]
    assert len(set(networks)) == len(networks) == 9
    assert all(not oracle.memory.why_not(network) for network in networks)
    assert oracle.memory.kept < oracle.memory.asked
    assert {trial.status for trial in oracle.trials.values()} == {"COMPLETED"}


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_one_seed_gives_one_search_also_when_it_is_resumed(strategy: Any, tmp_path: Path) -> None:
    whole = run(oracle_in(tmp_path / "a", strategy=strategy))
    first = oracle_in(tmp_path / "b", strategy=strategy)
    parts = run(first, 4)
    again = oracle_in(tmp_path / "b", strategy=strategy)
    again.reload()
    parts += run(again)
    assert parts == whole
    assert run(oracle_in(tmp_path / "c", strategy=strategy, seed=6)) != whole


def test_evolution_finds_better_than_its_warm_start_and_names_parents(tmp_path: Path) -> None:
    oracle = oracle_in(tmp_path, max_trials=16)
    values = run(oracle)
    assert all(PARENT not in drawn for drawn in values[:4])
    assert sum(PARENT in drawn for drawn in values[4:]) > 8
    scores = [scored.score for scored in oracle.history()]
    assert max(scores[4:]) >= max(scores[:4])


def test_a_proxy_ranks_the_warm_start(tmp_path: Path) -> None:
    lean = EvolutionStrategy(warm_trials=3, proxy=lambda network: -network.macs)
    small = oracle_macs(oracle_in(tmp_path / "a", strategy=lean))
    large = oracle_macs(oracle_in(tmp_path / "b"))
    assert max(small) < min(large)


def oracle_macs(oracle: TinyNASOracle) -> list[int]:
    run(oracle, 3)
    return [oracle.architecture_of(trial).macs for trial in oracle.trials.values()]


def test_a_space_of_which_nothing_fits_says_what_the_smallest_needs(tmp_path: Path) -> None:
    tight = Budget(BUDGET.target, 1_000, 90_000)
    with pytest.raises(ConstraintError, match=r"smallest one: SRAM: .* budget 1,000") as error:
        oracle_in(tmp_path, budget=tight).create_trial("tuner0")
    assert "smaller widths" in error.value.hint
    with pytest.raises(UsageError, match="evolution"):
        oracle_in(tmp_path, strategy="guess")


def test_a_small_space_ends_when_it_is_exhausted(tmp_path: Path) -> None:
    space = Space("tiny", (8, 8, 1), 2, (Stage(8, 1, (1,), (3, 5), (2, 3)),), stem_channels=8)
    assert len(run(oracle_in(tmp_path, space=space))) == space.size() == 4


def test_what_a_kill_leaves_between_two_files_is_put_right(tmp_path: Path) -> None:
    oracle = oracle_in(tmp_path)
    run(oracle, 2)
    state = Path(oracle._get_oracle_fname()).read_bytes()
    begun = oracle.create_trial("tuner0")  # killed before the state knew of it
    Path(oracle._get_oracle_fname()).write_bytes(state)
    again = oracle_in(tmp_path)
    again.reload()
    repeated = again.create_trial("tuner0")
    assert repeated.trial_id == begun.trial_id
    assert repeated.hyperparameters.values == begun.hyperparameters.values
    state = Path(again._get_oracle_fname()).read_bytes()
    finish(again, repeated)  # killed after the trial was written, before the state was
    Path(again._get_oracle_fname()).write_bytes(state)
    third = oracle_in(tmp_path)
    third.reload()
    assert third.end_order == ["0", "1", "2"]
    assert third.create_trial("tuner0").trial_id == "3"
    assert not list(tmp_path.rglob("*.unfinished"))


def test_a_lost_workers_trial_goes_to_another_and_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(durable.time, "monotonic", lambda: now[0])
    oracle = oracle_in(tmp_path, max_trials=2, lease_seconds=10.0)
    lost, kept = oracle.create_trial("worker1"), oracle.create_trial("worker2")
    now[0] = 8.0
    oracle.get_trial(kept.trial_id)  # a sign of life
    finish(oracle, kept)
    assert oracle.create_trial("worker2").status == "IDLE"  # wait: the other's trial is not done
    now[0] = 11.0
    taken = oracle.create_trial("worker2")
    assert (taken.status, taken.trial_id) == ("RUNNING", lost.trial_id)
    finish(oracle, taken, 0.5)
    finish(oracle, lost, 0.25)  # the worker was slow, not dead
    assert oracle.end_order == [kept.trial_id, lost.trial_id]
    assert oracle.create_trial("worker2").status == "STOPPED"
    assert not oracle.ongoing_trials
    assert oracle.tuner_ids <= {"worker1"}


def test_trials_that_fail_in_a_row_end_the_search_and_are_kept(tmp_path: Path) -> None:
    oracle = oracle_in(tmp_path)
    run(oracle, 1)
    for number in range(3):
        trial = oracle.create_trial("tuner0")
        trial.status, trial.message = "FAILED", "the loss is not a number"
        if number < 2:
            oracle.end_trial(trial)
    with pytest.raises(McuNetError, match=r"3 trials in a row failed; .* not a number"):
        oracle.end_trial(trial)
    again = oracle_in(tmp_path)
    again.reload()
    assert len(again.end_order) == 4
    assert len(again.history()) == 1
