"""How a search chooses what to try next: at random, by evolution, or by a Gaussian process over what was tried."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tflm_mcunet.backend.frameworks import load
from tflm_mcunet.errors import UsageError
from tflm_mcunet.tinynas.architecture import Architecture
from tflm_mcunet.tinynas.space import Choices, Space

#: Draws that may fail in a row (too big, or tried before) before a strategy gives up.
PATIENCE = 5_000


@dataclass(frozen=True)
class Scored:
    """A finished trial: what was drawn, and how good it is (higher is better; of equals, a lower validation loss)."""

    choices: Choices
    score: float
    trial_id: str = ""
    loss: float = 0.0


@dataclass(frozen=True)
class Proposal:
    """What to try next, and the trial from which it may inherit weights ("" for none)."""

    choices: dict[str, Any]
    parent: str = ""


@dataclass(frozen=True)
class View:
    """What a strategy sees of a search.

    Args:
        space: Space.
        history: sequence of Scored, in the order in which they finished.
        is_plausible: callable. Architecture -> bool, about a millisecond; nothing that fits is refused.
        fits: callable. Architecture -> bool, exact.
        is_new: callable. Architecture -> bool: no trial has it yet.
        number: int. Of trials so far.
        random: numpy Generator.
    """

    space: Space
    history: Sequence[Scored]
    is_plausible: Callable[[Architecture], bool]
    fits: Callable[[Architecture], bool]
    is_new: Callable[[Architecture], bool]
    number: int
    random: np.random.Generator

    def best(self, count: int) -> list[Scored]:
        """The best trials so far, best first."""
        return sorted(self.history, key=lambda scored: (-scored.score, scored.loss))[:count]

    def accepts(self, choices: Choices) -> bool:
        """Whether a draw is new and fits."""
        network = self.space.architecture(choices)
        return self.is_new(network) and self.is_plausible(network) and self.fits(network)

    def draw(self) -> dict[str, Any] | None:
        """A random draw that is new and fits; None where there seems to be no other."""
        for _ in range(PATIENCE):
            choices = self.space.sample(self.random)
            if self.accepts(choices):
                return choices
        return None

    def pool(self, count: int) -> list[dict[str, Any]]:
        """Random draws that are new and plausible, no two of one architecture; fewer where they are rare."""
        found: dict[Architecture, dict[str, Any]] = {}
        for _ in range(PATIENCE if not self.number else 50 * count):
            choices = self.space.sample(self.random)
            network = self.space.architecture(choices)
            if network not in found and self.is_new(network) and self.is_plausible(network):
                found[network] = choices
                if len(found) == count:
                    break
        return list(found.values())


class Strategy(Protocol):
    """Chooses the next draw."""

    def propose(self, view: View) -> Proposal | None:
        """A draw that is new and fits; None where the space is exhausted."""


@dataclass(frozen=True)
class RandomStrategy:
    """Uniform draws that fit."""

    def propose(self, view: View) -> Proposal | None:
        """See `Strategy`."""
        choices = view.draw()
        return None if choices is None else Proposal(choices)


@dataclass(frozen=True)
class EvolutionStrategy:
    """A warm start from the most promising of many draws, then mutation and crossover of the best (asynchronous).

    The warm start ranks draws without training them. By MACs it follows MCUNet's finding that among the networks that
    fit, those with more computation reach more accuracy (Lin et al., 2020, section 3.1).

    Args:
        warm_trials: int. Trials of the warm start.
        pool: int. Draws that each of them is chosen from.
        proxy: callable or None. Architecture -> float, higher is better; None for MACs.
        parents: int. How many of the best trials breed.
        mutation_rate: float. Of each choice.
        crossover: float. How often a child has two parents.
    """

    warm_trials: int = 4
    pool: int = 24
    proxy: Callable[[Architecture], float] | None = None
    parents: int = 4
    mutation_rate: float = 0.1
    crossover: float = 0.3

    def propose(self, view: View) -> Proposal | None:
        """See `Strategy`."""
        if view.number >= self.warm_trials and view.history:
            child = self._bred(view)
            if child is not None:
                return child
        score = self.proxy or (lambda network: float(network.macs))
        pool = view.pool(self.pool)
        ranked = sorted(pool, key=lambda choices: -score(view.space.architecture(choices)))
        for choices in ranked:
            if view.fits(view.space.architecture(choices)):
                return Proposal(choices)
        drawn = view.draw()
        return None if drawn is None else Proposal(drawn)

    def _bred(self, view: View) -> Proposal | None:
        best = view.best(self.parents)
        for _ in range(200):
            # The better half twice as often as the rest.
            first, second = (best[int(min(view.random.integers(len(best), size=2)))] for _ in range(2))
            choices: Choices = first.choices
            if view.random.random() < self.crossover and second is not first:
                choices = view.space.crossed(first.choices, second.choices, view.random)
            if choices == first.choices or view.random.random() < 0.7:
                choices = view.space.mutated(choices, view.random, self.mutation_rate)
            if view.accepts(choices):
                return Proposal(dict(choices), first.trial_id)
        return None


@dataclass(frozen=True)
class BayesianStrategy:
    """Expected improvement of a Gaussian process, over draws that fit.

    Args:
        initial_trials: int. Random trials before the first model.
        pool: int. Draws among which the acquisition chooses; half of them are mutations of the best.
    """

    initial_trials: int = 6
    pool: int = 128

    def propose(self, view: View) -> Proposal | None:
        """See `Strategy`."""
        if len(view.history) < self.initial_trials:
            return RandomStrategy().propose(view)
        pool = view.pool(self.pool // 2)
        for scored in view.best(4) * (self.pool // 8):
            pool.append(view.space.mutated(scored.choices, view.random, 0.15))
        gains = self._expected_improvement(view, pool)
        for index in np.argsort(-gains):
            if view.accepts(pool[index]):
                return Proposal(pool[index])
        return RandomStrategy().propose(view)

    def _expected_improvement(self, view: View, pool: Sequence[Choices]) -> np.ndarray:
        process = load("sklearn.gaussian_process", "nas")
        normal = load("scipy.stats", "nas").norm
        x = np.array([_encoded(view.space, scored.choices) for scored in view.history])
        y = np.array([scored.score for scored in view.history])
        kernel = process.kernels.Matern(nu=2.5) + process.kernels.WhiteKernel(1e-2)
        model = process.GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # scores without noise, few of them: the bounds are met, and that is fine
            model.fit(x, y)
        mean, spread = model.predict(np.array([_encoded(view.space, c) for c in pool]), return_std=True)
        gain = mean - y.max()
        z = gain / np.maximum(spread, 1e-9)
        return np.asarray(gain * normal.cdf(z) + spread * normal.pdf(z))


def _encoded(space: Space, choices: Choices) -> list[float]:
    """Each choice as its place among its options, in [0, 1]."""
    return [values.index(choices[name]) / (len(values) - 1) for name, values in space.choices().items()]


_STRATEGIES = {"random": RandomStrategy, "evolution": EvolutionStrategy, "bayesian": BayesianStrategy}


def as_strategy(strategy: str | Strategy, max_trials: int = 20) -> Strategy:
    """A strategy by its name, or as it is; of evolution a quarter of the trials, 2 to 8, are its warm start.

    Raises:
        UsageError: an unknown name.
    """
    if not isinstance(strategy, str):
        return strategy
    if strategy not in _STRATEGIES:
        raise UsageError(f"expected strategy to be one of {', '.join(_STRATEGIES)}, got {strategy!r}")
    if strategy == "evolution":
        return EvolutionStrategy(warm_trials=min(8, max(2, max_trials // 4)))
    made: Strategy = _STRATEGIES[strategy]()
    return made
