"""A search's data, checked at the door: shapes, labels, numbers; arrays or a tf.data.Dataset."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tflm_mcunet.backend.batches import Augment, training_batches
from tflm_mcunet.backend.training import resized
from tflm_mcunet.errors import UsageError

_PAIR = (
    "give (x, y): x of shape (n, height, width, channels), (n, steps, channels) or (n, height, width), y (n,)"
)

#: Batches after which a small network has learnt what its data has, and the fewest that one pass should have.
_BATCHES, _BATCHES_A_PASS = 400, 8

#: Samples up to which validation is one batch: another batch size costs Keras another trace.
_ONE_BATCH = 2048


@dataclass(frozen=True)
class SearchData:
    """Checked arrays.

    Args:
        x_train, x_validation: arrays float32 (n, height, width, channels).
        y_train, y_validation: arrays. Indices (n,), or one-hot (n, classes).
        classes: int.
        is_series: bool. The width is 1 and the height is time.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray
    classes: int
    is_series: bool

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Of one sample."""
        height, width, channels = self.x_train.shape[1:]
        return int(height), int(width), int(channels)

    @property
    def is_one_hot(self) -> bool:
        return self.y_train.ndim == 2

    def batch_size(self) -> int:
        """Of training, where the caller names none: 32, or fewer where the data would not make eight batches."""
        return int(min(32, max(4, len(self.x_train) // _BATCHES_A_PASS)))

    def epochs(self, batch_size: int) -> int:
        """Of training, where the caller names none: 20, or more where 20 would be fewer than 400 batches."""
        return max(20, -(-_BATCHES // -(-len(self.x_train) // batch_size)))

    def fit_arguments(
        self, batch_size: int, *, seed: int = 0, augment: Augment | None = None
    ) -> dict[str, Any]:
        """Keywords for `model.fit`; see `training_batches`."""
        return {
            "x": training_batches(self.x_train, self.y_train, batch_size, seed=seed, augment=augment),
            "shuffle": False,  # they are
            "validation_data": (self.x_validation, self.y_validation),
            "validation_batch_size": min(len(self.x_validation), _ONE_BATCH),
        }

    def at(self, input_shape: tuple[int, int, int]) -> SearchData:
        """The same data at another resolution."""
        if self.input_shape == input_shape:
            return self
        height, width, _ = input_shape
        scaled = [resized(x, height, width) for x in (self.x_train, self.x_validation)]
        return SearchData(scaled[0], self.y_train, scaled[1], self.y_validation, self.classes, self.is_series)


def check_data(train: Any, validation: Any, *, classes: int | None = None) -> SearchData:
    """Check training and validation data.

    Args:
        train, validation: (x, y) of arrays, or an iterable of batches of (x, y), which is read once into memory.
        classes: int or None. None counts the labels.

    Raises:
        UsageError: shapes that do not go together, labels that are no classes, NaN or infinity.
    """
    x, y = _arrays(train, "train_data")
    x_other, y_other = _arrays(validation, "validation_data")
    if x.shape[1:] != x_other.shape[1:]:
        raise UsageError(f"train_data has samples of {x.shape[1:]}, validation_data of {x_other.shape[1:]}")
    if y.shape[1:] != y_other.shape[1:]:
        raise UsageError(
            f"train_data has labels of {y.shape[1:]}, validation_data of {y_other.shape[1:]}",
            "use indices (n,) or one-hot labels (n, classes) for both",
        )
    if y.ndim == 2:
        found = y.shape[1]
    else:
        found = int(max(y.max(), y_other.max())) + 1
    if classes is not None and classes < found:
        raise UsageError(f"expected labels below {classes}, got {found - 1}")
    if len(np.unique(y, axis=0)) < 2:
        raise UsageError("expected at least 2 classes, all labels to train with are one", "are they right?")
    is_series = x.ndim == 3 and not _is_image(x)
    if x.ndim == 3:
        x, x_other = (a[:, :, None, :] if is_series else a[..., None] for a in (x, x_other))
    return SearchData(x, y, x_other, y_other, classes or found, is_series or x.shape[2] == 1)


def as_input(x: Any, is_series: bool) -> np.ndarray:
    """Samples as the searched network takes them: (n, height, width, channels), float32."""
    array = np.asarray(x, np.float32)
    if array.ndim == 3:
        array = array[:, :, None, :] if is_series else array[..., None]
    return array


def _is_image(x: np.ndarray) -> bool:
    """Maps without a channel axis are taken for images where they are square and large; else for series."""
    return x.shape[1] == x.shape[2] and x.shape[1] >= 8


def _arrays(data: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(data, (tuple, list)) and len(data) == 2 and not isinstance(data[0], (tuple, list)):
        x, y = (_array(part, name) for part in data)
    elif isinstance(data, Iterable) and not isinstance(data, (str, bytes, dict, np.ndarray, tuple, list)):
        parts = [batch for batch in data if isinstance(batch, tuple) and len(batch) == 2]
        if not parts:
            raise UsageError(f"{name}: expected batches of (x, y), got none", _PAIR)
        x, y = (np.concatenate([_array(part[i], name) for part in parts]) for i in (0, 1))
    else:
        raise UsageError(f"{name}: expected (x, y), got {type(data).__name__}", _PAIR)
    if x.ndim not in (3, 4) or not len(x) or x.dtype.kind not in "fiub":
        raise UsageError(f"{name}: expected samples as numbers, got x of {x.dtype} {x.shape}", _PAIR)
    x = x.astype(np.float32, copy=False)
    if not np.isfinite(x).all():
        raise UsageError(
            f"{name}: x holds NaN or infinity", "clean the data: one such value spoils every weight"
        )
    return x, _labels(y, len(x), name)


def _labels(y: np.ndarray, count: int, name: str) -> np.ndarray:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim not in (1, 2) or len(y) != count:
        raise UsageError(
            f"{name}: expected a label for each of {count} samples, got y of shape {y.shape}",
            "y is (n,) of class indices, or (n, classes) one-hot",
        )
    if y.dtype.kind not in "fiub" or not np.isfinite(y).all():
        raise UsageError(
            f"{name}: expected labels as finite numbers, got {y.dtype}", "number the classes from 0"
        )
    if y.ndim == 2:
        if not np.allclose(y.sum(axis=1), 1):
            raise UsageError(f"{name}: labels of shape {y.shape} do not sum to 1", "are they one-hot?")
        return y.astype(np.float32)
    if np.any(y != np.round(y)) or y.min() < 0:
        raise UsageError(f"{name}: expected labels 0, 1, 2, …, got {y.min()} to {y.max()}")
    return y.astype(np.int64)


def _array(part: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(part)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name}: expected arrays, got {type(part).__name__}: {error}", _PAIR) from error
