"""Strategies that look at the data before the first trial: the supernet, and scores of untrained networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet.backend.batches import Augment
from tflm_mcunet.backend.training import resized
from tflm_mcunet.errors import UsageError
from tflm_mcunet.tinynas.budget import Budget
from tflm_mcunet.tinynas.evolution import Settings
from tflm_mcunet.tinynas.space import Choices, Space
from tflm_mcunet.tinynas.strategies import EvolutionStrategy, Proposal, Strategy, View, as_strategy
from tflm_mcunet.tinynas.supernet_search import SupernetSearch, chosen_space, search_supernet
from tflm_mcunet.tinynas.supernet_training import Training
from tflm_mcunet.tinynas.zero_cost import zero_cost_score

#: Names that `data_strategy` knows.
DATA_STRATEGIES = ("supernet", "zero-cost")


@dataclass(frozen=True)
class SupernetStrategy:
    """Trials are the best networks that a supernet's search has found, in that order, from the supernet's weights.

    Args:
        search: SupernetSearch.
    """

    search: SupernetSearch

    def propose(self, view: View) -> Proposal | None:
        """See `Strategy`. Past the last candidate, whatever fits."""
        for candidate in self.search.candidates:
            if view.accepts(candidate.choices):
                return Proposal(dict(candidate.choices))
        drawn = view.draw()
        return None if drawn is None else Proposal(drawn)

    def initial_weights(self, choices: Choices) -> dict[str, list[np.ndarray]]:
        """Layer name of the network's Keras model -> weights to begin its training with."""
        model = self.search.supernet.extract(choices)
        return {layer.name: layer.get_weights() for layer in model.layers if layer.get_weights()}


def data_strategy(
    name: str,
    space: Space,
    budget: Budget,
    train_data: tuple[np.ndarray, np.ndarray],
    validation_data: tuple[np.ndarray, np.ndarray],
    *,
    seed: int = 1,
    epochs: int = 20,
    max_trials: int = 20,
    samples: int = 200,
    schedules: Sequence[str] = (),
    augment: Augment | None = None,
    directory: Path | None = None,
    on_progress: Callable[[str, float], None] | None = None,
) -> tuple[Space, Strategy]:
    """A strategy made for data, and the space that it searches: where there are several resolutions, stage 1 chooses.

    - "zero-cost": evolution over trials whose warm start is ranked by NASWOT instead of MACs. Seconds.
    - "supernet": a supernet is trained, its largest network for half the epochs of a trial, then random subnets for
      twice as many; an evolution smaller than the published one is run on it, and trials are its best networks.
      Minutes on small data, and all of it is kept in the directory.

    Args:
        name: str. Out of `DATA_STRATEGIES`.
        space: Space.
        budget: Budget.
        train_data, validation_data: (float32[n, height, width, channels], int[n] or one-hot[n, classes]).
        seed: int.
        epochs, max_trials: int. Of the search: epochs of a trial, and how many trials.
        samples: int. Networks that stage 1 draws from each subspace.
        schedules: sequence of str. Genes of the supernet's evolution; by default the budget's own alone.
        augment: callable or None. How the supernet's training samples are changed.
        directory: path or None. Where the supernet and its search are kept.
        on_progress: callable or None. Told (what is done, how well).

    Raises:
        UsageError: an unknown name.
        ConstraintError: nothing fits.
    """
    if name not in DATA_STRATEGIES:
        raise UsageError(f"expected one of {', '.join(DATA_STRATEGIES)}, got {name!r}")
    (x, y), (x_validation, y_validation) = ((x, _indices(y)) for x, y in (train_data, validation_data))
    if name == "zero-cost":
        if len(space.resolutions) > 1:
            space, _ = chosen_space(space, budget, samples=samples, seed=seed, directory=directory)
        height, width, _ = space.architecture(space.extreme(False)).input_shape
        score = zero_cost_score("naswot", resized(x, height, width), seed=seed)
        evolution = as_strategy("evolution", max_trials)
        assert isinstance(evolution, EvolutionStrategy)
        return space, replace(evolution, proxy=score)
    found = search_supernet(
        space,
        budget,
        (x, y),
        (x_validation, y_validation),
        training=Training(largest_epochs=max(1, epochs // 2), epochs=2 * epochs),
        evolution=Settings(population=40, parents=10, crossovers=15, mutations=15, iterations=10),
        samples=samples,
        schedules=schedules,
        seed=seed,
        directory=directory,
        resize=resized,
        augment=augment,
        on_progress=on_progress,
    )
    return found.space, SupernetStrategy(found)


def _indices(labels: Any) -> np.ndarray:
    """Class numbers of labels that may be one-hot."""
    array = np.asarray(labels)
    return array.argmax(1) if array.ndim == 2 else array
