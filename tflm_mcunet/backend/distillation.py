"""Training of a classifier against labels and a teacher's outputs at once, by Keras' own `fit`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflm_mcunet.backend.batches import training_batches
from tflm_mcunet.backend.frameworks import load
from tflm_mcunet.errors import UsageError


def distilled_targets(
    y: np.ndarray, teacher: np.ndarray, *, share: float, label_smoothing: float = 0.0
) -> np.ndarray:
    """Probabilities to train against: smoothed labels mixed with a teacher's (Hinton et al. 2015, temperature one).

    The cross-entropy against the mixture is the mixture of the cross-entropies, so no loss of its own is needed.

    Args:
        y: int[samples]. Class numbers.
        teacher: float[samples, classes]. A teacher's logits.
        share: float in [0, 1]. Of the teacher.
        label_smoothing: float.

    Returns:
        float32[samples, classes]. Rows sum to one.

    Raises:
        UsageError: a share outside [0, 1], or a teacher of other samples.

    >>> distilled_targets(np.array([1]), np.zeros((1, 2)), share=0.5).tolist()
    [[0.25, 0.75]]
    """
    if not 0 <= share <= 1:
        raise UsageError(f"expected the teacher's share in [0, 1], got {share}")
    if teacher.ndim != 2 or len(teacher) != len(y):
        raise UsageError(f"expected a teacher's logits for {len(y)} samples, got shape {teacher.shape}")
    classes = teacher.shape[1]
    labels = np.eye(classes, dtype=np.float64)[np.asarray(y)]
    labels = labels * (1 - label_smoothing) + label_smoothing / classes
    exponents = np.exp(teacher.astype(np.float64) - teacher.max(1, keepdims=True))
    soft = exponents / exponents.sum(1, keepdims=True)
    return np.asarray((1 - share) * labels + share * soft, np.float32)


def fit_targets(
    model: Any,
    x: np.ndarray,
    targets: np.ndarray,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    backup_folder: str | None = None,
) -> dict[str, list[float]]:
    """Train a model of logits against probabilities: Adam, the learning rate falling to zero as a cosine.

    Args:
        model: Keras 3 model.
        x: float32[samples, ...].
        targets: float32[samples, classes]. See `distilled_targets`.
        epochs, batch_size: int.
        learning_rate: float. At the first step.
        seed: int. Of the order of the samples.
        validation: (x, probabilities) or None. Looked at after every epoch; nothing is chosen by it.
        backup_folder: path or None. A `fit` that was killed continues from there, at its last whole epoch.

    Returns:
        dict. Keras' history: a value for each epoch that ran.
    """
    keras = load("keras", "nas")
    keras.utils.set_random_seed(seed)
    steps = epochs * -(-len(x) // batch_size)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, max(1, steps))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    callbacks = [keras.callbacks.TerminateOnNaN()]
    if backup_folder:
        callbacks.append(keras.callbacks.BackupAndRestore(backup_folder, delete_checkpoint=False))
    history = model.fit(
        training_batches(x, targets, batch_size, seed=seed),
        shuffle=False,
        epochs=epochs,
        validation_data=validation,
        callbacks=callbacks,
        verbose=0,
    )
    return {name: [float(v) for v in values] for name, values in history.history.items()}
