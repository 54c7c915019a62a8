"""Quantisation-aware training: the model rebuilt with INT8's rounding in it, fine-tuned, and converted."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tflm_mcunet.backend import Calibration, calibration_samples, open_model
from tflm_mcunet.backend.convert import fake_quantised_to_tflite
from tflm_mcunet.backend.frameworks import ServingModel, load
from tflm_mcunet.backend.quiet import quiet
from tflm_mcunet.errors import McuNetError, UnsupportedOpError, UsageError
from tflm_mcunet.quantize.canonical import canonical
from tflm_mcunet.quantize.describe import describe
from tflm_mcunet.quantize.losses import losses_for
from tflm_mcunet.quantize.network import Network
from tflm_mcunet.quantize.points import quantised_values
from tflm_mcunet.quantize.rebuild import check_equal, rebuild
from tflm_mcunet.quantize.tfmot import Rounding, quantising_wrap
from tflm_mcunet.quantize.training_data import OutputSpec, TrainingData, training_data


@dataclass(frozen=True)
class Training:
    """How to fine-tune; see `quantize` for what each means."""

    epochs: int = 10
    learning_rate: float = 1e-4
    batch_size: int = 32
    optimizer: Any = "adam"
    loss: Any = None
    validation_data: Any = None
    seed: int = 0
    verbose: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"expected {name} to be a positive integer, got {value!r}")
        if not (isinstance(self.learning_rate, (int, float)) and 0 < self.learning_rate < math.inf):
            raise UsageError(f"expected learning_rate to be a positive number, got {self.learning_rate!r}")


@dataclass(frozen=True)
class Trained:
    """What came of it.

    Args:
        tflite: bytes. The full INT8 `.tflite`.
        history: dict of lists, one entry an epoch: loss, and val_loss where there was validation data; the first
            entry of val_loss is that of before the training.
        difference: float. Of the rebuilt model to the given one before training, relative to the outputs' range.
    """

    tflite: bytes
    history: dict[str, list[float]]
    difference: float


def train(model: Any, calibration: Calibration, data: Any, training: Training) -> Trained:
    """Fine-tune a float model for INT8, and convert it.

    Args:
        model: Keras 3 or tf_keras model, functional or sequential, or the path of a `.keras` or `.h5` file.
        calibration: inputs, from which every tensor's range begins.
        data: what `training_data` takes.
        training: Training.

    Raises:
        UsageError: data or options are not as the model needs them, or the model has no graph of layers.
        UnsupportedOpError: layers that cannot be trained so, each named with what to do.
        McuNetError: the loss became NaN.
    """
    serving = open_model(model)
    if serving.framework == "saved_model":
        raise UsageError(
            "a SavedModel has no layers to train",
            "pass the Keras model, or a .keras or .h5 file; without qat_data a SavedModel is quantised as it is",
        )
    for spec in serving.inputs:
        if not np.issubdtype(np.dtype(spec.dtype), np.floating):
            raise UnsupportedOpError(
                f"input {spec.name!r} is {spec.dtype}",
                "feed the model floats; they are INT8 after conversion",
            )
    network = canonical(describe(serving.source))
    samples = calibration_samples(calibration, serving.inputs)
    with _seeded(training.seed):  # the order of the samples, too, hangs on TensorFlow's own seed
        return _train(serving, network, samples, data, training)


def _train(
    serving: ServingModel, network: Network, samples: list[list[np.ndarray]], data: Any, training: Training
) -> Trained:
    outputs = _outputs(serving.source, network)
    batches = training_data(data, serving.inputs, outputs, training.batch_size, training.seed)
    validation = None
    if training.validation_data is not None:
        validation = training_data(
            training.validation_data, serving.inputs, outputs, training.batch_size, None
        )
        if validation.has_labels != batches.has_labels:
            raise UsageError("expected labels in both qat_data and validation_data, or in neither")
    compiled = getattr(serving.source, "loss", None)
    losses = losses_for(training.loss, outputs, batches.labels, compiled)
    if validation is not None:
        losses_for(losses, outputs, validation.labels)
    plain = rebuild(network)
    difference = check_equal(*_both(serving, plain, samples[:16]))
    rounding = Rounding()
    rounded = rebuild(network, wrap=quantising_wrap(_ranges(network, samples), rounding))
    history = _fit(rounded, plain, batches, validation, losses, training)
    with rounding.off():
        tflite = fake_quantised_to_tflite(
            ServingModel("tf_keras", serving.inputs, _function(rounded), rounded)
        )
    return Trained(tflite, history, difference)


def plain_model(serving: ServingModel) -> ServingModel:
    """The model as fine-tuning rebuilds it, before it is trained and without rounding."""
    rebuilt = rebuild(canonical(describe(serving.source)))
    return ServingModel("tf_keras", serving.inputs, _function(rebuilt), rebuilt)


def _outputs(model: Any, network: Network) -> list[OutputSpec]:
    producers = network.producers()
    names = list(getattr(model, "output_names", ()) or ())
    specs = []
    for position, value in enumerate(network.outputs):
        node = producers[value]
        while node.kind == "Reshape":
            node = producers[node.inputs[0]]
        name = str(names[position]) if position < len(names) else node.name
        specs.append(OutputSpec(name, producers[value].shape, str(node.options.get("activation", "linear"))))
    return specs


def _function(model: Any) -> Any:
    def function(*arguments: Any) -> Any:
        return model(arguments[0] if len(arguments) == 1 else list(arguments), training=False)

    return function


def _listed(outputs: Any) -> list[np.ndarray]:
    return [np.asarray(o) for o in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]


def _both(
    serving: ServingModel, plain: Any, samples: list[list[np.ndarray]]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The outputs of the given and of the rebuilt model."""
    tensorflow = load("tensorflow", "qat")
    batch = [tensorflow.constant(np.concatenate(arrays)) for arrays in zip(*samples)]
    given = serving.function(*batch)
    flat = tensorflow.nest.flatten(given)
    return _listed(flat), _listed(_function(plain)(*batch))


