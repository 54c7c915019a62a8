"""Takes a model in any of the forms that users have, and gives its Graph."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tflm_mcunet.errors import UsageError
from tflm_mcunet.graph import Graph

_KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")


def load_graph(model: Any, calibration: Any = None) -> Graph:
    """The Graph of a model.

    Args:
        model: a Graph; a `.tflite` file as bytes or path; a Conversion or another object with a `tflite`
            attribute; a Keras 3 or tf_keras model; the path of a `.keras` or `.h5` file or of a SavedModel.
        calibration: samples for post-training quantisation (array, iterable or tf.data); needed for what is
            not a `.tflite`, and not looked at for what is.

    Raises:
        ModelError: the file or bytes are no valid model.
        UsageError: no such file, or an object that is none of these.
    """
    if isinstance(model, Graph):
        return model
    if isinstance(getattr(model, "tflite", None), bytes):
        model = model.tflite
    if isinstance(model, bytes | bytearray | memoryview):
        return _read(bytes(model))
    if isinstance(model, str | os.PathLike):
        path = Path(model)
        if not path.exists():
            raise UsageError(
                f"no such model: {path}", "give the path of a .tflite, .keras or .h5 file or a SavedModel"
            )
        if not path.is_dir() and path.suffix.lower() not in _KERAS_SUFFIXES:
            return _read(path)
        return _quantised(path, calibration)
    if is_keras_model(model):
        return _quantised(model, calibration)
    raise UsageError(
        f"Expected `model` to be a Graph, a Keras model, bytes or a path, got {type(model).__name__}",
    )


def is_keras_model(model: Any) -> bool:
    """Whether an object is a Keras 3 or tf_keras model; imports neither."""
    names = {c.__module__.split(".")[0] for c in type(model).__mro__ if c.__name__ == "Model"}
    return bool(names & {"keras", "tf_keras"})


def _read(source: bytes | Path) -> Graph:
    from tflm_mcunet.tflite import read

    return read(source)


def _quantised(model: Any, calibration: Any) -> Graph:
    from tflm_mcunet.backend import to_tflite

    return _read(to_tflite(model, calibration))
