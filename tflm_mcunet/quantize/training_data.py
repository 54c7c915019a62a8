"""What a model is fine-tuned with: arrays or a tf.data.Dataset, checked against the model before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tflm_mcunet.backend.frameworks import load
from tflm_mcunet.errors import UsageError

_HINT = "pass qat_data=(x_train, y_train), x_train alone, or a tf.data.Dataset of such batches"


@dataclass(frozen=True)
class OutputSpec:
    """One output of a model.

    Args:
        name: str.
        shape: tuple of int. Without the batch.
        activation: str. "softmax", "sigmoid" or another name of what it ends with.
    """

    name: str
    shape: tuple[int, ...]
    activation: str


@dataclass(frozen=True)
class TrainingData:
    """Batches for `fit`.

    Args:
        dataset: tf.data.Dataset of (inputs, targets), batched; targets are None where there are no labels.
        has_labels: bool. Without, the float model's own outputs are to be learned.
        labels: tuple of the first labels, one array for each output: their shapes and types choose the loss.
    """

    dataset: Any
    has_labels: bool
    labels: tuple[np.ndarray, ...]


def training_data(
    data: Any, inputs: Sequence[Any], outputs: Sequence[OutputSpec], batch_size: int, seed: int | None
) -> TrainingData:
    """Check data and make batches of it.

    Args:
        data: (x, y), x alone, or a `tf.data.Dataset` of one of these in batches. x and y are arrays, or lists of
            arrays (or dicts by name) where the model has several inputs or outputs.
        inputs: sequence of InputSpec, the model's.
        outputs: sequence of OutputSpec, the model's.
        batch_size: int. For arrays.
        seed: int or None. Shuffles arrays; None keeps their order.

    Raises:
        UsageError: no data, wrong shapes, not finite, inputs and labels of different length.
    """
    tensorflow = load("tensorflow", "qat")
    if isinstance(data, tensorflow.data.Dataset):
        return _from_dataset(data, inputs, outputs)
    x, y = _parted(data, len(inputs))
    xs = _arrays(x, [spec.name for spec in inputs], "inputs", np.float32)
    for array, spec in zip(xs, inputs, strict=True):
        if array.shape[1:] != tuple(spec.shape):
            raise UsageError(
                f"qat_data: expected input {spec.name!r} to have the shape (n, {_plain(spec.shape)}), "
                f"got {array.shape}",
                _HINT,
            )
    ys = [] if y is None else _arrays(y, [spec.name for spec in outputs], "labels", None)
    counts = {len(array) for array in (*xs, *ys)}
    if len(counts) > 1:
        raise UsageError(
            f"qat_data: expected as many labels as inputs, got {[len(a) for a in xs]} inputs and "
            f"{[len(a) for a in ys]} labels"
        )
    if not counts or 0 in counts:
        raise UsageError("qat_data: expected at least one sample, got none", _HINT)
    parts = (tuple(xs), tuple(ys)) if ys else (tuple(xs),)
    dataset = tensorflow.data.Dataset.from_tensor_slices(parts)
    if seed is not None:
        dataset = dataset.shuffle(len(xs[0]), seed=seed, reshuffle_each_iteration=True)
    return TrainingData(dataset.batch(batch_size), bool(ys), tuple(ys))


def _plain(shape: Sequence[int]) -> str:
    return ", ".join(str(size) for size in shape)


def _parted(data: Any, inputs: int) -> tuple[Any, Any]:
    """(x, y); a pair is inputs and labels, unless the model has two inputs and gets two arrays in a list."""
    if isinstance(data, tuple) and len(data) == 2:
        return data
    if isinstance(data, tuple) and len(data) == 1:
        return data[0], None
    if isinstance(data, (np.ndarray, dict)) or (isinstance(data, list) and len(data) == inputs > 1):
        return data, None
    if hasattr(data, "x_train") and hasattr(data, "y_train"):
        return data.x_train, data.y_train
    if hasattr(data, "__array__"):
        return np.asarray(data), None
    raise UsageError(f"qat_data: expected (x, y), got {type(data).__name__}", _HINT)


def _arrays(value: Any, names: Sequence[str], what: str, dtype: Any) -> list[np.ndarray]:
    if isinstance(value, dict):
        if set(value) != set(names):
            raise UsageError(f"qat_data: expected {what} for {', '.join(names)}, got {', '.join(value)}")
        value = [value[name] for name in names]
    elif len(names) == 1 and not (isinstance(value, (list, tuple)) and len(value) == 1):
        value = [value]
    if not isinstance(value, (list, tuple)) or len(value) != len(names):
        raise UsageError(f"qat_data: expected {len(names)} arrays of {what}: {', '.join(names)}", _HINT)
    arrays = []
    for name, item in zip(names, value):
        try:
            array = np.asarray(item) if dtype is None else np.asarray(item, dtype)
        except (TypeError, ValueError) as error:
            raise UsageError(f"qat_data: {what} of {name!r} are no array: {error}", _HINT) from error
        if array.dtype.kind not in "fiub" or array.ndim < 1:
            raise UsageError(f"qat_data: expected {what} of {name!r} to be numbers, got {array.dtype}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise UsageError(f"qat_data: {what} of {name!r} hold NaN or infinity")
        arrays.append(array)
    return arrays


def _from_dataset(dataset: Any, inputs: Sequence[Any], outputs: Sequence[OutputSpec]) -> TrainingData:
    tensorflow = load("tensorflow", "qat")
    if dataset.cardinality() == tensorflow.data.INFINITE_CARDINALITY:
        raise UsageError("qat_data: the dataset repeats for ever", "leave repeat() out, and set epochs")
    first = next(iter(dataset), None)
    if first is None:
        raise UsageError("qat_data: expected at least one batch, got none", _HINT)
    x, y = first if isinstance(first, tuple) and len(first) == 2 else (first, None)
    if isinstance(x, tuple) and len(x) == 1:
        x = x[0]

    def plain(value: Any) -> Any:
        return tensorflow.nest.map_structure(lambda tensor: tensor.numpy(), value)

    checked = training_data((plain(x), plain(y)) if y is not None else (plain(x),), inputs, outputs, 1, None)
    in_names, out_names = [spec.name for spec in inputs], [spec.name for spec in outputs]

    def listed(value: Any, names: list[str]) -> tuple[Any, ...]:
        if isinstance(value, dict):
            return tuple(value[name] for name in names)
        return tuple(value) if isinstance(value, (list, tuple)) else (value,)

    def paired(*element: Any) -> Any:
        head = listed(element[0], in_names)
        return (head, listed(element[1], out_names)) if y is not None else (head,)

    return TrainingData(dataset.map(paired), y is not None, checked.labels)