def _ranges(network: Network, samples: list[list[np.ndarray]]) -> dict[int, tuple[float, float]]:
    """(min, max) of every INT8 tensor of the float model on the calibration data, zero included."""
    values = sorted(quantised_values(network))
    model = rebuild(network, values=values)
    low, high = np.zeros(len(values)), np.zeros(len(values))
    for start in range(0, len(samples), 32):
        arrays = [np.concatenate(a) for a in zip(*samples[start : start + 32])]
        for i, output in enumerate(_listed(_function(model)(*arrays))):
            low[i], high[i] = min(low[i], output.min()), max(high[i], output.max())
    # A tensor that is zero throughout still needs a scale.
    return {value: (float(a), float(max(b, a + 1e-5))) for value, a, b in zip(values, low, high)}


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed Python's, numpy's and TensorFlow's generators; the first two are put back after."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002 - tf_keras draws from it
    load("tf_keras", "qat").utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002


def _fit(
    model: Any,
    teacher: Any,
    batches: TrainingData,
    validation: TrainingData | None,
    losses: Sequence[Any],
    training: Training,
) -> dict[str, list[float]]:
    keras = load("tf_keras", "qat")

    def ready(data: TrainingData) -> Any:
        if data.has_labels:
            return data.dataset.map(lambda x, y: (_single(x), _single(y)))
        return data.dataset.map(lambda *x: (_single(x[0]), _single(_function(teacher)(*x[0]))))

    try:
        model.compile(_optimizer(keras, training), list(losses) if len(losses) > 1 else losses[0])
    except (ValueError, TypeError) as error:
        raise UsageError(f"tf_keras takes neither this loss nor this optimizer: {error}") from error
    checked = None if validation is None else ready(validation)
    watch = _watch(keras, checked)
    with quiet():
        history = model.fit(
            ready(batches), epochs=training.epochs, verbose=training.verbose, callbacks=[watch]
        ).history
    if watch.best is not None:
        model.set_weights(watch.best)
    losses_seen = {name: [float(v) for v in values] for name, values in history.items()}
    if checked is not None:
        losses_seen["val_loss"] = watch.losses
    return losses_seen


def _single(value: Any) -> Any:
    """The only one of several tensors, else a tuple of them: tf.data stacks lists."""
    if not isinstance(value, (tuple, list)):
        return value
    return value[0] if len(value) == 1 else tuple(value)


def _optimizer(keras: Any, training: Training) -> Any:
    optimizer = training.optimizer
    if isinstance(optimizer, str):
        try:
            optimizer = keras.optimizers.get(optimizer)
        except ValueError as error:
            raise UsageError(
                f"tf_keras knows no optimizer {training.optimizer!r}", "for example 'adam' or 'sgd'"
            ) from error
        optimizer.learning_rate = training.learning_rate
        return optimizer
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise UsageError(
            f"expected optimizer to be a name or one of tf_keras, got {type(optimizer).__name__}",
            "the training runs in tf_keras: tf_keras.optimizers.Adam(...), or a name and learning_rate",
        )
    return optimizer.__class__.from_config(optimizer.get_config())  # its state belongs to the caller


def _watch(keras: Any, validation: Any) -> Any:
    """A callback that stops at NaN, and keeps the weights of the lowest validation loss, the first included."""

    class Watch(keras.callbacks.Callback):  # type: ignore[misc]
        best: list[np.ndarray] | None = None

        def __init__(self) -> None:
            super().__init__()
            self.losses: list[float] = []

        def on_train_begin(self, logs: Any = None) -> None:
            self._look()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if not math.isfinite((logs or {}).get("loss", 0.0)):
                raise McuNetError(
                    f"the loss became {logs['loss']} in batch {batch + 1}",
                    "lower the learning rate, and look at the labels and the loss",
                )

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self._look()

        def _look(self) -> None:
            if validation is None:
                return
            results = self.model.evaluate(validation, verbose=0)
            loss = float(results[0] if isinstance(results, (list, tuple)) else results)
            if not self.losses or loss < min(self.losses):
                self.best = self.model.get_weights()
            self.losses.append(loss)

    return Watch()
