"""Training batches: every epoch in another order, the same by seed, no sample left out; series moved, not broken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tflm_mcunet.backend.batches import augmented_series, training_batches


def seen_in_fit(batches: Any, epochs: int) -> list[list[int]]:
    """The samples that `model.fit` is given, epoch by epoch."""
    keras = pytest.importorskip("keras")

    class Watch(keras.Model):
        def train_step(self, data: Any) -> dict[str, Any]:
            seen[-1] += np.asarray(data[0])[:, 0].astype(int).tolist()
            return {"loss": 0.0}

    class Begin(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            seen.append([])

    seen: list[list[int]] = []
    model = Watch()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(batches, epochs=epochs, shuffle=False, verbose=0, callbacks=[Begin()])
    return seen


def samples(count: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.arange(count, dtype=np.float32)[:, None]
    return x, x


@pytest.mark.parametrize(("count", "size"), [(12, 4), (10, 4), (6, 8)])
def test_each_epoch_has_another_order_though_keras_is_seeded(count: int, size: int) -> None:
    keras = pytest.importorskip("keras")
    runs = []
    for global_seed in (1, 2):
        keras.utils.set_random_seed(global_seed)
        runs.append(seen_in_fit(training_batches(*samples(count), size, seed=3), 4))
    first, again = runs
    assert first == again
    assert len({tuple(epoch) for epoch in first}) == 4
    for epoch in first:
        assert len(epoch) == -(-count // size) * size
        assert set(epoch) == set(range(count))


def test_another_seed_is_another_order_and_labels_stay_with_their_samples() -> None:
    pytest.importorskip("tensorflow")
    x, _ = samples(40)
    one, other = (
        [(a.numpy(), b.numpy()) for a, b in training_batches(x, 2 * x, 8, seed=seed)] for seed in (1, 2)
    )
    assert any(not np.array_equal(a, b) for (a, _), (b, _) in zip(one, other))
    for batch, labels in one:
        assert np.array_equal(2 * batch, labels)


def test_what_is_changed_is_changed_anew_in_every_epoch_and_the_same_by_seed() -> None:
    pytest.importorskip("tensorflow")
    x = np.ones((8, 20, 1, 2), np.float32) * np.arange(20, dtype=np.float32)[None, :, None, None]

    def epochs(seed: int) -> list[np.ndarray]:
        batches = training_batches(x, np.arange(8), 4, seed=seed, augment=augmented_series)
        assert batches.element_spec[0].shape == (4, 20, 1, 2)
        return [np.concatenate([a.numpy() for a, _ in batches]) for _ in range(2)]

    first, second = epochs(5)
    again, _ = epochs(5)
    assert np.array_equal(first, again)
    assert not np.allclose(first, second)


def test_a_series_keeps_its_shape_its_order_in_time_and_about_its_size() -> None:
    random = np.random.default_rng(0)
    x = np.linspace(0, 1, 200, dtype=np.float32)[None, :, None, None].repeat(50, 0)
    changed = augmented_series(x, random)
    assert changed.shape == x.shape and changed.dtype == np.float32
    smooth = np.apply_along_axis(lambda s: np.convolve(s, np.ones(40) / 40, "valid"), 1, changed[:, :, 0, 0])
    assert (np.diff(smooth[:, ::20], axis=1) > -0.02).all(), "time runs forward"
    middle = changed[:, 90:110].mean(axis=(1, 2, 3))
    assert 0.3 < middle.min() < 0.46 and 0.54 < middle.max() < 0.77, "moved, and louder or quieter"
