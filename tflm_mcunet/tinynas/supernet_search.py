"""MCUNet's search from end to end: a space chosen, a supernet trained for it, the best subnet that fits evolved."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet.backend.batches import Augment
from tflm_mcunet.errors import UsageError
from tflm_mcunet.tinynas.architecture import Architecture
from tflm_mcunet.tinynas.budget import Budget
from tflm_mcunet.tinynas.evolution import Evolved, Individual, Settings, evolve
from tflm_mcunet.tinynas.quick_fit import quick_fits
from tflm_mcunet.tinynas.schedule_genes import ScheduleOracle
from tflm_mcunet.tinynas.space import Space
from tflm_mcunet.tinynas.space_ranking import SAMPLES, SpaceRanking, rank_spaces
from tflm_mcunet.tinynas.supernet import Supernet
from tflm_mcunet.tinynas.supernet_training import Training, train

_LOG = logging.getLogger(__name__)

Data = tuple[np.ndarray, np.ndarray]

#: What MACs computed twice cost in fitness: computing half of them twice must gain half a point of accuracy.
MAC_PRICE = 0.01


@dataclass(frozen=True)
class Candidate:
    """A network that the search has found.

    Args:
        choices: dict. Of the space that was searched.
        architecture: Architecture.
        schedule: str. Under which it fits.
        accuracy: float. On the validation data, with the supernet's weights.
        mac_factor: float. MACs that its plan computes, as a factor of the network's.
    """

    choices: dict[str, Any]
    architecture: Architecture
    schedule: str
    accuracy: float
    mac_factor: float = 1.0


@dataclass
class SupernetSearch:
    """The result.

    Args:
        space: Space. That was searched: of one resolution and one width, where there were several.
        ranking: SpaceRanking or None. Of all of them.
        supernet: Supernet. Trained.
        evolved: Evolved.
        candidates: list of Candidate. Every network that was evaluated, best first; all fit.
    """

    space: Space
    ranking: SpaceRanking | None
    supernet: Supernet
    evolved: Evolved
    candidates: list[Candidate] = field(default_factory=list)

    @property
    def best(self) -> Candidate:
        """The winner."""
        return self.candidates[0]


def search_supernet(
    space: Space,
    budget: Budget,
    train_data: Data,
    validation_data: Data,
    *,
    training: Training | None = None,
    evolution: Settings | None = None,
    schedules: Sequence[str] = (),
    samples: int = SAMPLES,
    seed: int = 0,
    directory: Path | str | None = None,
    augment: Augment | None = None,
    resize: Callable[[np.ndarray, int, int], np.ndarray] | None = None,
    on_progress: Callable[[str, float], None] | None = None,
) -> SupernetSearch:
    """Search a space for the network of highest accuracy that fits.

    Args:
        space: Space. Where it has several resolutions or widths, stage 1 chooses one of each.
        budget: Budget.
        train_data, validation_data: (float32[n, height, width, channels], int[n]).
        training: supernet_training.Training or None.
        evolution: evolution.Settings or None.
        schedules: sequence of str. Searched together with the network, see `schedule_genes`; by default the
            budget's own alone.
        samples: int. Networks that stage 1 draws from each subspace.
        seed: int. The same seed gives the same draws; training is as repeatable as TensorFlow is.
        directory: path or None. Where everything is kept; the same call continues what was killed.
        augment: callable or None. See `supernet_training.train`.
        resize: callable or None. (x, height, width) -> x, for a resolution that is not the data's.
        on_progress: callable or None. Told (what is done, how well) now and then.

    Returns:
        SupernetSearch.

    Raises:
        ConstraintError: nothing fits.
        UsageError: data that does not fit the space, or a directory of another search.
        McuNetError: the loss became no number, or a file cannot be written.
    """
    folder = Path(directory) if directory else None
    tell = on_progress or (lambda what, value: None)
    chosen, ranking = chosen_space(space, budget, samples=samples, seed=seed, directory=folder)
    if ranking is not None:
        tell(
            f"space: resolution {ranking.best.resolution}, width {ranking.best.width:g}",
            ranking.best.fit_rate,
        )
    supernet = Supernet(chosen, seed=seed)
    x, y = _sized(train_data, supernet, resize)
    x_validation, y_validation = supernet.checked(*_sized(validation_data, supernet, resize))
    oracle = ScheduleOracle(chosen, budget, schedules)
    _first_that_fits(oracle, seed, evolution or Settings())
    train(
        supernet,
        x,
        y,
        training,
        directory=folder,
        augment=augment,
        on_epoch=lambda at, loss: tell(f"supernet: {at.phase}, epoch {at.epoch + 1}", loss),
    )
    accuracies: dict[Architecture, float] = {}

    def accuracy(genes: Any) -> float:
        network = chosen.architecture(genes)
        if network not in accuracies:
            accuracies[network] = supernet.accuracy(genes, x_validation, y_validation)
        return accuracies[network]

    evolved = evolve(
        oracle.choices(),
        oracle.fits,
        lambda genes: accuracy(genes) - MAC_PRICE * (oracle.verdict(genes).mac_factor - 1),
        evolution,
        seed=seed,
        key=oracle.key,
        directory=folder / "evolution" if folder else None,
        on_generation=lambda n, state: tell(f"evolution: generation {n}", state.best.fitness),
    )
    result = SupernetSearch(chosen, ranking, supernet, evolved)
    result.candidates = _candidates(evolved.evaluated, oracle)
    return result


def chosen_space(
    space: Space,
    budget: Budget,
    *,
    samples: int = SAMPLES,
    seed: int = 0,
    directory: Path | None = None,
) -> tuple[Space, SpaceRanking | None]:
    """The subspace that stage 1 chooses, and the ranking; the space itself where there is nothing to choose.

    Raises:
        ConstraintError: nothing fits in any subspace.
    """
    if len(space.resolutions) * len(space.widths) <= 1 and len(space.widths) == 1:
        return space, None
    words = (
        f"{budget.target.name}: {budget.sram_bytes:,} bytes of SRAM, "
        f"{'any' if budget.flash_bytes is None else f'{budget.flash_bytes:,}'} of flash, "
        f"MACs {budget.max_macs or 'any'}, ms {budget.max_latency_ms or 'any'}, schedule {budget.schedule}"
    )
    ranking = rank_spaces(
        space, quick_fits(budget), samples=samples, seed=seed, constraints=words, directory=directory
    )
    if directory:
        ranking.save(directory)
    return ranking.winner(), ranking


def _first_that_fits(oracle: ScheduleOracle, seed: int, settings: Settings) -> None:
    """Fail before the supernet is trained, not after, where nothing fits."""
    evolve(
        oracle.choices(),
        oracle.fits,
        lambda _: 0.0,
        Settings(1, 1, 0, 0, iterations=0, redraws=settings.redraws),
        seed=seed,
    )


def _sized(
    data: Data, supernet: Supernet, resize: Callable[[np.ndarray, int, int], np.ndarray] | None
) -> Data:
    x, y = data
    height, width, _ = supernet.shape.input_shape
    if x.ndim == 4 and x.shape[1:3] != (height, width):
        if resize is None:
            raise UsageError(
                f"the space that was chosen takes maps of {height} x {width}, the data has {x.shape[1:3]}",
                "give a function `resize`",
            )
        x = resize(x, height, width)
    return x, y


def _candidates(evaluated: Sequence[Individual], oracle: ScheduleOracle) -> list[Candidate]:
    """Each network once, with the schedule that costs least."""
    best: dict[Architecture, tuple[Individual, Candidate]] = {}
    for one in evaluated:
        network, factor = oracle.space.architecture(one.genes), oracle.verdict(one.genes).mac_factor
        known = best.get(network)
        if known is None or one.fitness > known[0].fitness:
            names = oracle.space.choices()
            choices = {name: one.genes[name] for name in names}
            accuracy = one.fitness + MAC_PRICE * (factor - 1)
            best[network] = one, Candidate(choices, network, oracle.schedule_of(one.genes), accuracy, factor)
    ordered = sorted(best.values(), key=lambda pair: -pair[0].fitness)
    return [candidate for _, candidate in ordered]
