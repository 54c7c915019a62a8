"""Whose weights are kept: the best epoch's, of equals that of lower loss, or those before training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tflm_mcunet.backend.training import BestEpoch


class Model:
    """Stands in for a Keras model: its weights are the number of the epoch."""

    epoch = -1.0

    def get_weights(self) -> list[np.ndarray]:
        return [np.array(self.epoch)]

    def evaluate(self, x: Any, y: Any, batch_size: Any, return_dict: bool, verbose: int) -> dict[str, float]:
        return {"accuracy": 0.75, "loss": 0.5}


def kept(
    epochs: list[dict[str, float]], metric: str = "val_accuracy", *, begins_trained: bool = False
) -> float:
    model, best = Model(), BestEpoch(metric, metric != "val_loss")
    best.set_model(model)
    if begins_trained:
        best.before(model, (0, 0), 1)
    for number, logs in enumerate(epochs):
        model.epoch = float(number)
        best.on_epoch_end(number, logs)
    assert best.weights is not None
    assert best.logs == epochs[int(best.weights[0])] or best.weights[0] == -1
    return float(best.weights[0])


def logs(accuracy: float, loss: float) -> dict[str, float]:
    return {"val_accuracy": accuracy, "val_loss": loss}


@pytest.mark.parametrize(
    ("epochs", "best"),
    [
        ([logs(0.5, 1), logs(0.7, 2), logs(0.6, 0.1)], 1),
        ([logs(0.7, 1), logs(0.7, 0.5), logs(0.7, 0.6)], 1),
        ([logs(0.7, 1), logs(math.nan, 0.5), logs(0.7, math.nan)], 0),
        ([{"val_accuracy": 0.2}, {"val_accuracy": 0.4}, {"val_accuracy": 0.4}], 1),
    ],
)
def test_of_equal_epochs_the_one_of_lower_loss_is_kept(epochs: list[dict[str, float]], best: int) -> None:
    assert kept(epochs) == best


def test_the_loss_itself_may_be_the_metric() -> None:
    assert kept([logs(0.9, 1), logs(0.2, 0.5), logs(0.9, 0.7)], "val_loss") == 1


def test_inherited_weights_stay_where_training_only_harms() -> None:
    assert kept([logs(0.7, 0.1), logs(0.75, 0.6)], begins_trained=True) == -1
    assert kept([logs(0.7, 0.1), logs(0.75, 0.4)], begins_trained=True) == 1


def test_nothing_is_kept_of_a_training_without_numbers() -> None:
    best = BestEpoch("val_accuracy", True)
    best.set_model(Model())
    best.on_epoch_end(0, {"val_accuracy": math.nan, "val_loss": math.nan})
    assert best.weights is None
