"""Which loss fits an output and its labels, and whether the labels can be those of the output at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tflm_mcunet.backend.frameworks import load
from tflm_mcunet.errors import UsageError
from tflm_mcunet.quantize.training_data import OutputSpec


def losses_for(
    given: Any, outputs: Sequence[OutputSpec], labels: Sequence[np.ndarray], compiled: Any = None
) -> list[Any]:
    """One loss for each output: the given one, else the one that the model was compiled with, else by the labels.

    - integers without an axis for classes: sparse categorical cross-entropy;
    - the output's shape, behind a softmax: categorical cross-entropy; behind a sigmoid: binary; else the mean
      squared error.
    - no labels: the float model's outputs are the labels; the Kullback-Leibler divergence behind a softmax, else
      the mean squared error.

    Raises:
        UsageError: labels whose shape or values the output cannot have, or a wrong number of losses.
    """
    chosen = _listed(given if given is not None else compiled if labels else None, outputs)
    losses = []
    for position, spec in enumerate(outputs):
        if not labels:
            losses.append(chosen[position] or _divergence(spec))
            continue
        loss = chosen[position] or _by_labels(spec, labels[position])
        _check(spec, labels[position], loss)
        losses.append(loss)
    return losses


def _listed(loss: Any, outputs: Sequence[OutputSpec]) -> list[Any]:
    if loss is None or isinstance(loss, str) or callable(loss):
        return [loss] * len(outputs)
    if isinstance(loss, dict):
        unknown = set(loss) - {spec.name for spec in outputs}
        if unknown:
            names = ", ".join(spec.name for spec in outputs)
            raise UsageError(f"loss for {', '.join(sorted(unknown))}: the outputs are {names}")
        return [loss.get(spec.name) for spec in outputs]
    if isinstance(loss, (list, tuple)) and len(loss) == len(outputs):
        return list(loss)
    raise UsageError(f"expected a loss, or one for each of {len(outputs)} outputs, got {loss!r}")


def _divergence(spec: OutputSpec) -> Any:
    return "kl_divergence" if spec.activation == "softmax" else "mse"


def _by_labels(spec: OutputSpec, labels: np.ndarray) -> Any:
    losses = load("tf_keras", "qat").losses
    classes = spec.shape[-1] if spec.shape else 1
    if _is_sparse(spec, labels) and classes > 1:
        return losses.SparseCategoricalCrossentropy(from_logits=spec.activation != "softmax")
    if spec.activation == "softmax":
        return losses.CategoricalCrossentropy()
    return losses.BinaryCrossentropy() if spec.activation == "sigmoid" else losses.MeanSquaredError()


def _is_sparse(spec: OutputSpec, labels: np.ndarray) -> bool:
    """Class indices: integers in the shape of the output but for its last axis (or with an axis of 1 there)."""
    bare = labels.shape[1:] == spec.shape[:-1]
    single = labels.shape[1:] == (*spec.shape[:-1], 1)
    return (bare or single) and bool(labels.dtype.kind in "iub" or np.array_equal(labels, np.round(labels)))


def _check(spec: OutputSpec, labels: np.ndarray, loss: Any) -> None:
    name = loss if isinstance(loss, str) else type(loss).__name__
    if name.lower().replace("_", "").startswith("sparse"):
        if not _is_sparse(spec, labels):
            expected = (len(labels), *spec.shape[:-1])
            raise UsageError(
                f"labels of output {spec.name!r}: expected class indices of the shape {expected} for {name}, "
                f"got {labels.dtype} {labels.shape}",
                "for one-hot labels use loss='categorical_crossentropy', or pass labels.argmax(axis=-1)",
            )
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= spec.shape[-1]:
            raise UsageError(
                f"labels of output {spec.name!r}: expected 0 to {spec.shape[-1] - 1}, as the output has "
                f"{spec.shape[-1]} classes, got {low} to {high}"
            )
        return
    shape = labels.shape[1:]
    if shape != spec.shape and (*shape, 1) != spec.shape:
        raise UsageError(
            f"labels of output {spec.name!r}: expected the output's shape {(len(labels), *spec.shape)} for the "
            f"loss {name}, got {labels.shape}",
            "class indices need an output with an axis of classes; see the parameter loss",
        )
