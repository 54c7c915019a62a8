"""Training of classifiers in Keras 3: compiling, seeding, inherited weights, resizing; what a search needs of Keras."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet.backend.frameworks import load
from tflm_mcunet.errors import ModelError


def compile_classifier(model: Any, *, learning_rate: float, steps: int, one_hot: bool) -> None:
    """Compile a model that gives logits: Adam, the learning rate falling as a cosine to zero, accuracy as metric.

    Args:
        model: Keras 3 model.
        learning_rate: float. At the beginning.
        steps: int. Batches of the whole training; 0 for a constant learning rate.
        one_hot: bool. Whether labels are one-hot rather than indices.
    """
    keras = load("keras", "nas")
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps) if steps else learning_rate
    losses = keras.losses
    loss = losses.CategoricalCrossentropy if one_hot else losses.SparseCategoricalCrossentropy
    # XLA takes longer to compile a small network than the network takes to train.
    model.compile(
        keras.optimizers.Adam(rate), loss(from_logits=True), metrics=["accuracy"], jit_compile=False
    )
    # With all variables there from the start, those of optimizer and metrics too, the step is traced once, not twice.
    model.optimizer.build(model.trainable_variables)
    logits = np.zeros((1, model.output_shape[-1]), np.float32)
    model.compute_metrics(None, logits if one_hot else np.zeros((1,), np.int64), logits)
    model.reset_metrics()


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and Keras, and forget what earlier models left in memory."""
    keras = load("keras", "nas")
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)


def tensorboard(folder: Path) -> Any:
    """A callback that logs to TensorBoard; Keras Tuner gives each trial a folder of its own below this one."""
    return load("keras", "nas").callbacks.TensorBoard(str(folder), write_graph=False)


def stop_at_nan() -> Any:
    """A callback that ends training when the loss is no number."""
    return load("keras", "nas").callbacks.TerminateOnNaN()


class BestEpoch:
    """A callback that keeps the weights of the best epoch in memory; of equals, that of the lower validation loss.

    Few validation samples make many equal epochs.

    Files are written by the caller, in one step: HDF5, which Keras writes, takes the process down on a full disk.

    Args:
        metric: str.
        maximise: bool.
    """

    async_safe = True

    def __init__(self, metric: str, maximise: bool) -> None:
        self.metric, self.sign = metric, 1 if maximise else -1
        self.best = (float("-inf"), float("-inf"))
        self.logs: dict[str, float] = {}
        self.weights: list[np.ndarray] | None = None
        self.model: Any = None

    def set_model(self, model: Any) -> None:
        """Called by Keras before training."""
        self.model = model

    def before(self, model: Any, validation: tuple[Any, Any] | None, batch_size: int | None) -> None:
        """Let the weights that training begins with count as an epoch; without validation data nothing is known."""
        if validation is not None:
            logs = model.evaluate(*validation, batch_size=batch_size, return_dict=True, verbose=0)
            self.set_model(model)
            self.on_epoch_end(-1, {f"val_{name}": value for name, value in logs.items()})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the weights if no epoch was better; a metric that is no number is worse than any."""
        logs = {name: float(value) for name, value in (logs or {}).items()}
        value = self.sign * logs.get(self.metric, float("nan")), -logs.get("val_loss", 0.0)
        if not np.isnan(value[0]) and value > self.best:
            self.best, self.logs, self.weights = value, logs, self.model.get_weights()

    def _nothing(self, *arguments: Any, **named: Any) -> None:
        """For the events that do not matter here."""

    set_params = on_train_begin = on_train_end = on_epoch_begin = on_batch_begin = on_batch_end = _nothing
    on_train_batch_begin = on_train_batch_end = _nothing
    on_test_begin = on_test_end = on_test_batch_begin = on_test_batch_end = _nothing
    on_predict_begin = on_predict_end = on_predict_batch_begin = on_predict_batch_end = _nothing


def weight_bytes(weights: Sequence[np.ndarray]) -> bytes:
    """A model's weights, in its own order, as the bytes of an `.npz`."""
    buffer = io.BytesIO()
    named: dict[str, Any] = {f"w{number:05d}": array for number, array in enumerate(weights)}
    np.savez(buffer, **named)
    return buffer.getvalue()


def load_weights(model: Any, path: Path) -> dict[str, list[np.ndarray]]:
    """Put the weights of `weight_bytes` into a model, and return them by layer.

    Raises:
        ModelError: the file is damaged, or another network's.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            model.set_weights([archive[name] for name in sorted(archive.files)])
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} does not hold this network's weights: {error}") from error
    return {layer.name: layer.get_weights() for layer in model.layers if layer.get_weights()}


def inherit_weights(model: Any, parent: Mapping[str, list[np.ndarray]], names: Mapping[str, str]) -> float:
    """Give a model what it can take of another one's weights: the part that overlaps of each layer of the same place.

    Along kernel axes the centres lie over each other, along channel axes the first channels; what the parent does not
    have stays as initialised.

    Args:
        model: Keras model.
        parent: mapping. Layer name -> weights.
        names: mapping. The parent's layer for each of the model's that takes something over.

    Returns:
        float. The share of the model's weights that were taken over.
    """
    taken = total = 0
    for layer in model.layers:
        own = layer.get_weights()
        total += sum(weights.size for weights in own)
        theirs = parent.get(names.get(layer.name, ""), [])
        if not own or [w.ndim for w in own] != [w.ndim for w in theirs]:
            continue
        for mine, other in zip(own, theirs):
            ours, its = _overlap(mine.shape, other.shape)
            mine[ours] = other[its]
            taken += mine[ours].size
        layer.set_weights(own)
    return taken / max(total, 1)


def _overlap(mine: tuple[int, ...], other: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """The index of what two weights share, in the one and in the other."""
    ours, its = [], []
    for axis, (a, b) in enumerate(zip(mine, other)):
        count = min(a, b)
        is_kernel_axis = len(mine) == 4 and axis < 2
        from_a, from_b = ((a - count) // 2, (b - count) // 2) if is_kernel_axis else (0, 0)
        ours.append(slice(from_a, from_a + count))
        its.append(slice(from_b, from_b + count))
    return tuple(ours), tuple(its)


def resized(x: np.ndarray, height: int, width: int) -> np.ndarray:
    """Maps [n, h, w, c] at another resolution; averaged where they shrink."""
    if x.shape[1:3] == (height, width):
        return x
    tensorflow = load("tensorflow", "nas")
    made = tensorflow.image.resize(x, (height, width), antialias=True)
    return np.asarray(made, np.float32)
