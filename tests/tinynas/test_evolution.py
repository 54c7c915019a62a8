"""Evolution: every candidate fits, the seed decides everything, a kill at any moment loses nothing."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tflm_mcunet.errors import ConstraintError, McuNetError, UsageError
from tflm_mcunet.tinynas.evolution import Evolved, Settings, evolve
from tflm_mcunet.tinynas.state_files import append_line, load_json, read_lines, save_json

CHOICES = {f"gene{i}": (0, 1, 2, 3) for i in range(8)}
SMALL = Settings(population=12, parents=4, crossovers=5, mutations=5, iterations=4)


def weight(genes: Any) -> int:
    return sum(genes.values())


def light(genes: Any) -> bool:
    return weight(genes) <= 14


def score(genes: Any) -> float:
    return sum(value * (i + 1) for i, value in enumerate(genes.values()))


def test_the_defaults_are_the_published_ones() -> None:
    assert Settings() == Settings(100, 20, 50, 50, 0.1, 30)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_candidate_fits_and_none_is_evaluated_twice(seed: int) -> None:
    asked: list[Any] = []
    found = evolve(CHOICES, light, lambda genes: asked.append(genes) or score(genes), SMALL, seed=seed)
    assert asked and all(light(genes) for genes in asked)
    assert len({str(genes) for genes in asked}) == len(asked) == len(found.evaluated)
    assert found.best.fitness == max(one.fitness for one in found.evaluated)
    assert [line["best"] for line in found.history] == sorted(line["best"] for line in found.history)


def test_each_generation_has_as_many_candidates_as_the_settings_say() -> None:
    counts: list[int] = []
    found = evolve(
        {f"gene{i}": range(8) for i in range(20)},
        lambda _: True,
        score,
        SMALL,
        on_generation=lambda _, state: counts.append(len(state.evaluated)),
    )
    assert counts == [12, 22, 32, 42, 52]
    assert len(found.population) == 4


def test_mutation_changes_about_the_share_of_genes_that_was_asked_for() -> None:
    parent = dict.fromkeys(CHOICES, 0)
    only = Settings(
        population=1, parents=1, crossovers=0, mutations=2000, mutation_probability=0.25, iterations=1
    )
    # The parent alone is fit, so every later candidate is its mutant; three of four new values differ.
    found = evolve(
        CHOICES,
        lambda _: True,
        lambda g: float(weight(g) == 0),
        only,
        initial=[parent],
        key=lambda g: str(id(g)),
    )
    changed = np.mean([np.mean([v != 0 for v in one.genes.values()]) for one in found.evaluated[1:]])
    assert changed == pytest.approx(0.25 * 0.75, abs=0.01)


def test_it_finds_better_candidates_than_as_many_random_draws() -> None:
    many = {f"gene{i}": tuple(range(8)) for i in range(20)}
    plan = Settings(population=50, parents=10, crossovers=25, mutations=25, iterations=15)
    better = 0
    for seed in range(3):
        found = evolve(many, lambda g: weight(g) < 90, score, plan, seed=seed)
        random = evolve(
            many, lambda g: weight(g) < 90, score, Settings(len(found.evaluated), iterations=0), seed=seed
        )
        better += found.best.fitness > random.best.fitness
    assert better == 3


def test_one_seed_gives_one_search() -> None:
    one, same, other = (evolve(CHOICES, light, score, SMALL, seed=seed) for seed in (3, 3, 4))
    assert one == same
    assert one.evaluated != other.evaluated


@pytest.mark.parametrize("at", [1, 7, 12, 13, 20, 31])
def test_a_search_that_was_interrupted_ends_like_one_that_was_not(at: int, tmp_path: Path) -> None:
    whole, asked = evolve(CHOICES, light, score, SMALL, seed=5), []

    def fitness(genes: Any) -> float:
        asked.append(dict(genes))
        if len(asked) == at:
            raise KeyboardInterrupt
        return score(genes)

    with pytest.raises(KeyboardInterrupt):
        evolve(CHOICES, light, fitness, SMALL, seed=5, directory=tmp_path)
    assert evolve(CHOICES, light, fitness, SMALL, seed=5, directory=tmp_path) == whole
    assert len(asked) == len(whole.evaluated) + 1, "only the one that was cut short is evaluated again"
    assert evolve(CHOICES, light, fitness, SMALL, seed=5, directory=tmp_path) == whole
    assert len(asked) == len(whole.evaluated) + 1


_KILLED = """
import sys, time
sys.path.insert(0, sys.argv[2])
from test_evolution import CHOICES, SMALL, evolve, light, score
def slow(genes):
    time.sleep(0.02)
    return score(genes)
