"""A dataset as plain arrays, and how one is split: stratified, by a seed, the test part never touched."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from tflm_mcunet.errors import UsageError


@dataclass(frozen=True)
class Dataset:
    """Samples and labels for training and for the final test.

    Args:
        name: str.
        x_train, x_test: arrays float32 (n, *shape): images (n, height, width, channels), series (n, time, channels).
        y_train, y_test: arrays int64 (n,): indices into `class_names`; for an anomaly set, 1 where one is.
        class_names: tuple of str.
        source: str. Where the data is from.
        task: str. "classification", or "anomaly": the training part holds nothing abnormal.
    """

    name: str
    x_train: np.ndarray = field(repr=False)
    y_train: np.ndarray = field(repr=False)
    x_test: np.ndarray = field(repr=False)
    y_test: np.ndarray = field(repr=False)
    class_names: tuple[str, ...]
    source: str
    task: str = "classification"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample."""
        return tuple(int(size) for size in self.x_train.shape[1:])

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def with_validation(
        self, share: float = 0.2, seed: int = 0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The training part in two, stratified: what to fit on, and what to choose by.

        Args:
            share: float. Of each class for validation, at least one sample.
            seed: int.

        Returns:
            (x_train, y_train, x_validation, y_validation).

        Raises:
            UsageError: a share outside (0, 1), or a class with a single sample.
        """
        fit, chosen = stratified(self.y_train, share, seed)
        return self.x_train[fit], self.y_train[fit], self.x_train[chosen], self.y_train[chosen]

    def resplit(self, seed: int) -> Dataset:
        """All samples split anew, with about as many for the test as before, in the proportions of the classes.

        For results that do not hang on one split of a small set: repeat over seeds and average.
        """
        if self.task != "classification":
            raise UsageError(f"{self.name} has no second split: its training part must stay without anomaly")
        x = np.concatenate([self.x_train, self.x_test])
        y = np.concatenate([self.y_train, self.y_test])
        train, test = stratified(y, len(self.y_test) / len(y), seed)
        return replace(self, x_train=x[train], y_train=y[train], x_test=x[test], y_test=y[test])


def stratified(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of two parts, the second with `share` of each class, rounded, but at least one sample of each.

    >>> rest, part = stratified(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 0.25, seed=0)
    >>> len(rest), len(part)
    (6, 2)

    Raises:
        UsageError: a share outside (0, 1), or a class that cannot be in both parts.
    """
    if not 0 < share < 1:
        raise UsageError(f"expected a share between 0 and 1, got {share}")
    random = np.random.default_rng(seed)
    parts: tuple[list[int], list[int]] = ([], [])
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        if len(members) < 2:
            raise UsageError(
                f"class {label} has {len(members)} sample, which cannot be in two parts", "add samples"
            )
        count = min(max(round(share * len(members)), 1), len(members) - 1)
        parts[0].extend(members[count:])
        parts[1].extend(members[:count])
    return np.sort(parts[0]), np.sort(parts[1])
