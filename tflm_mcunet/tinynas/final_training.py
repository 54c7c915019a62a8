"""The last step of a search: its winner trained to the end, from the supernet and against its largest network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet.backend.distillation import distilled_targets, fit_targets
from tflm_mcunet.errors import McuNetError
from tflm_mcunet.tinynas.build import keras_model_of
from tflm_mcunet.tinynas.space import Choices
from tflm_mcunet.tinynas.supernet import Supernet


@dataclass(frozen=True)
class FinalTraining:
    """How the winner is trained.

    Args:
        epochs, batch_size: int.
        learning_rate: float. At the first step; it falls to zero as a cosine.
        label_smoothing: float.
        distillation: float. Share of the loss against the outputs of the supernet's largest network; 0 for none.
        inherits: bool. Whether training begins with the supernet's weights, or anew.
    """

    epochs: int = 40
    batch_size: int = 32
    learning_rate: float = 2e-3
    label_smoothing: float = 0.1
    distillation: float = 0.0
    inherits: bool = True


@dataclass(frozen=True)
class FinalModel:
    """A network after its final training.

    Args:
        model: Keras 3 model. Gives logits.
        history: dict. Keras' own, of the epochs that this call trained.
        kept: str. "trained", or "searched" where the weights that training began with have the higher validation
            accuracy: those the model then holds.
        searched_accuracy, trained_accuracy: float or None. On the validation data; None without any.
    """

    model: Any
    history: dict[str, list[float]]
    kept: str = "trained"
    searched_accuracy: float | None = None
    trained_accuracy: float | None = None


def train_final(
    supernet: Supernet,
    choices: Choices,
    x: np.ndarray,
    y: np.ndarray,
    settings: FinalTraining | None = None,
    *,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    seed: int = 0,
    directory: Path | str | None = None,
) -> FinalModel:
    """Train a subnet as a model of its own; it is never worse on the validation data than what the search found.

    Args:
        supernet: Supernet. Trained.
        choices: mapping. Of its space.
        x, y: the training data: float32[samples, height, width, channels], int[samples].
        settings: FinalTraining or None.
        validation: (x, y) or None. For the history; and where inherited weights do better on it than trained ones
            (as likely with little data), they are kept.
        seed: int. Of the order of the samples, and of weights that are not inherited.
        directory: path or None. Training that was killed continues from there.

    Returns:
        FinalModel.

    Raises:
        UsageError: data that does not fit the space.
        McuNetError: the loss became no number.
    """
    settings = settings or FinalTraining()
    x, y = supernet.checked(x, y)
    if not supernet.calibration:
        supernet.use_calibration(x)
    if settings.distillation:
        teacher = supernet.logits(supernet.largest, x)
    else:
        teacher = np.zeros((len(x), supernet.shape.classes), np.float32)
    targets = distilled_targets(
        y, teacher, share=settings.distillation, label_smoothing=settings.label_smoothing
    )
    if settings.inherits:
        model = supernet.extract(choices)
    else:
        model = keras_model_of(supernet.space.architecture(choices), seed=seed)
    checked = None
    if validation is not None:
        x_validation, y_validation = supernet.checked(*validation)
        checked = x_validation, np.eye(supernet.shape.classes, dtype=np.float32)[y_validation]
    begun = model.get_weights() if checked and settings.inherits else None
    searched = _accuracy(model, checked) if begun else None
    history = fit_targets(
        model,
        x,
        targets,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=seed,
        validation=checked,
        backup_folder=str(Path(directory) / "final") if directory else None,
    )
    losses = history.get("loss", [])
    if losses and not np.isfinite(losses[-1]):
        raise McuNetError(
            f"the loss is {losses[-1]} after {len(losses)} epochs of the final training",
            "a lower learning_rate",
        )
    trained = _accuracy(model, checked)
    if begun and searched is not None and trained is not None and searched > trained:
        model.set_weights(begun)
        return FinalModel(model, history, "searched", searched, trained)
    return FinalModel(model, history, "trained", searched, trained)


def _accuracy(model: Any, data: tuple[np.ndarray, np.ndarray] | None) -> float | None:
    """Share of samples in the right class, of one-hot labels; None without data."""
    if data is None:
        return None
    x, one_hot = data
    return float(np.mean(model.predict(x, verbose=0).argmax(1) == one_hot.argmax(1)))
