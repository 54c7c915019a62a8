"""Final training: from the supernet's weights or anew, against labels and a teacher, continued after a stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tflm_mcunet import datasets
from tflm_mcunet.backend.distillation import distilled_targets
from tflm_mcunet.errors import McuNetError, UsageError
from tflm_mcunet.tinynas.final_training import FinalTraining, train_final
from tflm_mcunet.tinynas.space import Space, Stage
from tflm_mcunet.tinynas.supernet import Supernet
from tflm_mcunet.tinynas.supernet_training import Training, train

TINY = Space("tiny", (8, 8, 1), 10, (Stage(16, 2, (1, 2), (3, 5), (2, 3)),), stem_channels=8, stem_stride=1)
SMALL = TINY.extreme(False)


@pytest.fixture(scope="module")
def trained() -> tuple[Supernet, Any]:
    data = datasets.load("digits").with_validation(0.2, seed=0)
    supernet = Supernet(TINY, seed=0)
    train(supernet, data[0], data[1], Training(2, 2, learning_rate=5e-3))
    return supernet, data


def accuracy(model: Any, x: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean(np.asarray(model(x, training=False)).argmax(1) == y))


def test_targets_are_labels_smoothed_and_mixed_with_the_teacher() -> None:
    y, teacher = np.array([2, 0]), np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))
    plain = distilled_targets(y, teacher, share=0.0)
    np.testing.assert_allclose(plain, [[0, 0, 1], [1, 0, 0]])
    smooth = distilled_targets(y, teacher, share=0.0, label_smoothing=0.3)
    np.testing.assert_allclose(smooth, [[0.1, 0.1, 0.8], [0.8, 0.1, 0.1]], atol=1e-6)
    mixed = distilled_targets(y, teacher, share=0.5)
    np.testing.assert_allclose(mixed, [[0.25, 0.125, 0.625], [0.55, 0.05, 0.4]], atol=1e-6)
    for share, logits in ((1.5, teacher), (0.5, teacher[:1])):
        with pytest.raises(UsageError):
            distilled_targets(y, logits, share=share)


def test_the_winner_begins_where_the_supernet_left_it_and_gets_better(trained: tuple[Supernet, Any]) -> None:
    supernet, (x, y, x_validation, y_validation) = trained
    untouched = train_final(supernet, SMALL, x, y, FinalTraining(epochs=0))
    before = accuracy(untouched.model, x_validation, y_validation)
    assert before == pytest.approx(supernet.accuracy(SMALL, x_validation, y_validation))
    final = train_final(
        supernet,
        SMALL,
        x,
        y,
        FinalTraining(epochs=4, distillation=0.5),
        validation=(x_validation, y_validation),
    )
    after = accuracy(final.model, x_validation, y_validation)
    assert after > before
    assert final.history["val_accuracy"][-1] == pytest.approx(after, abs=1e-6)
    assert final.kept == "trained"
    assert (final.searched_accuracy, final.trained_accuracy) == (pytest.approx(before), pytest.approx(after))
    anew = train_final(supernet, SMALL, x, y, FinalTraining(epochs=0, inherits=False))
    assert accuracy(anew.model, x_validation, y_validation) < before


def test_the_searched_weights_are_kept_where_training_does_harm(trained: tuple[Supernet, Any]) -> None:
    supernet, (x, y, *validation) = trained
    searched = train_final(supernet, SMALL, x, y, FinalTraining(epochs=0)).model
    wrong = (y + 1) % 10
    harmed = train_final(supernet, SMALL, x, wrong, FinalTraining(epochs=3))
    assert (harmed.kept, harmed.trained_accuracy) == ("trained", None)  # nothing to choose by
    saved = train_final(supernet, SMALL, x, wrong, FinalTraining(epochs=3), validation=tuple(validation))
    assert saved.kept == "searched"
    assert saved.trained_accuracy == pytest.approx(accuracy(harmed.model, *validation), abs=0.1)
    assert saved.searched_accuracy == pytest.approx(accuracy(saved.model, *validation))
    for kept, begun in zip(saved.model.get_weights(), searched.get_weights()):
        np.testing.assert_allclose(kept, begun, rtol=1e-3, atol=1e-3)  # calibrated twice


def test_training_that_was_stopped_continues(trained: tuple[Supernet, Any], tmp_path: Path) -> None:
    supernet, (x, y, *_) = trained
    for epochs, ran in ((1, 1), (3, 2), (3, 0)):
        settings = FinalTraining(epochs=epochs)
        final = train_final(supernet, SMALL, x[:200], y[:200], settings, directory=tmp_path)
        assert len(final.history.get("loss", [])) == ran


def test_a_loss_that_is_no_number_is_an_error(trained: tuple[Supernet, Any]) -> None:
    supernet, (x, y, *_) = trained
    broken = x[:64].copy()
    broken[3] = np.inf
    with pytest.raises(McuNetError, match="the loss is nan"):
        train_final(supernet, SMALL, broken, y[:64], FinalTraining(epochs=2))
