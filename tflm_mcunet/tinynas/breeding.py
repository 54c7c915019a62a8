"""Draws candidates out of named choices: at random, by mutation, by crossover, and only such as fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tflm_mcunet.errors import ConstraintError

Genes = Mapping[str, Any]
Choices = Mapping[str, Sequence[Any]]

#: Draws for an offspring that is new, before a known one is taken: near convergence most are known.
NEW_DRAWS = 50


@dataclass(frozen=True)
class Breeder:
    """Draws candidates out of named choices.

    Args:
        choices: mapping. Gene -> its values.
        fits: callable. Genes -> whether the candidate may be evaluated at all.
        key: callable. Genes -> what makes two candidates the same.
        redraws: int. Draws for one candidate that fits before giving up.
        probability: float. Of each gene to be drawn anew in a mutation.
    """

    choices: Choices
    fits: Callable[[Genes], bool]
    key: Callable[[Genes], str]
    redraws: int
    probability: float

    def drawn(self, random: np.random.Generator) -> dict[str, Any]:
        """Any candidate."""
        return {name: _pick(random, values) for name, values in self.choices.items()}

    def mutated(self, random: np.random.Generator, parent: Genes) -> dict[str, Any]:
        """A candidate that differs from its parent in some genes."""
        return {
            name: _pick(random, values) if random.random() < self.probability else parent[name]
            for name, values in self.choices.items()
        }

    def crossed(self, random: np.random.Generator, one: Genes, other: Genes) -> dict[str, Any]:
        """A candidate that has each gene of the one or of the other."""
        return {name: (one if random.random() < 0.5 else other)[name] for name in self.choices}

    def fitting(self, draw: Callable[[], dict[str, Any]], taken: set[str]) -> tuple[dict[str, Any], int]:
        """The first draw that fits and is new, with how many were rejected before it.

        Where no draw within the bound is new, the last one that fits is taken: small spaces run out of new ones.

        Raises:
            ConstraintError: no draw within the bound fits.
        """
        known = None
        for rejected in range(self.redraws):
            genes = draw()
            if self.fits(genes):
                if self.key(genes) not in taken:
                    return genes, rejected
                known = genes
                if rejected >= NEW_DRAWS:
                    break
        if known is not None:
            return known, rejected
        raise ConstraintError(
            f"none of {self.redraws:,} drawn candidates fits the constraints",
            "a smaller resolution or width in the space, a larger budget, or Settings(redraws=...)",
        )


def _pick(random: np.random.Generator, values: Sequence[Any]) -> Any:
    return values[int(random.integers(len(values)))]
