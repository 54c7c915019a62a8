"""`TinyNASTuner`: trains what a `TinyNASOracle` proposes; a Keras Tuner in all else, chief and workers included."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet.backend.training import (
    BestEpoch,
    compile_classifier,
    inherit_weights,
    load_weights,
    seed_everything,
    stop_at_nan,
    weight_bytes,
)
from tflm_mcunet.errors import McuNetError
from tflm_mcunet.tinynas.build import keras_model_of
from tflm_mcunet.tinynas.hosting import keras_tuner
from tflm_mcunet.tinynas.inherit import matching_layers
from tflm_mcunet.tinynas.oracle import PARENT, TinyNASOracle
from tflm_mcunet.tinynas.space import Space
from tflm_mcunet.tinynas.state_files import write_bytes

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Training:
    """How every trial is trained.

    Args:
        epochs, batch_size: int.
        learning_rate: float. At the beginning; it falls to zero as a cosine.
        dropout: float. Before the last layer.
        inherit: bool. Whether a network that was bred from another one begins with its weights.
        one_hot: bool. Whether labels are one-hot rather than indices.
    """

    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 3e-3
    dropout: float = 0.0
    inherit: bool = True
    one_hot: bool = False


class TinyNASHyperModel(keras_tuner.HyperModel):
    """Builds the Keras model of a draw.

    Args:
        space: Space.
        training: Training.
        steps: int. Batches of one training.
    """

    def __init__(self, space: Space, training: Training, steps: int) -> None:
        super().__init__(name="tinynas", tunable=True)
        self.space, self.training, self.steps = space, training, steps

    def build(self, hp: Any) -> Any:
        """The compiled model."""
        model = keras_model_of(self.space.architecture(hp.values), dropout=self.training.dropout)
        compile_classifier(
            model,
            learning_rate=self.training.learning_rate,
            steps=self.steps,
            one_hot=self.training.one_hot,
        )
        return model


class TinyNASTuner(keras_tuner.Tuner):
    """A Keras Tuner for networks of a search space.

    Trials are seeded by the oracle's seed and their own number. With the environment of Keras Tuner's chief and
    workers it runs as one of them; a worker tells the chief that it lives, and the chief gives the trial of one that
    does not to another, after the oracle's lease.

    Args:
        oracle: TinyNASOracle, or any other oracle whose hyperparameters are the space's choices.
        hypermodel: TinyNASHyperModel.
        seed: int. Of weights and of the order of samples.
        **options: of keras_tuner.Tuner: directory, project_name, distribution_strategy, …

    Raises:
        McuNetError: from `search`: too many trials in a row failed, or the disk is full.
        ConstraintError: from `search`: nothing fits.
    """

    def __init__(self, oracle: Any, hypermodel: TinyNASHyperModel, *, seed: int = 1, **options: Any) -> None:
        self.network_seed = seed
        self._lease_seconds = getattr(oracle, "lease_seconds", 0.0)
        self._waits = False
        super().__init__(oracle, hypermodel, **options)

    def _populate_initial_space(self) -> None:
        """Nothing to find out by building models: a space of architectures is declared."""

    def search(self, *arguments: Any, **options: Any) -> None:
        """Keras Tuner's; the chief also watches for workers that are lost."""
        if _is_chief() and self._lease_seconds:
            self.oracle.watch()
        super().search(*arguments, **options)

    def pre_create_trial(self) -> None:
        """Keras Tuner asks again at once when there is nothing to do: wait a little."""
        if self._waits:
            time.sleep(0.5)
        self._waits = True

    def on_trial_begin(self, trial: Any) -> None:
        """Called when there is a trial."""
        self._waits = False
        super().on_trial_begin(trial)

    def on_search_begin(self) -> None:
        """State is there from the first moment, so that a search killed in its first trial resumes."""
        if not self._is_worker():
            self.save()
        super().on_search_begin()

    def run_trial(self, trial: Any, *arguments: Any, **options: Any) -> Any:
        """Train one network; its best epoch's weights are written once, in one step.

        Returns:
            dict. Metrics of that epoch.
        """
        seed_everything(self.trial_seed(trial))
        callbacks = self._deepcopy_callbacks(options.pop("callbacks", []))
        self._configure_tensorboard_dir(callbacks, trial)
        with self._alive(trial.trial_id):
            return self._trained(trial, [*callbacks, stop_at_nan()], *arguments, **options)

    def trial_seed(self, trial: Any) -> int:
        """Of a trial's weights and of the order of its samples."""
        return self.network_seed * 100_003 + int(trial.trial_id)

    def load_model(self, trial: Any) -> Any:
        """The trained model of a trial."""
        model = self._try_build(trial.hyperparameters)
        load_weights(model, self.checkpoint(trial.trial_id))
        return model

    def checkpoint(self, trial_id: str) -> Path:
        """Where a trial's weights lie."""
        return Path(self.get_trial_dir(trial_id), "weights.npz")

    def save(self) -> None:
        """Keras Tuner's, written in one step."""
        if not self._is_worker():
            self.oracle.save()
        write_bytes(Path(self._get_tuner_fname()), b"{}")

    def _trained(self, trial: Any, callbacks: list[Any], *arguments: Any, **options: Any) -> Any:
        hp, objective = trial.hyperparameters, self.oracle.objective
        model = self._build_hypermodel(hp)
        parent = hp.values.get(PARENT)
        if parent and self.hypermodel.training.inherit:
            self._inherit(model, hp.values, str(parent))
        best = BestEpoch(objective.name, objective.direction == "max")
        begin = getattr(getattr(self.oracle, "strategy", None), "initial_weights", None)
        if begin is not None and self.hypermodel.training.inherit:
            for name, weights in begin(hp.values).items():
                model.get_layer(name).set_weights(weights)
            best.before(model, options.get("validation_data"), options.get("validation_batch_size"))
        history = model.fit(*arguments, **options, callbacks=[*callbacks, best])
        losses = history.history.get("loss", [])
        if not losses or not np.all(np.isfinite(losses)) or best.weights is None:
            raise keras_tuner.errors.FailedTrialError(
                f"the loss is not a number after {len(losses)} epochs of training"
            )
        try:
            write_bytes(self.checkpoint(trial.trial_id), weight_bytes(best.weights))
        except McuNetError as error:
            raise _Fatal(error.message, error.hint) from error
        return best.logs

    def _inherit(self, model: Any, values: dict[str, Any], parent_id: str) -> None:
        """Begin with the parent's weights; without, where its checkpoint is not there."""
        checkpoint = self.checkpoint(parent_id)
        if not checkpoint.exists():
            return
        space = self.hypermodel.space
        parent = self.oracle.get_trial(parent_id).hyperparameters.values
        weights = load_weights(keras_model_of(space.architecture(parent)), checkpoint)
        share = inherit_weights(model, weights, matching_layers(space, values, parent))
        _LOG.debug("%.0f %% of the weights come from trial %s", 100 * share, parent_id)

    @contextmanager
    def _alive(self, trial_id: str) -> Iterator[None]:
        """While the block runs, tell the chief now and then that this worker lives."""
        if not self._is_worker() or not self._lease_seconds:
            yield
            return
        done = threading.Event()

        def tell() -> None:
            while not done.wait(self._lease_seconds / 4):
                self.oracle.get_trial(trial_id)

        thread = threading.Thread(target=tell, daemon=True, name="tinynas-alive")
        thread.start()
        try:
            yield
        finally:
            done.set()


class _Fatal(keras_tuner.errors.FatalError, McuNetError):
    """An error that Keras Tuner does not take for a failed trial."""


def _is_chief() -> bool:
    return "KERASTUNER_ORACLE_IP" in os.environ and "chief" in os.environ.get("KERASTUNER_TUNER_ID", "")


def make_tuner(
    oracle: TinyNASOracle, training: Training, steps: int, directory: Path, **options: Any
) -> TinyNASTuner:
    """A tuner for an oracle's own space, in a directory."""
    hypermodel = TinyNASHyperModel(oracle.space, training, steps)
    return TinyNASTuner(
        oracle,
        hypermodel,
        seed=oracle.seed,
        directory=str(directory),
        project_name="trials",
        **options,
    )
