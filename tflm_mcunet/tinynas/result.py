"""What a search returns: its best model, ready to be quantised, and everything it tried."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet.backend.training import load_weights, resized
from tflm_mcunet.errors import McuNetError
from tflm_mcunet.tinynas.architecture import Architecture
from tflm_mcunet.tinynas.budget import Need
from tflm_mcunet.tinynas.build import keras_model_of
from tflm_mcunet.tinynas.data import as_input
from tflm_mcunet.tinynas.leaderboard import Row


@dataclass(frozen=True)
class SearchResult:
    """The outcome of `TinyNAS.search`.

    Args:
        best_architecture: Architecture.
        best_score: float. The objective on the validation data.
        best_need: Need. What it takes, at most.
        rows: tuple of Row. Every trial, best first.
        directory: Path. Of `leaderboard.html`, `leaderboard.csv`, `tensorboard/` and the trials themselves.
        checkpoint: Path. The best network's weights.
        is_series: bool. Whether samples are series.
        best_schedule: str. Under which the best network takes that: for `convert` and `export_tinyengine`; "tflm" is
            stock TFLite Micro.
        fit_rate: float. Of the candidates that were looked at, the share that fits.
    """

    best_architecture: Architecture
    best_score: float
    best_need: Need
    rows: tuple[Row, ...]
    directory: Path
    checkpoint: Path
    is_series: bool
    fit_rate: float
    best_schedule: str

    @cached_property
    def best_model(self) -> Any:
        """The best network as a trained Keras 3 model that gives logits, for `quantize` or for more training."""
        model = keras_model_of(self.best_architecture)
        load_weights(model, self.checkpoint)
        return model

    def prepare(self, x: Any) -> np.ndarray:
        """Samples as `best_model` takes them: float32 (n, height, width, channels) at its resolution.

        What the search was given as (n, height, width, channels) of that resolution is not changed by it.
        """
        array = as_input(x, self.is_series)
        height, width, channels = self.best_architecture.input_shape
        if array.ndim != 4 or array.shape[3] != channels:
            raise McuNetError(f"expected samples with {channels} channels, got an array of {array.shape}")
        return resized(array, height, width)

    def evaluate(self, x: Any, y: Any) -> float:
        """The best model's accuracy, in float.

        Args:
            x: array of samples as the search was given.
            y: array. Indices (n,) or one-hot (n, classes).
        """
        labels = np.asarray(y)
        labels = labels.argmax(axis=1) if labels.ndim == 2 and labels.shape[1] > 1 else labels.reshape(-1)
        logits = self.best_model.predict(self.prepare(x), verbose=0)
        return float(np.mean(logits.argmax(axis=1) == labels))
