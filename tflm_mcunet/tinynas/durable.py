"""What Keras Tuner's oracles lack for long searches: files that a kill cannot damage, and leases for lost workers."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tflm_mcunet.errors import McuNetError
from tflm_mcunet.tinynas.hosting import keras_tuner
from tflm_mcunet.tinynas.state_files import write_bytes

_LOG = logging.getLogger(__name__)

RUNNING, IDLE, STOPPED, COMPLETED, FAILED = "RUNNING", "IDLE", "STOPPED", "COMPLETED", "FAILED"


class Durable:
    """A mixin in front of a Keras Tuner oracle.

    - State and trials are written atomically. A kill between the two writes that belong together is repaired when the
      search is resumed: what completed counts, what was running runs again.
    - With `lease_seconds` above 0, a worker that has not been heard of for that long is given up, and its trial goes
      to the next worker that asks. Workers are told to wait, not to leave, while others still run trials.
    - A trial that ends twice, because its worker was given up but lived, counts once.
    """

    lease_seconds: float = 0.0
    on_trial_finished: Callable[[Any], None] | None = None

    def save(self: Any) -> None:
        """Write the oracle's state."""
        write_bytes(Path(self._get_oracle_fname()), json.dumps(self.get_state()).encode())

    def _save_trial(self: Any, trial: Any) -> None:
        path = Path(self._get_trial_dir(trial.trial_id), "trial.json")
        write_bytes(path, json.dumps(trial.get_state()).encode())

    def reload(self: Any) -> None:
        """Read the state back, and put right what a kill left between two files."""
        super().reload()  # type: ignore[misc]
        self.trials = dict(sorted(self.trials.items()))
        for trial_id, trial in self.trials.items():
            if trial_id not in self.start_order:
                self.start_order.append(trial_id)
            if trial_id in self.end_order:
                continue
            if trial.status == COMPLETED and trial.score is not None:
                self.end_order.append(trial_id)
                while trial_id in self._retry_queue:
                    self._retry_queue.remove(trial_id)
            else:
                trial.status, trial.metrics = RUNNING, keras_tuner.engine.trial.Trial(None).metrics
                if trial_id not in self._retry_queue:
                    self._retry_queue.append(trial_id)

    @property
    def heard(self) -> dict[str, float]:
        """Worker -> when it was last heard of."""
        return self.__dict__.setdefault("_heard", {})

    def give_up_lost_workers(self: Any) -> None:
        """Queue the trials of workers whose lease has run out; called by a watch and by every request."""
        if not self.lease_seconds:
            return
        now = time.monotonic()
        for tuner_id in {*self.tuner_ids, *self.ongoing_trials}:
            if now - self.heard.setdefault(tuner_id, now) <= self.lease_seconds:
                continue
            trial = self.ongoing_trials.pop(tuner_id, None)
            self.tuner_ids.discard(tuner_id)
            self.heard.pop(tuner_id, None)
            if trial is not None and trial.trial_id not in self.end_order:
                self._retry_queue.append(trial.trial_id)
                _LOG.warning("worker %s is lost; trial %s goes to another", tuner_id, trial.trial_id)
                self.save()

    def watch(self) -> None:
        """Look for lost workers from a thread, for a chief that only answers."""

        def look() -> None:
            while True:
                time.sleep(max(0.2, self.lease_seconds / 4))
                _expire(self)

        threading.Thread(target=look, daemon=True, name="tinynas-lease").start()

    def create_trial(self: Any, tuner_id: str) -> Any:
        """Keras Tuner's, with leases."""
        return _create_trial(self, super().create_trial, tuner_id)  # type: ignore[misc]

    def get_trial(self: Any, trial_id: str) -> Any:
        """Keras Tuner's; a worker that asks for its trial is alive."""
        for tuner_id, trial in list(self.ongoing_trials.items()):
            if trial.trial_id == trial_id:
                self.heard[tuner_id] = time.monotonic()
        return super().get_trial(trial_id)  # type: ignore[misc]

    def end_trial(self: Any, trial: Any) -> None:
        """Keras Tuner's, once for each trial."""
        _end_trial(self, super().end_trial, trial)  # type: ignore[misc]

    def _check_consecutive_failures(self: Any) -> None:
        """Keras Tuner raises before it has saved, and loses the trial: note it here, `end_trial` raises."""
        try:
            super()._check_consecutive_failures()  # type: ignore[misc]
        except RuntimeError:
            self.__dict__["_too_many_failures"] = True


@keras_tuner.synchronized
def _create_trial(self: Any, create: Any, tuner_id: str) -> Any:
    self.heard[tuner_id] = time.monotonic()
    self.give_up_lost_workers()
    trial = create(tuner_id)
    if trial.status == STOPPED and self.lease_seconds and (self.ongoing_trials or self._retry_queue):
        trial.status = IDLE
        self.tuner_ids.add(tuner_id)
    return trial


@keras_tuner.synchronized
def _expire(self: Any) -> None:
    self.give_up_lost_workers()


def _end_trial(self: Any, end: Any, trial: Any) -> None:
    if trial.trial_id in self.end_order:
        _forget(self, trial.trial_id)
        return
    end(trial)
    _forget(self, trial.trial_id)
    if self.on_trial_finished is not None:
        self.on_trial_finished(self.trials[trial.trial_id])
    if self.__dict__.pop("_too_many_failures", False):
        count, last = self.max_consecutive_failed_trials, self.trials[trial.trial_id]
        reason = (last.message or "the objective is not a number").strip().splitlines()[-1]
        raise TooManyFailures(
            f"{count} trials in a row failed; the last: {reason}",
            "look at learning_rate, the data and the labels; what was searched before is kept",
        )


@keras_tuner.synchronized
def _forget(self: Any, trial_id: str) -> None:
    """Drop a finished trial from those that run or wait."""
    self.ongoing_trials = {t: o for t, o in self.ongoing_trials.items() if o.trial_id != trial_id}
    self._retry_queue = [waiting for waiting in self._retry_queue if waiting != trial_id]
    self.save()


class TooManyFailures(McuNetError):
    """As many trials in a row failed as a search puts up with."""