evolve(CHOICES, light, slow, SMALL, seed=5, directory=sys.argv[1])
"""


def test_a_search_that_was_killed_continues(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    process = subprocess.Popen([sys.executable, "-c", _KILLED, str(tmp_path), here])
    log = tmp_path / "candidates.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(list(read_lines(log))) < 15:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    known = len(list(read_lines(log)))
    assert known >= 15
    asked: list[Any] = []
    found = evolve(CHOICES, light, lambda g: asked.append(g) or score(g), SMALL, seed=5, directory=tmp_path)
    assert found == evolve(CHOICES, light, score, SMALL, seed=5)
    assert len(asked) == len(found.evaluated) - known


def test_more_iterations_continue_a_search_and_another_search_is_refused(tmp_path: Path) -> None:
    evolve(CHOICES, light, score, SMALL, directory=tmp_path)
    longer = Settings(12, 4, 5, 5, iterations=6)
    assert evolve(CHOICES, light, score, longer, directory=tmp_path) == evolve(CHOICES, light, score, longer)
    with pytest.raises(UsageError, match="another seed"):
        evolve(CHOICES, light, score, SMALL, seed=1, directory=tmp_path)


def test_where_nothing_fits_the_search_says_so_after_a_bounded_number_of_draws() -> None:
    draws: list[Any] = []
    with pytest.raises(ConstraintError, match="none of 50 drawn candidates fits") as error:
        evolve(CHOICES, lambda g: bool(draws.append(g)), score, Settings(redraws=50))
    assert len(draws) == 50 and "resolution" in error.value.hint


def test_a_space_smaller_than_the_population_is_searched_to_the_end() -> None:
    found = evolve({"a": (0, 1, 2)}, lambda g: g["a"] != 1, lambda g: g["a"], Settings(iterations=2))
    assert [one.genes["a"] for one in found.population] == [2, 0]
    assert len(found.evaluated) == 2


def test_a_fitness_that_is_no_number_ranks_last(tmp_path: Path) -> None:
    def fitness(genes: Any) -> float:
        return math.nan if genes["a"] else -5.0

    for _ in range(2):  # the second time from the files
        found = evolve({"a": (0, 1)}, lambda _: True, fitness, Settings(4, 2, 0, 0), directory=tmp_path)
        assert [one.fitness for one in found.population] == [-5.0, -math.inf]


def test_a_warm_start_is_the_first_generation_as_far_as_it_fits() -> None:
    fits, heavy = dict.fromkeys(CHOICES, 1), dict.fromkeys(CHOICES, 3)
    partial = {"gene0": 1}
    found = evolve(
        CHOICES, light, score, Settings(6, 2, 0, 0, iterations=0), initial=[heavy, fits, fits, partial]
    )
    assert found.evaluated[0].genes == fits
    assert len(found.evaluated) == 6 and all(light(one.genes) for one in found.evaluated)


@pytest.mark.parametrize(
    "change", [{"population": 0}, {"parents": 0}, {"mutation_probability": 0.0}, {"iterations": -1}]
)
def test_settings_that_make_no_search_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Settings(**change)


def test_a_gene_without_a_value_is_refused() -> None:
    with pytest.raises(UsageError):
        evolve({"a": ()}, light, score)


def test_progress_is_told() -> None:
    told: list[tuple[int, float]] = []

    def on_generation(number: int, state: Evolved) -> None:
        told.append((number, state.best.fitness))

    found = evolve(CHOICES, light, score, SMALL, on_generation=on_generation)
    assert [number for number, _ in told] == [0, 1, 2, 3, 4]
    assert told[-1][1] == found.best.fitness


def test_state_files_survive_torn_lines_and_refuse_what_they_do_not_understand(tmp_path: Path) -> None:
    log, state = tmp_path / "log", tmp_path / "state.json"
    append_line(log, {"a": 1})
    with log.open("ab") as file:
        file.write(b'{"a": 2')
    append_line(log, {"a": 3})
    assert list(read_lines(log)) == [{"a": 1}, {"a": 3}]
    assert load_json(state) is None
    save_json(state, {"b": 1})
    assert load_json(state) == {"b": 1}
    state.write_text("[1")
    with pytest.raises(McuNetError, match="cannot read"):
        load_json(state)
    with pytest.raises(McuNetError, match="cannot write"):
        save_json(log / "below a file", {})
