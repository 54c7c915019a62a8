"""`TinyNAS.search`: from data and a device to the best network that fits it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tflm_mcunet.backend.batches import Augment, augmented_series
from tflm_mcunet.backend.training import tensorboard
from tflm_mcunet.errors import McuNetError, UsageError
from tflm_mcunet.targets import Target
from tflm_mcunet.tinynas.budget import Budget, Need
from tflm_mcunet.tinynas.data import SearchData, check_data
from tflm_mcunet.tinynas.data_strategies import DATA_STRATEGIES, data_strategy
from tflm_mcunet.tinynas.durable import COMPLETED
from tflm_mcunet.tinynas.leaderboard import Row, csv_text, ranked, row_of
from tflm_mcunet.tinynas.oracle import PARENT, TinyNASOracle, loss_of
from tflm_mcunet.tinynas.page import render_page
from tflm_mcunet.tinynas.result import SearchResult
from tflm_mcunet.tinynas.schedule_choice import schedules_of
from tflm_mcunet.tinynas.space import MCUNET_RESOLUTIONS, Space, image_space, mcunet_space, series_space
from tflm_mcunet.tinynas.state_files import load_json, save_json, write_bytes
from tflm_mcunet.tinynas.strategies import Strategy
from tflm_mcunet.tinynas.tuner import TinyNASHyperModel, TinyNASTuner, Training

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """Where a search is.

    Args:
        finished, max_trials: int.
        score: float or None. Of the trial that has just finished; None where it failed.
        best: float or None. So far.
        fit_rate: float. Of the candidates looked at, the share that fits.
        seconds_left: float. As the trials of this run went so far.
    """

    finished: int
    max_trials: int
    score: float | None
    best: float | None
    fit_rate: float
    seconds_left: float

    def __str__(self) -> str:
        score = "failed" if self.score is None else f"{self.score:.4f}"
        best = "–" if self.best is None else f"{self.best:.4f}"
        minutes, seconds = divmod(round(self.seconds_left), 60)
        return (
            f"trial {self.finished}/{self.max_trials}: {score}, best {best}, "
            f"{100 * self.fit_rate:.0f} % of candidates fit, {minutes}:{seconds:02d} left"
        )


def search(
    target_device: Target | str | Path,
    sram_constraint: int | None = None,
    flash_constraint: int | None = None,
    train_data: Any = None,
    validation_data: Any = None,
    max_trials: int = 20,
    directory: str | Path = "tinynas",
    seed: int = 1,
    *,
    space: Space | str | None = None,
    strategy: str | Strategy = "evolution",
    schedule: str | Sequence[str] = "layer",
    max_macs: int | None = None,
    max_latency_ms: float | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float = 3e-3,
    dropout: float = 0.0,
    inherit: bool = True,
    objective: str = "val_accuracy",
    classes: int | None = None,
    augment: str | Augment = "auto",
    overwrite: bool = False,
    with_tensorboard: bool = True,
    lease_seconds: float = 300.0,
    distribution_strategy: Any = None,
    progress: Callable[[Progress], None] | None = None,
) -> SearchResult:
    """See `TinyNAS.search`."""
    _check_count("max_trials", max_trials)
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if value is not None:
            _check_count(name, value)
    schedules = schedules_of(schedule)
    budget = Budget.of(
        target_device,
        sram_bytes=sram_constraint,
        flash_bytes=flash_constraint,
        max_macs=max_macs,
        max_latency_ms=max_latency_ms,
        schedule=schedules[-1],
    )
    if objective not in ("val_accuracy", "val_loss"):
        raise UsageError(f"expected objective to be 'val_accuracy' or 'val_loss', got {objective!r}")
    data = check_data(train_data, validation_data, classes=classes)
    chosen = as_space(space, data)
    batch_size = batch_size or data.batch_size()
    epochs = epochs or data.epochs(batch_size)
    change = augment_of(augment, data)
    training = Training(epochs, batch_size, learning_rate, dropout, inherit, data.is_one_hot)
    folder = Path(directory)
    settings = {
        "space": chosen.to_dict(),
        "budget": _budget_dict(budget, schedules),
        "training": asdict(training),
        "objective": objective,
        "strategy": strategy if isinstance(strategy, str) else repr(strategy),
        "seed": seed,
        "augment": getattr(change, "__qualname__", repr(change)),
    }
    _check_directory(folder, settings, overwrite)
    if isinstance(strategy, str) and strategy in DATA_STRATEGIES:
        if _is_distributed() and strategy == "supernet":
            raise UsageError(
                "a supernet is trained in one process, not by several workers",
                "take strategy='evolution' with workers, or search without them",
            )
        if overwrite:
            shutil.rmtree(folder / "supernet", ignore_errors=True)
        chosen, strategy = data_strategy(
            strategy,
            chosen,
            budget,
            (data.x_train, data.y_train),
            (data.x_validation, data.y_validation),
            seed=seed,
            epochs=epochs,
            max_trials=max_trials,
            schedules=schedules,
            augment=change,
            directory=folder / "supernet",
            on_progress=lambda what, value: _LOG.info("%s: %.4g", what, value),
        )
    oracle = TinyNASOracle(
        chosen,
        budget,
        strategy=strategy,
        objective=objective,
        max_trials=max_trials,
        seed=seed,
        schedules=schedules,
        lease_seconds=lease_seconds if _is_distributed() else 0.0,
    )
    run = _Run(oracle, data, training, change, folder, settings, progress)
    return run.search(overwrite, with_tensorboard, distribution_strategy)


class _Run:
    """One call of `search`, once its arguments are checked."""

    def __init__(
        self,
        oracle: TinyNASOracle,
        data: SearchData,
        training: Training,
        augment: Augment | None,
        folder: Path,
        settings: dict[str, Any],
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self.oracle, self.data, self.training, self.folder = oracle, data, training, folder
        self.settings, self.progress, self.augment = settings, progress, augment
        self.begun = time.monotonic()
        self.finished_here = 0
        self.needs: dict[Any, tuple[Need, str]] = {}
        self.stdout = sys.stdout

    def search(self, overwrite: bool, with_tensorboard: bool, distribution: Any) -> SearchResult:
        """Train until the trials are used up."""
        steps = self.training.epochs * -(-len(self.data.x_train) // self.training.batch_size)
        hypermodel = TinyNASHyperModel(self.oracle.space, self.training, steps)
        with _keras_tuner_to_log():
            tuner = _SearchTuner(
                self.oracle,
                hypermodel,
                seed=self.oracle.seed,
                directory=str(self.folder),
                project_name="trials",
                overwrite=overwrite,
                distribution_strategy=distribution,
            )
        tuner.data, tuner.augment = self.data, self.augment
        self.oracle.on_trial_finished = self._finished
        save_json(self.folder / "search.json", self.settings)
        callbacks = [tensorboard(self.folder / "tensorboard")] if with_tensorboard else []
        try:
            with _keras_tuner_to_log():
                tuner.search(epochs=self.training.epochs, verbose=0, callbacks=callbacks)
        except BaseException:
            with contextlib.suppress(McuNetError):  # on a full disk the table cannot be written either
                self.write_leaderboard()
            raise
        if tuner._is_worker():
            self.oracle.reload()  # the trials are the chief's
        else:
            self.write_leaderboard()
        return self.result(tuner)

    def _finished(self, trial: Any) -> None:
        self.finished_here += 1
        self.write_leaderboard()
        if self.progress is None and not _LOG.isEnabledFor(logging.INFO):
            return
        left = self.oracle.max_trials - len(self.oracle.end_order)
        told = Progress(
            finished=len(self.oracle.end_order),
            max_trials=self.oracle.max_trials,
            score=trial.score if trial.status == COMPLETED else None,
            best=self._best_score(),
            fit_rate=self._fit_rate(),
            seconds_left=left * (time.monotonic() - self.begun) / self.finished_here,
        )
        _LOG.info("%s", told)
        if self.progress is not None:
            with contextlib.redirect_stdout(self.stdout):
                self.progress(told)

    def rows(self) -> list[Row]:
        """The trials so far, best first."""
        rows = []
        for trial in self.oracle.trials.values():
            network = self.oracle.architecture_of(trial)
            if network not in self.needs:
                memory = self.oracle.memory
                self.needs[network] = memory.need(network), memory.schedule_of(network)
            message = (trial.message or "").strip().splitlines()[-1:] or [""]
            parent = str(trial.hyperparameters.values.get(PARENT, ""))
            is_done = trial.status == COMPLETED
            score, loss = (trial.score, loss_of(trial)) if is_done else (None, None)
            need, schedule = self.needs[network]
            rows.append(
                row_of(trial.trial_id, trial.status, score, network, need, parent, message[0], schedule, loss)
            )
        return ranked(rows, maximise=self._maximises)

    def write_leaderboard(self) -> None:
        """Write the table and the page, each in one step."""
        rows, budget = self.rows(), self.oracle.memory.budget
        flash = "–" if budget.flash_bytes is None else f"{budget.flash_bytes:,} bytes"
        facts = {
            "device": budget.target.name,
            "SRAM": f"{budget.sram_bytes:,} bytes, schedule {' or '.join(self.oracle.memory.schedules)}",
            "flash": flash,
            "space": f"{self.oracle.space.name}, {self.oracle.space.size():.3g} networks",
            "strategy": self.settings["strategy"],
            "trials": f"{len(self.oracle.end_order)} of {self.oracle.max_trials}, seed {self.oracle.seed}",
            "candidates": f"{self.oracle.memory.asked:,} looked at, {100 * self._fit_rate():.0f} % fit",
        }
        page = render_page(
            f"TinyNAS for {budget.target.name}",
            facts,
            rows,
            self.oracle.objective.name,
            maximise=self._maximises,
        )
        write_bytes(self.folder / "leaderboard.csv", csv_text(rows).encode())
        write_bytes(self.folder / "leaderboard.html", page.encode())

    def result(self, tuner: TinyNASTuner) -> SearchResult:
        """The best of what was trained."""
        rows = self.rows()
        if not rows or rows[0].score is None:
            raise McuNetError(
                f"none of {len(rows)} trials finished", f"{self.folder / 'leaderboard.csv'} says why"
            )
        best = self.oracle.trials[rows[0].trial]
        network = self.oracle.architecture_of(best)
        return SearchResult(
            best_architecture=network,
            best_score=float(best.score),
            best_need=self.needs[network][0],
            rows=tuple(rows),
            directory=self.folder,
            checkpoint=tuner.checkpoint(best.trial_id),
            is_series=self.data.is_series,
            fit_rate=self._fit_rate(),
            best_schedule=self.needs[network][1],
        )

    @property
    def _maximises(self) -> bool:
        return bool(self.oracle.objective.direction == "max")

    def _fit_rate(self) -> float:
        return self.oracle.memory.kept / max(1, self.oracle.memory.asked)

    def _best_score(self) -> float | None:
        best = self.oracle.get_best_trials(1)
        return best[0].score if best and best[0].status == COMPLETED else None


class _SearchTuner(TinyNASTuner):
    """Feeds each trial the data at its own resolution."""

    data: SearchData
    augment: Augment | None = None

    def run_trial(self, trial: Any, *arguments: Any, **options: Any) -> Any:
        """Train one network."""
        network = self.hypermodel.space.architecture(trial.hyperparameters.values)
        data = self.data.at(network.input_shape)
        size, seed = self.hypermodel.training.batch_size, self.trial_seed(trial)
        fit = data.fit_arguments(size, seed=seed, augment=self.augment)
        return super().run_trial(trial, *arguments, **fit, **options)


def as_space(space: Space | str | Path | None, data: SearchData) -> Space:
    """The space of a search: as given, from a file, MCUNet's at the data's resolutions, or a small one for the data.

    Raises:
        UsageError: no such space, or one for other data.
    """
    if space is None:
        make = series_space if data.is_series else image_space
        return make(data.input_shape, data.classes)
    if isinstance(space, Space):
        chosen = space
    elif space == "mcunet":
        side = min(data.input_shape[:2])
        sizes = [r for r in MCUNET_RESOLUTIONS if r <= side]
        if not sizes or data.is_series:
            raise UsageError(f"MCUNet's space is for images of 48 pixels or more, got {data.input_shape}")
        chosen = mcunet_space(data.classes, channels=data.input_shape[2], resolutions=sizes)
    elif Path(space).is_file():
        chosen = Space.from_json(Path(space).read_text())
    else:
        raise UsageError(
            f"expected space to be a Space, 'mcunet' or a JSON file, got {space!r}",
            "None makes a small space for the data",
        )
    if chosen.classes != data.classes or chosen.input_shape[2] != data.input_shape[2]:
        raise UsageError(
            f"the space is for {chosen.classes} classes and {chosen.input_shape[2]} channels, "
            f"the data has {data.classes} and {data.input_shape[2]}"
        )
    return chosen


def augment_of(augment: str | Augment, data: SearchData) -> Augment | None:
    """How a search changes its training samples: "auto" moves and stretches series, and leaves images alone.

    Raises:
        UsageError: another word.
    """
    if not isinstance(augment, str):
        return augment
    if augment not in ("auto", "none"):
        raise UsageError(f"expected augment to be 'auto', 'none' or a callable, got {augment!r}")
    return augmented_series if augment == "auto" and data.is_series else None


def _check_directory(folder: Path, settings: dict[str, Any], overwrite: bool) -> None:
    """A directory holds one search: going on with another one in it would mix the two."""
    there = None if overwrite else load_json(folder / "search.json")
    if there is None or there == json.loads(json.dumps(settings)):
        return
    other = [name for name in settings if there.get(name) != json.loads(json.dumps(settings[name]))]
    raise UsageError(
        f"{folder} holds a search with other settings: {', '.join(other)}",
        "give another directory, the same settings to go on, or overwrite=True",
    )


def _budget_dict(budget: Budget, schedules: Sequence[str]) -> dict[str, Any]:
    """The budget as JSON; several schedules as a list, so that searches over one alone go on as before."""
    limits = {k: v for k, v in asdict(budget).items() if k != "target"}
    schedule = schedules[0] if len(schedules) == 1 else list(schedules)
    return {**limits, "schedule": schedule, "target": budget.target.name}


def _check_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"expected {name} to be a positive integer, got {value!r}")


def _is_distributed() -> bool:
    return "KERASTUNER_ORACLE_IP" in os.environ


class _ToLog:
    """Takes what Keras Tuner prints, for a log of the lowest level."""

    def write(self, text: str) -> int:
        if text.strip():
            _LOG.debug("%s", text.rstrip())
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


def _keras_tuner_to_log() -> contextlib.AbstractContextManager[Any]:
    return contextlib.redirect_stdout(_ToLog())  # type: ignore[type-var]
