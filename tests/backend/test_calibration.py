"""Calibration data in every form that users have, and what is said about data that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tflm_mcunet.backend import InputSpec, calibration_samples
from tflm_mcunet.errors import UsageError

IMAGE = (InputSpec("image", (4, 4, 1)),)
TWO = (InputSpec("a", (3,)), InputSpec("b", (2, 2)))
X = np.arange(6 * 16, dtype=np.float32).reshape(6, 4, 4, 1)
Y = np.arange(6)


class KerasLike:
    """A Keras PyDataset as far as calibration is concerned: a length and batches by index, for ever."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        index %= 3
        return X[2 * index : 2 * index + 2], Y[2 * index : 2 * index + 2]


def generator() -> Iterator[np.ndarray]:
    yield from X


FORMS = {
    "array": X,
    "float64 array": X.astype(np.float64),
    "list of samples": list(X),
    "list of batches": [X[:4], X[4:]],
    "generator of samples": generator,
    "pairs with labels": [(X[:3], Y[:3]), (X[3:], Y[3:])],
    "triples with weights": [(X[:3], Y[:3], Y[:3]), (X[3:], Y[3:], Y[3:])],
    "single tuples": [(X[:3],), (X[3:],)],
    "TFLite's representative dataset": [[x[None]] for x in X],
    "dicts": [{"image": X[:3]}, {"image": X[3:]}],
    "dict of arrays": {"image": X},
    "Keras dataset": KerasLike(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_samples(form: str) -> None:
    calibration = FORMS[form]() if form.startswith("generator") else FORMS[form]
    samples = calibration_samples(calibration, IMAGE)
    assert {sample[0].shape for sample in samples} == {(1, 4, 4, 1)}
    assert np.array_equal(np.concatenate([sample[0] for sample in samples]), X)


def test_a_tf_data_dataset_works_and_an_endless_one_is_refused() -> None:
    tensorflow = pytest.importorskip("tensorflow")
    dataset = tensorflow.data.Dataset.from_tensor_slices((X, Y))
    for form in (dataset, dataset.batch(4), dataset.map(lambda x, y: x)):
        samples = calibration_samples(form, IMAGE)
        assert np.array_equal(np.concatenate([sample[0] for sample in samples]), X)
    with pytest.raises(UsageError, match="repeats for ever"):
        calibration_samples(dataset.repeat(), IMAGE)


A, B = np.zeros((5, 3), np.float32), np.ones((5, 2, 2), np.float32)


@pytest.mark.parametrize(
    "calibration",
    [[A, B], (A, B), {"b": B, "a": A}, [(A, B)], [((A, B), Y[:5])], [{"a": a, "b": b} for a, b in zip(A, B)]],
)
def test_several_inputs_come_in_the_order_of_the_model(calibration: Any) -> None:
    samples = calibration_samples(calibration, TWO)
    assert len(samples) == 5
    assert all((a.shape, b.shape) == ((1, 3), (1, 2, 2)) for a, b in samples)
    assert all(a.max() == 0 and b.min() == 1 for a, b in samples)


@pytest.mark.parametrize(
    ("calibration", "inputs", "says"),
    [
        (None, IMAGE, "got None"),
        (7, IMAGE, "expected an array or an iterable, got int"),
        ([], IMAGE, "at least one calibration sample, got none"),
        (X[:0], IMAGE, "at least one calibration sample, got none"),
        (X[0], IMAGE, r"expected shape \(n, 4, 4, 1\), got \(4, 4, 1\)"),
        (X[..., 0], IMAGE, r"expected shape \(n, 4, 4, 1\), got \(6, 4, 4\)"),
        ([X[0, :2]], IMAGE, r"element 0 of input 'image': expected shape \(4, 4, 1\)"),
        ([X[0], X[0].T[0]], IMAGE, "element 1"),
        ([["a"]], IMAGE, "expected numbers"),
        (np.where(X == 40, np.nan, X), IMAGE, "sample 2 of input 'image': expected finite"),
        ([np.full((4, 4, 1), np.inf)], IMAGE, "expected finite"),
        (A, TWO, "2 inputs .'a', 'b'., got one array"),
        ({"a": A}, TWO, "expected calibration data for inputs 'a', 'b', got 'a'"),
        ((A, B[:2]), TWO, "as many calibration samples for each input, got 'a': 5, 'b': 2"),
        ([A], TWO, "element 0: expected 2 inputs"),
    ],
)
def test_what_cannot_be_used_is_told_with_what_was_expected(calibration: Any, inputs: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        calibration_samples(calibration, inputs)


@given(st.integers(1, 9), st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(1, 5))
def test_batches_of_any_size_are_cut_into_the_same_samples(count: int, shape: list[int], batch: int) -> None:
    spec = (InputSpec("x", tuple(shape)),)
    data = np.random.default_rng(count).normal(size=(count, *shape)).astype(np.float32)
    batches = [data[i : i + batch] for i in range(0, count, batch)]
    joined = np.concatenate([sample[0] for sample in calibration_samples(batches, spec)])
    assert np.array_equal(joined, data)
