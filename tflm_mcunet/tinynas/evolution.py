"""Evolutionary search over named choices: every offspring fits, the seed decides everything, a kill loses nothing.

The algorithm is that of MCUNet's search on a supernet (Lin et al. 2020, after Once-for-All, Cai et al. 2020): of each
generation the best `parents` stay; half of the next one are crossovers of two of them, half mutations of one.

Each generation draws from a generator of its own, seeded by (seed, generation). So the state between two generations is
the population alone, and a generation that was interrupted draws the same candidates again; those already evaluated
are read from a log.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet.errors import UsageError
from tflm_mcunet.tinynas.breeding import Breeder, Choices, Genes
from tflm_mcunet.tinynas.state_files import append_line, load_json, read_lines, save_json

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """How an evolution runs; the defaults are the published ones.

    Args:
        population: int. Candidates of the first generation.
        parents: int. The best that stay, and breed.
        crossovers, mutations: int. Offspring of each generation.
        mutation_probability: float. Of each gene to be drawn anew in a mutation.
        iterations: int. Generations after the first.
        redraws: int. Draws for one candidate that fits before the search gives up.
    """

    population: int = 100
    parents: int = 20
    crossovers: int = 50
    mutations: int = 50
    mutation_probability: float = 0.1
    iterations: int = 30
    redraws: int = 2_000

    def __post_init__(self) -> None:
        for name in ("population", "parents", "redraws"):
            if getattr(self, name) < 1:
                raise UsageError(f"Expected {name} to be at least 1, got {getattr(self, name)}.")
        if min(self.crossovers, self.mutations, self.iterations) < 0:
            raise UsageError("Expected crossovers, mutations and iterations to be at least 0.")
        if not 0 < self.mutation_probability <= 1:
            raise UsageError(
                f"Expected mutation_probability in (0, 1], got {self.mutation_probability}.",
                "0.1 is the published one",
            )


@dataclass(frozen=True)
class Individual:
    """A candidate with its fitness; higher is better, -inf where it was no finite number."""

    genes: dict[str, Any]
    fitness: float


@dataclass
class Evolved:
    """What an evolution has found.

    Args:
        population: list of Individual. The last generation's survivors, best first.
        evaluated: list of Individual. Every candidate, in the order of evaluation.
        history: list of dict. For each generation its best and median fitness, and how many draws were rejected.
    """

    population: list[Individual] = field(default_factory=list)
    evaluated: list[Individual] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def best(self) -> Individual:
        """The fittest candidate of all."""
        return self.population[0]


def evolve(
    choices: Choices,
    fits: Callable[[Genes], bool],
    fitness: Callable[[Genes], float],
    settings: Settings | None = None,
    *,
    seed: int = 0,
    initial: Iterable[Genes] = (),
    key: Callable[[Genes], str] | None = None,
    directory: Path | str | None = None,
    on_generation: Callable[[int, Evolved], None] | None = None,
    on_candidate: Callable[[Individual], None] | None = None,
) -> Evolved:
    """Search for the genes of highest fitness among those that fit.

    Args:
        choices: mapping. Gene -> its values, which JSON can hold.
        fits: callable. Genes -> whether the candidate may be evaluated at all. Must be deterministic.
        fitness: callable. Genes -> float, higher is better; NaN and infinities rank last.
        settings: Settings or None.
        seed: int. The same seed gives the same candidates in the same order.
        initial: iterable of genes. Candidates for the first generation (a warm start); those that do not fit are left
            out, the rest is drawn.
        key: callable or None. Genes -> what makes two candidates the same; by default the genes themselves. Candidates
            of one key are evaluated once.
        directory: path or None. Where the state is kept; a search of the same arguments continues from there.
        on_generation, on_candidate: callable or None. Told of progress.

    Returns:
        Evolved.

    Raises:
        ConstraintError: no candidate that fits was found within `settings.redraws` draws.
        UsageError: the directory holds the state of another search.

    Example:
        >>> found = evolve({"a": range(8), "b": range(8)}, lambda g: g["a"] + g["b"] < 9,
        ...                lambda g: g["a"] * g["b"], Settings(10, 4, 5, 5, iterations=6), seed=1)
        >>> found.best.fitness
        16.0
    """
    settings = settings or Settings()
    if not choices or any(len(values) == 0 for values in choices.values()):
        raise UsageError("Expected at least one gene, and at least one value for each gene.")
    key = key or (lambda genes: json.dumps(genes, sort_keys=True))
    breeder = Breeder(choices, fits, key, settings.redraws, settings.mutation_probability)
    run = _Run(breeder, fitness, settings, seed, on_candidate, Path(directory) if directory else None)
    generation, result = run.restored()
    if generation < 0:
        run.first(result, [dict(genes) for genes in initial])
        generation = run.finished(0, result, on_generation)
    while generation < settings.iterations:
        generation += 1
        run.next(generation, result)
        run.finished(generation, result, on_generation)
    return result


@dataclass
class _Run:
    """One evolution at work: evaluates, remembers, and keeps its state in files."""

    breeder: Breeder
    fitness: Callable[[Genes], float]
    settings: Settings
    seed: int
    on_candidate: Callable[[Individual], None] | None
    directory: Path | None
    known: dict[str, float] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    rejected: int = 0

    def first(self, result: Evolved, initial: Sequence[dict[str, Any]]) -> None:
        random = np.random.default_rng((self.seed, 0))
        taken: set[str] = set()
        born = []
        for genes in initial:
            same = {name: genes.get(name) for name in self.breeder.choices}
            inside = all(same[name] in values for name, values in self.breeder.choices.items())
            if inside and self.breeder.key(same) not in taken and self.breeder.fits(same):
                taken.add(self.breeder.key(same))
                born.append(same)
        born = born[: self.settings.population]
        while len(born) < self.settings.population:
            genes, rejected = self.breeder.fitting(lambda: self.breeder.drawn(random), taken)
            self.rejected += rejected
            taken.add(self.breeder.key(genes))
            born.append(genes)
        result.population = self.ranked(result, [self.evaluated(result, genes) for genes in born])

    def next(self, generation: int, result: Evolved) -> None:
        random = np.random.default_rng((self.seed, generation))
        parents = result.population
        # Not `known`: that holds what was evaluated before a kill too, and it must be drawn again.
        taken = set(self.seen)
        children = []

        def crossed() -> dict[str, Any]:
            one, other = random.integers(len(parents), size=2)
            return self.breeder.crossed(random, parents[one].genes, parents[other].genes)

        def mutated() -> dict[str, Any]:
            return self.breeder.mutated(random, parents[random.integers(len(parents))].genes)

        for draw, count in ((mutated, self.settings.mutations), (crossed, self.settings.crossovers)):
            for _ in range(count):
                genes, rejected = self.breeder.fitting(draw, taken)
                self.rejected += rejected
                taken.add(self.breeder.key(genes))
                children.append(genes)
        result.population = self.ranked(
            result, [*parents, *(self.evaluated(result, genes) for genes in children)]
        )

    def evaluated(self, result: Evolved, genes: dict[str, Any]) -> Individual:
        key = self.breeder.key(genes)
        if key not in self.known:
            value = float(self.fitness(genes))
            if not math.isfinite(value):
                _LOG.warning("a candidate's fitness is %s; it ranks last: %s", value, genes)
                value = -math.inf
            self.known[key] = value
            if self.directory:
                append_line(self.directory / "candidates.jsonl", {"genes": genes, "fitness": _finite(value)})
        one = Individual(genes, self.known[key])
        if key not in self.seen:
            self.seen.add(key)
            result.evaluated.append(one)
            if self.on_candidate:
                self.on_candidate(one)
        return one

    def ranked(self, result: Evolved, all_: Sequence[Individual]) -> list[Individual]:
        """The best, each once; ties in the order of birth."""
        once: dict[str, Individual] = {}
        for one in all_:
            once.setdefault(self.breeder.key(one.genes), one)
        order = sorted(once.values(), key=lambda one: -one.fitness)
        values = [one.fitness for one in order]
        best, median = values[0], values[len(values) // 2]
        result.history.append({"best": best, "median": median, "rejected": self.rejected})
        return order[: self.settings.parents]

    def finished(self, generation: int, result: Evolved, told: Callable[[int, Evolved], None] | None) -> int:
        if self.directory:
            save_json(
                self.directory / "evolution.json",
                {
                    "search": self.fingerprint(),
                    "generation": generation,
                    "rejected": self.rejected,
                    "population": [_as_json(one) for one in result.population],
                    "evaluated": [_as_json(one) for one in result.evaluated],
                    "history": [{k: _finite(v) for k, v in line.items()} for line in result.history],
                },
            )
        if told:
            told(generation, result)
        return generation

    def restored(self) -> tuple[int, Evolved]:
        """Generation that the files end with (-1: none) and its result."""
        if self.directory is None:
            return -1, Evolved()
        state = load_json(self.directory / "evolution.json")
        search = load_json(self.directory / "search.json")
        if search is None:
            save_json(self.directory / "search.json", {"search": self.fingerprint()})
        elif search.get("search") != self.fingerprint():
            raise UsageError(
                f"{self.directory} holds a search over other choices or with another seed or settings",
                "give another directory, or remove this one",
            )
        for line in read_lines(self.directory / "candidates.jsonl"):
            self.known[self.breeder.key(line["genes"])] = _infinite(line["fitness"])
        if state is None:
            return -1, Evolved()
        self.rejected = state["rejected"]
        result = Evolved(
            [_from_json(one) for one in state["population"]],
            [_from_json(one) for one in state["evaluated"]],
            [{k: _infinite(v) for k, v in line.items()} for line in state["history"]],
        )
        self.seen = {self.breeder.key(one.genes) for one in result.evaluated}
        return state["generation"], result

    def fingerprint(self) -> str:
        """What must be the same for a search to continue. More iterations may be asked for later."""
        settings = {**asdict(self.settings), "iterations": None}
        data = [{k: list(v) for k, v in self.breeder.choices.items()}, settings, self.seed]
        return hashlib.sha256(json.dumps(data).encode()).hexdigest()[:16]


def _as_json(one: Individual) -> dict[str, Any]:
    return {"genes": one.genes, "fitness": _finite(one.fitness)}


def _from_json(data: Mapping[str, Any]) -> Individual:
    return Individual(dict(data["genes"]), _infinite(data["fitness"]))


def _finite(value: float) -> float | None:
    """JSON has no infinity."""
    return value if math.isfinite(value) else None


def _infinite(value: float | None) -> float:
    return -math.inf if value is None else float(value)
