"""Calibration data as users have it (array, iterable, tf.data, Keras dataset), checked and cut into single samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tflm_mcunet.errors import UsageError

#: What a caller may pass as calibration data.
Calibration = Any

_HINT = "pass a few hundred inputs as the model is fed in training, for example calibration=x_train[:200]"


@dataclass(frozen=True)
class InputSpec:
    """One input of a model.

    Args:
        name: str.
        shape: tuple of int. Without the batch dimension.
        dtype: str. numpy's name.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"


def random_calibration(inputs: Sequence[InputSpec], count: int = 2, seed: int = 0) -> list[list[np.ndarray]]:
    """Samples in [-1, 1) for where only the shapes of the result matter, never its values.

    Integer inputs, which are indices as a rule, are 0.

    >>> [array.shape for array in random_calibration([InputSpec("image", (4, 4, 3))])[0]]
    [(1, 4, 4, 3)]
    """
    generator = np.random.default_rng(seed)

    def draw(spec: InputSpec) -> np.ndarray:
        if not np.issubdtype(np.dtype(spec.dtype), np.floating):
            return np.zeros((1, *spec.shape), spec.dtype)
        return generator.uniform(-1, 1, (1, *spec.shape)).astype(spec.dtype)

    return [[draw(spec) for spec in inputs] for _ in range(count)]


def calibration_samples(calibration: Calibration, inputs: Sequence[InputSpec]) -> list[list[np.ndarray]]:
    """Cut calibration data into samples: one list a sample, in it one array (1, *shape) for each input.

    Args:
        calibration: array (n, *shape); a list, tuple or dict by name of such arrays for several inputs; or an
            iterable (generator, `tf.data.Dataset`, Keras dataset) of samples or batches, labels included or not.
        inputs: sequence of InputSpec. The model's inputs, in order.

    Raises:
        UsageError: no sample, a wrong shape, NaN or infinity, inputs of different length, an endless dataset.

    >>> samples = calibration_samples(np.zeros((5, 8)), [InputSpec("x", (8,))])
    >>> len(samples), samples[0][0].shape, str(samples[0][0].dtype)
    (5, (1, 8), 'float32')
    """
    if calibration is None:
        raise UsageError("expected calibration data, got None", _HINT)
    arrays = _whole_arrays(calibration, inputs)
    batches = [arrays] if arrays is not None else _iterated_batches(calibration, inputs)
    samples: list[list[np.ndarray]] = []
    for batch in batches:
        _check_equal_lengths(batch, inputs)
        for row in range(len(batch[0])):
            sample = [array[row : row + 1] for array in batch]
            _check_finite(sample, inputs, len(samples))
            samples.append(sample)
    if not samples:
        raise UsageError("expected at least one calibration sample, got none", _HINT)
    return samples


def _whole_arrays(calibration: Calibration, inputs: Sequence[InputSpec]) -> list[np.ndarray] | None:
    """One array for each input where the data came as arrays; None where it has to be iterated."""
    if isinstance(calibration, Mapping):
        return [_batch(calibration[name], spec) for name, spec in _by_name(calibration, inputs)]
    if isinstance(calibration, (list, tuple)):
        if len(calibration) == len(inputs) > 1 and all(map(_is_batch, calibration, inputs)):
            return [_batch(value, spec) for value, spec in zip(calibration, inputs)]
        return None
    if isinstance(calibration, np.ndarray) or hasattr(calibration, "__array__"):
        if len(inputs) != 1:
            raise UsageError(
                f"expected calibration data for {len(inputs)} inputs ({_names(inputs)}), got one array",
                "pass a list of arrays in this order, or a dict of arrays by input name",
            )
        return [_batch(calibration, inputs[0])]
    return None


def _iterated_batches(calibration: Calibration, inputs: Sequence[InputSpec]) -> Iterator[list[np.ndarray]]:
    for number, element in enumerate(_elements(calibration)):
        yield _element_batch(element, inputs, number)


def _elements(calibration: Calibration) -> Iterator[Any]:
    """Iterate over whatever can be iterated, once around."""
    cardinality = getattr(calibration, "cardinality", None)
    if callable(cardinality) and int(cardinality()) == -1:  # tf.data.INFINITE_CARDINALITY
        raise UsageError(
            "expected a finite calibration set, got a dataset that repeats for ever", "use .take(n)"
        )
    if isinstance(calibration, Iterable):
        yield from calibration
    elif hasattr(calibration, "__getitem__") and hasattr(calibration, "__len__"):  # a Keras PyDataset
        yield from (calibration[i] for i in range(len(calibration)))
    else:
        raise UsageError(f"expected an array or an iterable, got {type(calibration).__name__}", _HINT)


