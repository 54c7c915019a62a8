"""A warm start without training: many draws that fit, ranked by a score of their untrained networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tflm_mcunet.backend.zero_cost import naswot, synflow
from tflm_mcunet.errors import ConstraintError, UsageError
from tflm_mcunet.tinynas.architecture import Architecture
from tflm_mcunet.tinynas.breeding import Genes
from tflm_mcunet.tinynas.build import keras_model_of

Score = Callable[[Architecture], float]

SCORES = ("synflow", "naswot", "macs")

#: Samples that NASWOT compares.
NASWOT_SAMPLES = 64


def zero_cost_score(kind: str, x: np.ndarray | None = None, *, seed: int = 0) -> Score:
    """A score for architectures: higher is better, in a fraction of a second, without training.

    Args:
        kind: str. "synflow" (needs no data), "naswot", or "macs".
        x: float32[samples, height, width, channels] or None. Samples of the training data, for "naswot".
        seed: int. Of the random weights, and of the samples taken.

    Raises:
        UsageError: an unknown kind, or "naswot" without samples.

    Example:
        score = zero_cost_score("naswot", x_train)
        proposals = warm_start(space.choices(), fits, lambda genes: score(space.architecture(genes)))
    """
    if kind not in SCORES:
        raise UsageError(f"expected the score to be one of {', '.join(SCORES)}, got {kind!r}")
    if kind == "macs":
        return lambda network: float(network.macs)
    if kind == "synflow":
        return lambda network: synflow(keras_model_of(network, seed=seed))
    if x is None or len(x) < 2:
        raise UsageError("the score 'naswot' compares samples: give at least two, got none")
    rows = np.random.default_rng(seed).permutation(len(x))[:NASWOT_SAMPLES]
    samples = np.unique(np.asarray(x, np.float32)[rows], axis=0)
    return lambda network: naswot(keras_model_of(network, seed=seed), samples)


def warm_start(
    draw: Callable[[np.random.Generator], dict[str, Any]],
    fits: Callable[[Genes], bool],
    score: Callable[[Genes], float],
    *,
    draws: int = 200,
    keep: int = 50,
    seed: int = 0,
    patience: int = 2_000,
) -> list[dict[str, Any]]:
    """The best-scored of many draws that fit, best first: `initial` of an evolution, or trials of a search.

    Args:
        draw: callable. Generator -> genes, such as `space.sample`.
        fits: callable. Genes -> bool.
        score: callable. Genes -> float, higher is better; NaN ranks last.
        draws: int. That are scored.
        keep: int. That are returned, at most.
        seed: int.
        patience: int. Draws in a row that may not fit, or be known, before fewer are taken.

    Raises:
        ConstraintError: no draw fits.
    """
    random = np.random.default_rng((seed, 77))
    found: dict[str, dict[str, Any]] = {}
    missed = 0
    while len(found) < draws and missed < patience:
        genes = draw(random)
        key = repr(sorted(genes.items()))
        if key not in found and fits(genes):
            found[key], missed = genes, 0
        else:
            missed += 1
    if not found:
        raise ConstraintError(
            f"none of {patience:,} drawn candidates fits the constraints",
            "a smaller resolution or width in the space, or a larger budget",
        )
    candidates = list(found.values())
    scores = np.array([score(genes) for genes in candidates], np.float64)
    scores[np.isnan(scores)] = -np.inf
    return [candidates[i] for i in np.argsort(-scores, kind="stable")[:keep]]
