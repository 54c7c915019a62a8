"""Training batches: in another order each epoch, whatever is seeded, and changed at random where that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
        tf.data.Dataset of (x[batch_size, ...], y[batch_size, ...]), finite, its length known. Each pass over it is
        another epoch; they depend on the seed alone, not on TensorFlow's.
    """
    tensorflow = load("tensorflow", "nas")
    random = np.random.default_rng(seed)
    count = len(x)
    steps = -(-count // batch_size)

    def epoch() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        order = np.resize(random.permutation(count), steps * batch_size)
        for rows in order.reshape(steps, batch_size):
            yield (x[rows] if augment is None else augment(x[rows], random)), y[rows]

    signature = tuple(tensorflow.TensorSpec((batch_size, *a.shape[1:]), a.dtype) for a in (x, y))
    batches = tensorflow.data.Dataset.from_generator(epoch, output_signature=signature)
    return batches.apply(tensorflow.data.experimental.assert_cardinality(steps))


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
