"""Training batches: in another order each epoch, whatever is seeded, and changed at random where that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tflm_mcunet.backend.frameworks import load

#: (batch of x, generator) -> another batch of that shape.
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def training_batches(
    x: np.ndarray, y: np.ndarray, batch_size: int, *, seed: int, augment: Augment | None = None
) -> Any:
    """The data of `model.fit`; the last batch is filled with other samples, since every size is traced anew.

    `model.fit` over arrays repeats one order in every epoch once `keras.utils.set_random_seed` was called (Keras 3.15
    begins the shuffle anew with each epoch): every epoch then has the same batches, and with batch normalisation a
    network learns them by heart. Here the order is the seed's, and each epoch's is another.

    Args:
        x, y: arrays [samples, ...].
        batch_size: int.
        seed: int. Of the order, and of the generator that `augment` gets.
        augment: callable or None. See `Augment`.

    Returns:
        tf.data.Dataset of (x[batch_size, ...], y[batch_size, ...]), finite, its length known.
    """
    data = load("tensorflow", "nas").data.Dataset
    gather = load("tensorflow", "nas").gather
    count = len(x)
    drawn = -(-count // batch_size) * batch_size
    order = data.range(count).shuffle(count, seed=seed).repeat(-(-drawn // count)).take(drawn)
    batches = order.batch(batch_size, drop_remainder=True).map(
        lambda rows: (gather(x, rows), gather(y, rows))
    )
    return batches if augment is None else _changed(batches, augment, np.random.default_rng(seed))


def _changed(batches: Any, augment: Augment, random: np.random.Generator) -> Any:
    """The batches with x changed, one after the other, so that the generator's numbers fall the same way."""
    tensorflow = load("tensorflow", "nas")

    def change(x: Any, y: Any) -> tuple[Any, Any]:
        made = tensorflow.numpy_function(
            lambda array: augment(array, random).astype(array.dtype), [x], x.dtype
        )
        made.set_shape(x.shape)
        return made, y

    return batches.map(change)


def augmented_series(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Series moved in time by up to a tenth, up to a quarter faster or slower, louder or quieter, with 5 % noise.

    Args:
        x: float32[samples, steps, 1, channels]. The ends are held where samples beyond them are asked for.
        random: numpy Generator.

    Returns:
        float32[samples, steps, 1, channels].

    Source:
        Um et al., "Data augmentation of wearable sensor data", ICMI 2017: scaling, jittering, warping in time.
    """
    count, steps = x.shape[:2]
    middle = (steps - 1) / 2
    shift = random.uniform(-steps / 10, steps / 10, (count, 1))
    speed = np.exp(random.uniform(-1, 1, (count, 1)) * np.log(1.25))
    at = np.rint((np.arange(steps) - middle) * speed + middle + shift).clip(0, steps - 1).astype(int)
    loudness = np.exp(random.uniform(-1, 1, (count, 1, 1, 1)) * np.log(1.25))
    noise = 0.05 * x.std() * random.standard_normal(x.shape)
    return np.asarray(x[np.arange(count)[:, None], at] * loudness + noise, np.float32)
