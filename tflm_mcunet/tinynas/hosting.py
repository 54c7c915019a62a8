"""Keras Tuner, imported without the start-up messages of what it imports, or named where it is missing."""

from __future__ import annotations

from tflm_mcunet.backend.frameworks import load

load("keras_tuner", "nas")

import keras_tuner  # noqa: E402

__all__ = ["keras_tuner"]
