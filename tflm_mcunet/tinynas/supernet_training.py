"""Trains a supernet: the largest network first, then random subnets (Lin et al. 2020; Cai et al. 2020), killable.

Between the two, channels are sorted by importance. Every batch of the second part trains a few subnets drawn for it,
their gradients averaged. Batches and draws depend on (seed, phase, epoch, batch) alone, so training that continues from
a checkpoint sees what it would have seen.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet.backend.batches import Augment
from tflm_mcunet.backend.elastic_training import ElasticTrainer, Rates, assign, values_of
from tflm_mcunet.errors import McuNetError, UsageError
from tflm_mcunet.tinynas.elastic_space import elastic_choice
from tflm_mcunet.tinynas.state_files import write_bytes
from tflm_mcunet.tinynas.supernet import Supernet

_LOG = logging.getLogger(__name__)

PHASES = ("largest", "subnets")


@dataclass(frozen=True)
class Training:
    """How a supernet is trained.

    Args:
        largest_epochs: int. Of the largest network alone.
        epochs: int. Of random subnets.
        subnets: int. Drawn for every batch; 4 as published.
        batch: int. Samples of a batch.
        optimizer: str. "adam" or "sgd".
        learning_rate: float. Of the largest network; subnets start with a third of it.
        label_smoothing: float.
        distillation: float. Share of the subnets' loss against the largest network's outputs; 0 for none.
        save_seconds: float. Between two checkpoints.
    """

    largest_epochs: int = 20
    epochs: int = 40
    subnets: int = 4
    batch: int = 64
    optimizer: str = "adam"
    learning_rate: float = 3e-3
    label_smoothing: float = 0.1
    distillation: float = 0.5
    save_seconds: float = 30.0


@dataclass(frozen=True)
class Position:
    """Where training is: the batch that comes next."""

    phase: str = "largest"
    epoch: int = 0
    batch: int = 0


def train(
    supernet: Supernet,
    x: np.ndarray,
    y: np.ndarray,
    training: Training | None = None,
    *,
    directory: Path | str | None = None,
    augment: Augment | None = None,
    on_epoch: Callable[[Position, float], None] | None = None,
) -> None:
    """Train all networks of a supernet's space.

    Args:
        supernet: Supernet.
        x: float32[samples, height, width, channels].
        y: int[samples]. Class numbers.
        training: Training or None.
        directory: path or None. Of checkpoints; training with the same arguments continues from the last one.
        augment: callable or None. (batch of x, generator) -> another batch of that shape.
        on_epoch: callable or None. Told (position, mean loss) after every epoch.

    Raises:
        UsageError: the data does not fit the space, or the directory holds other training.
        McuNetError: the loss is no number, or a checkpoint cannot be written.
    """
    x, y = supernet.checked(x, y)
    supernet.use_calibration(x)
    path = Path(directory) / "supernet.npz" if directory else None
    run = _Run(supernet, training or Training(), x, y, augment, path)
    if not run.restore():
        run.begin()
    while (position := run.position) is not None:
        loss = run.epoch()
        if on_epoch:
            on_epoch(position, loss)


class _Run:
    """One call of `train`: what comes next, and what has to be kept for it."""

    def __init__(
        self,
        supernet: Supernet,
        training: Training,
        x: np.ndarray,
        y: np.ndarray,
        augment: Augment | None,
        path: Path | None,
    ) -> None:
        self.supernet, self.training, self.x, self.y = supernet, training, x, y
        self.augment, self.path = augment, path
        self.batches = -(-len(x) // training.batch)
        self.position: Position | None = Position()
        self.trainer = self._trainer("largest")
        self.losses: list[float] = []
        self.saved_at = time.monotonic()

    def begin(self) -> None:
        """Start anew."""
        if not self.training.largest_epochs:
            self._next_phase()

    def epoch(self) -> float:
        """Train to the end of the present epoch; its mean loss, as far as it ran in this process."""
        position = self.position
        assert position is not None
        self.losses = []
        for number, (choices, x, y, teacher) in enumerate(self._work(position)):
            loss = self.trainer.step(choices, x, y, teacher)
            if not np.isfinite(loss):
                raise McuNetError(
                    f"the loss is {loss} in phase {position.phase!r}, epoch {position.epoch}",
                    "a lower learning_rate; the last checkpoint is from before",
                )
            self.losses.append(loss)
            self.position = Position(position.phase, position.epoch, position.batch + number + 1)
            if time.monotonic() - self.saved_at > self.training.save_seconds:
                self.save()
        self._end_epoch(position)
        mean = float(np.mean(self.losses)) if self.losses else float("nan")
        _LOG.info("supernet, %s, epoch %d: loss %.4f", position.phase, position.epoch, mean)
        return mean

    def _work(self, at: Position) -> Iterator[tuple[list[np.ndarray], np.ndarray, np.ndarray, Any]]:
        """(choices, x, y, teacher's logits) of every batch from this position to the end of the epoch."""
        phase = PHASES.index(at.phase)
        space, seed, training = self.supernet.space, self.supernet.seed, self.training
        order = np.random.default_rng((seed, phase, at.epoch)).permutation(len(self.x))
        teacher = self.supernet.teacher if at.phase == "subnets" and training.distillation else None
        for batch in range(at.batch, self.batches):
            random = np.random.default_rng((seed, phase, at.epoch, batch))
            rows = order[batch * training.batch : (batch + 1) * training.batch]
            if at.phase == "largest":
                draws = [self.supernet.largest]
            else:
                draws = [space.sample(random) for _ in range(training.subnets)]
            x = self.x[rows] if self.augment is None else self.augment(self.x[rows], random)
            choices = [elastic_choice(space, draw) for draw in draws]
            yield choices, x, self.y[rows], None if teacher is None else teacher[rows]

    def _end_epoch(self, position: Position) -> None:
        self.position = Position(position.phase, position.epoch + 1, 0)
        if position.phase == "largest" and position.epoch + 1 >= self.training.largest_epochs:
            self._next_phase()
        elif position.phase == "subnets" and position.epoch + 1 >= self.training.epochs:
            self.save()
            self.position = None

    def _next_phase(self) -> None:
        """Sort the channels, ask the largest network for its outputs, and begin to train subnets."""
        supernet = self.supernet
        supernet.sort_channels()
        supernet.teacher = supernet.logits(supernet.largest, self.x)
        self.trainer = self._trainer("subnets")
        self.position = Position("subnets", 0, 0) if self.training.epochs else None
        self.save()

    def _trainer(self, phase: str) -> ElasticTrainer:
        training, largest = self.training, phase == "largest"
        epochs = training.largest_epochs if largest else training.epochs
        return ElasticTrainer(
            self.supernet.network,
            Rates(
                training.optimizer,
                training.learning_rate if largest else training.learning_rate / 3,
                epochs * self.batches,
                training.label_smoothing,
                0.0 if largest else training.distillation,
            ),
        )

    def save(self) -> None:
        """Write a checkpoint from which training continues with the next batch."""
        self.saved_at = time.monotonic()
        if self.path is None:
            return
        end = Position("subnets", self.training.epochs, 0)
        meta = {"training": self._fingerprint(), "position": asdict(self.position or end)}
        arrays: dict[str, np.ndarray] = {**values_of(self.supernet.network), **self.trainer.state()}
        if self.supernet.teacher is not None:
            arrays["teacher"] = self.supernet.teacher
        buffer = io.BytesIO()
        np.savez(buffer, meta=np.array(json.dumps(meta)), **arrays)  # type: ignore[arg-type]
        write_bytes(self.path, buffer.getvalue())

    def restore(self) -> bool:
        """Continue from the checkpoint; False where there is none."""
        if self.path is None or not self.path.is_file():
            return False
        try:
            with np.load(self.path) as file:
                arrays = {name: file[name] for name in file.files}
            meta = json.loads(str(arrays.pop("meta")))
        except (OSError, ValueError, KeyError) as error:
            raise McuNetError(f"cannot read {self.path}: {error}", "remove it to begin anew") from error
        if meta["training"] != self._fingerprint():
            raise UsageError(
                f"{self.path} holds a supernet of another space, data, seed or training",
                "give another directory, or remove it",
            )
        position = Position(**meta["position"])
        assign(self.supernet.network, arrays)
        self.supernet.teacher = arrays.get("teacher")
        self.trainer = self._trainer(position.phase)
        self.trainer.restore(arrays)
        done = position.phase == "subnets" and position.epoch >= self.training.epochs
        self.position = None if done else position
        return True

    def _fingerprint(self) -> str:
        settings = {**asdict(self.training), "save_seconds": 0}
        digest = hashlib.sha256(json.dumps([settings, self.supernet.seed]).encode())
        digest.update(self.supernet.space.to_json().encode())
        digest.update(self.x.tobytes() + self.y.tobytes())
        return digest.hexdigest()[:16]
