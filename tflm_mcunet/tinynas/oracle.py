"""`TinyNASOracle`: proposes networks of a search space that fit a device, to any Keras Tuner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tflm_mcunet.errors import ConstraintError
from tflm_mcunet.tinynas.architecture import Architecture
from tflm_mcunet.tinynas.budget import Budget
from tflm_mcunet.tinynas.durable import COMPLETED, RUNNING, STOPPED, Durable
from tflm_mcunet.tinynas.hosting import keras_tuner
from tflm_mcunet.tinynas.schedule_choice import memory_oracle
from tflm_mcunet.tinynas.space import Space
from tflm_mcunet.tinynas.strategies import Scored, Strategy, View, as_strategy

#: The value that names the trial whose weights a network inherits.
PARENT = "tinynas/parent"


def loss_of(trial: Any) -> float:
    """The validation loss of a finished trial, by which trials of one score are told apart; infinity if unknown."""
    known = trial.metrics.exists("val_loss")
    return float(trial.metrics.get_best_value("val_loss")) if known else float("inf")


class TinyNASOracle(Durable, keras_tuner.Oracle):
    """A Keras Tuner oracle over a space of architectures, under a budget.

    A candidate is built as a Graph and its memory planned before it is proposed; what does not fit never becomes a
    trial. Choices depend on the seed, the number of the trial and the scores so far alone, so that a search
    that was killed and resumed goes on as it would have.

    Args:
        space: Space.
        budget: Budget.
        strategy: str or Strategy. "evolution", "random" or "bayesian".
        objective: str or keras_tuner.Objective.
        max_trials: int.
        seed: int.
        schedules: sequence of str. Several where each network gets the first under which it fits, see
            `schedule_choice`; by default the budget's own alone.
        lease_seconds: float. With several workers: after how long a silent one is given up; 0 for never.
        **options: of keras_tuner.Oracle.

    Raises:
        ConstraintError: from `create_trial`, where no candidate fits.
    """

    def __init__(
        self,
        space: Space,
        budget: Budget,
        *,
        strategy: str | Strategy = "evolution",
        objective: Any = "val_accuracy",
        max_trials: int = 20,
        seed: int = 1,
        schedules: Sequence[str] = (),
        lease_seconds: float = 0.0,
        **options: Any,
    ) -> None:
        hyperparameters = keras_tuner.HyperParameters()
        for name, values in space.choices().items():
            hyperparameters.Choice(name, list(values))
        super().__init__(
            objective=objective,
            max_trials=max_trials,
            hyperparameters=hyperparameters,
            allow_new_entries=False,
            tune_new_entries=True,
            seed=seed,
            **options,
        )
        self.space = space
        self.memory = memory_oracle(budget, schedules)
        self.strategy = as_strategy(strategy, max_trials)
        self.lease_seconds = lease_seconds
        self.verbose = 0

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """The strategy's next draw; only what fits."""
        tried = {self.architecture_of(trial) for trial in self.trials.values()}
        view = View(
            space=self.space,
            history=self.history(),
            is_plausible=self._is_plausible,
            fits=lambda network: not self.memory.why_not(network),
            is_new=lambda network: network not in tried,
            number=len(self.trials),
            random=np.random.default_rng([self.seed, len(self.trials)]),
        )
        proposal = self.strategy.propose(view)
        if proposal is None:
            if not self.trials:
                raise self.nothing_fits()
            return {"status": STOPPED, "values": None}
        values = dict(proposal.choices)
        if proposal.parent:
            values[PARENT] = proposal.parent
        return {"status": RUNNING, "values": values}

    def history(self) -> list[Scored]:
        """The finished trials, in the order in which they finished."""
        sign = 1 if self.objective.direction == "max" else -1
        finished = [self.trials[trial_id] for trial_id in self.end_order if trial_id in self.trials]
        names = self.space.choices()
        return [
            Scored(
                {name: trial.hyperparameters.values[name] for name in names},
                sign * trial.score,
                trial.trial_id,
                loss_of(trial),
            )
            for trial in finished
            if trial.status == COMPLETED and trial.score is not None
        ]

    def architecture_of(self, trial: Any) -> Architecture:
        """The network of a trial."""
        return self.space.architecture(trial.hyperparameters.values)

    def nothing_fits(self) -> ConstraintError:
        """The error for a space of which nothing fits, with the smallest network's needs."""
        smallest = self.space.architecture(self.space.extreme(False))
        budget = self.memory.budget
        why = "; ".join(self.memory.why_not(smallest)) or "it fits, but its place in the space was not found"
        return ConstraintError(
            f"no network of the space {self.space.name!r} was found that fits {budget.target.name} with schedule "
            f"{' or '.join(self.memory.schedules)!r}. The smallest one: {why}",
            "lower the input's resolution, add smaller widths or fewer blocks to the space, or take "
            "schedule='stream', which needs less SRAM",
        )

    def get_state(self) -> dict[str, Any]:
        """Keras Tuner's, with the counts behind the fit rate."""
        state: dict[str, Any] = super().get_state()
        return {**state, "asked": self.memory.asked, "kept": self.memory.kept}

    def set_state(self, state: dict[str, Any]) -> None:
        """The inverse of `get_state`."""
        super().set_state(state)
        self.memory.asked, self.memory.kept = state["asked"], state["kept"]

    def _is_plausible(self, network: Architecture) -> bool:
        is_plausible = self.memory.is_plausible(network)
        self.memory.asked += 1
        self.memory.kept += is_plausible
        return is_plausible