def _element_batch(element: Any, inputs: Sequence[InputSpec], number: int) -> list[np.ndarray]:
    """The inputs of one element of a dataset: `x`, `(x,)`, `(x, y)` or `(x, y, weights)`, as `model.fit` reads them."""
    if len(inputs) == 1:
        if isinstance(element, tuple):
            element = element[0] if element else ()
        elif isinstance(element, list) and len(element) == 1 and _is_batch(element[0], inputs[0]):
            element = element[0]  # as TFLite's representative datasets have it: one list of inputs a sample
        if isinstance(element, Mapping):
            element = element[_by_name(element, inputs)[0][0]]
        return [_sample_or_batch(element, inputs[0], number)]
    if isinstance(element, tuple) and element and isinstance(element[0], (list, tuple, Mapping)):
        element = element[0]
    if isinstance(element, Mapping):
        values = [element[name] for name, _ in _by_name(element, inputs)]
    elif isinstance(element, (list, tuple)) and len(element) == len(inputs):
        values = list(element)
    else:
        raise UsageError(
            f"calibration element {number}: expected {len(inputs)} inputs ({_names(inputs)}), "
            f"got {_describe(element)}",
            "yield a tuple of arrays in this order, or a dict of arrays by input name",
        )
    return [_sample_or_batch(value, spec, number) for value, spec in zip(values, inputs)]


def _by_name(values: Mapping[str, Any], inputs: Sequence[InputSpec]) -> list[tuple[str, InputSpec]]:
    if len(inputs) == len(values) == 1:
        return [(next(iter(values)), inputs[0])]
    missing = [spec.name for spec in inputs if spec.name not in values]
    if missing:
        raise UsageError(
            f"expected calibration data for inputs {_names(inputs)}, got {', '.join(map(repr, values)) or 'none'}",
            f"add {', '.join(map(repr, missing))}",
        )
    return [(spec.name, spec) for spec in inputs]


def _is_batch(value: Any, spec: InputSpec) -> bool:
    return np.shape(value)[1:] == spec.shape and len(np.shape(value)) == len(spec.shape) + 1


def _array(value: Any, spec: InputSpec) -> np.ndarray:
    try:
        return np.asarray(value).astype(spec.dtype, copy=False)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"calibration of input {spec.name!r}: expected numbers of shape {spec.shape}, got {_describe(value)}",
            _HINT,
        ) from error


def _batch(value: Any, spec: InputSpec) -> np.ndarray:
    array = _array(value, spec)
    if not _is_batch(array, spec):
        raise UsageError(
            f"calibration of input {spec.name!r}: expected shape {_shape_text('n', spec)}, got {array.shape}",
            "add the batch dimension: x[None]" if array.shape == spec.shape else _HINT,
        )
    return array


def _sample_or_batch(value: Any, spec: InputSpec, number: int) -> np.ndarray:
    array = _array(value, spec)
    if array.shape == spec.shape:
        return array[None]
    if not _is_batch(array, spec):
        raise UsageError(
            f"calibration element {number} of input {spec.name!r}: expected shape {spec.shape} or "
            f"{_shape_text('n', spec)}, got {array.shape}",
            _HINT,
        )
    return array


def _check_equal_lengths(batch: Sequence[np.ndarray], inputs: Sequence[InputSpec]) -> None:
    if len({len(array) for array in batch}) > 1:
        counts = ", ".join(f"{spec.name!r}: {len(array)}" for spec, array in zip(inputs, batch))
        raise UsageError(f"expected as many calibration samples for each input, got {counts}", _HINT)


def _check_finite(sample: Sequence[np.ndarray], inputs: Sequence[InputSpec], number: int) -> None:
    for spec, array in zip(inputs, sample):
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise UsageError(
                f"calibration sample {number} of input {spec.name!r}: expected finite values, got NaN or infinity",
                "clean the data: one such value spoils the range of every tensor behind it",
            )


def _shape_text(batch: str, spec: InputSpec) -> str:
    return "(" + ", ".join([batch, *map(str, spec.shape)]) + ")"


def _names(inputs: Sequence[InputSpec]) -> str:
    return ", ".join(repr(spec.name) for spec in inputs)


def _describe(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__} of {len(value)}"
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"{type(value).__name__} of shape {tuple(shape)}"
