"""Opening a model of any of the frameworks as one thing: a TensorFlow function of fixed shapes at batch 1."""

from __future__ import annotations

import importlib
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tflm_mcunet.backend.calibration import InputSpec
from tflm_mcunet.backend.quiet import quiet
from tflm_mcunet.errors import ModelError, ToolError, UsageError

_FORMATS = "a Keras 3 or tf_keras model, a SavedModel folder, a .keras or an .h5 file"


@dataclass(frozen=True)
class ServingModel:
    """A model as a function of its inputs, in inference mode.

    Args:
        framework: str. "keras", "tf_keras" or "saved_model".
        inputs: tuple of InputSpec, in the order of the function's arguments.
        function: callable. Tensors (1, *shape), one for each input -> the model's outputs.
        source: object. Kept alive, because TensorFlow holds variables weakly.
    """

    framework: str
    inputs: tuple[InputSpec, ...]
    function: Callable[..., Any]
    source: Any


def load(module: str, extra: str) -> ModuleType:
    """Import a framework without its start-up messages.

    Raises:
        ToolError: it is not installed; the hint says how to install it.
    """
    try:
        with quiet():
            return importlib.import_module(module)
    except ImportError as error:
        raise ToolError(
            f"expected the Python package {module}, which cannot be imported: {error}",
            f"pip install 'tflm-mcunet[{extra}]'",
        ) from error


def framework_of(model: Any) -> str | None:
    """ "keras" or "tf_keras" for a model object of one of them, else None; imports neither."""
    roots = {(base.__module__.split(".")[0], base.__name__) for base in type(model).__mro__}
    for root in ("tf_keras", "keras"):
        if (root, "Model") in roots:
            return root
    return None


def is_model(source: Any) -> bool:
    """Whether `open_model` is the one to open `source`: a model object or the path of a framework's file."""
    if framework_of(source):
        return True
    if not isinstance(source, (str, Path)):
        return False
    path = Path(source)
    return path.suffix in (".keras", ".h5", ".hdf5") or (path / "saved_model.pb").is_file()


def open_model(source: Any) -> ServingModel:
    """Open a model object or file.

    Args:
        source: Keras 3 or tf_keras model (built), or the path of a `.keras` file, an `.h5` file or a SavedModel.

    Raises:
        UsageError: `source` is something else, is not built, or has a dimension besides the batch left open.
        ModelError: the file cannot be read.
        ToolError: the framework is not installed.
    """
    if isinstance(source, (str, Path)):
        return _open_path(Path(source))
    framework = framework_of(source)
    if framework is None:
        raise UsageError(f"expected {_FORMATS}, got {type(source).__name__}")
    return _open_keras(source, framework)


def _open_path(path: Path) -> ServingModel:
    if not path.exists():
        raise UsageError(f"expected a model file, but {path} does not exist")
    if path.is_dir():
        if not (path / "saved_model.pb").is_file():
            raise UsageError(f"expected {_FORMATS}, got the folder {path} without a saved_model.pb")
        return _open_saved_model(path)
    if path.suffix not in (".keras", ".h5", ".hdf5"):
        raise UsageError(f"expected {_FORMATS}, got {path}")
    framework = _framework_of_file(path)
    keras = load(framework, "nas" if framework == "keras" else "qat")
    try:
        with quiet():
            model = keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever a damaged file makes of Keras
        raise ModelError(f"{framework} cannot read {path}: {_first_line(error)}") from error
    return _open_keras(model, framework)


def _framework_of_file(path: Path) -> str:
    """Which Keras wrote a file, by the version that it notes: 2 is tf_keras's."""
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                version = str(json.loads(archive.read("metadata.json"))["keras_version"])
        else:
            h5py = load("h5py", "nas")
            with h5py.File(path, "r") as file:
                version = str(file.attrs.get("keras_version", "2"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} is no Keras model file: {_first_line(error)}") from error
    return "tf_keras" if version.lstrip("b'").startswith("2") else "keras"


def _open_keras(model: Any, framework: str) -> ServingModel:
    if framework == "keras":
        keras = load("keras", "nas")
        if keras.config.backend() != "tensorflow":
            raise UsageError(
                f"expected Keras to run on TensorFlow, got the backend {keras.config.backend()!r}",
                "save the model as .keras, and open it in a process with KERAS_BACKEND=tensorflow",
            )
        pack = keras.tree.pack_sequence_as
    else:
        pack = load("tensorflow", "qat").nest.pack_sequence_as
    tensors = getattr(model, "inputs", None)
    if not tensors:
        raise UsageError(
            f"expected a model with known inputs, got {type(model).__name__} {model.name!r} without any",
            "start it with an Input layer, or wrap it: inputs = Input(shape); Model(inputs, model(inputs))",
        )
    # A Sequential model of Keras 3 knows its `inputs`, but no `input`; it has one, which needs no packing.
    structure = tensors[0] if len(tensors) == 1 and not _is_structured(model) else model.input
    inputs = tuple(_input_spec(_plain_name(t.name), t.shape, t.dtype) for t in tensors)

    def function(*arguments: Any) -> Any:
        return model(pack(structure, list(arguments)), training=False)

    return ServingModel(framework, inputs, function, model)


def _is_structured(model: Any) -> bool:
    """Whether the model's single input is wrapped, as in a dict by name."""
    return isinstance(getattr(model, "input", None), (list, tuple, dict))


def _open_saved_model(path: Path) -> ServingModel:
    tensorflow = load("tensorflow", "nas")
    try:
        with quiet():
            loaded = tensorflow.saved_model.load(str(path))
    except Exception as error:  # whatever a damaged folder makes of TensorFlow
        raise ModelError(f"TensorFlow cannot read the SavedModel {path}: {_first_line(error)}") from error
    signatures = dict(loaded.signatures)
    if not signatures:
        raise ModelError(
            f"{path} has no signature to convert", "save it with model.export(), or name a signature"
        )
    signature = signatures.get("serving_default") or next(iter(signatures.values()))
    named = sorted(signature.structured_input_signature[1].items())
    inputs = tuple(_input_spec(name, spec.shape, spec.dtype) for name, spec in named)

    def function(*arguments: Any) -> Any:
        return signature(**{spec.name: argument for spec, argument in zip(inputs, arguments)})

    return ServingModel("saved_model", inputs, function, loaded)


def _input_spec(name: str, shape: Sequence[int | None], dtype: Any) -> InputSpec:
    dimensions = [None if d is None else int(d) for d in shape]
    if len(dimensions) < 1 or any(d is None for d in dimensions[1:]):
        raise UsageError(
            f"input {name!r}: expected every dimension but the batch to be fixed, got {tuple(dimensions)}",
            "a microcontroller's memory is planned ahead: build the model with Input(shape=...) of the true size",
        )
    fixed = tuple(d for d in dimensions[1:] if d is not None)
    return InputSpec(name, fixed, str(getattr(dtype, "name", dtype)))


def _plain_name(name: str) -> str:
    """A tensor's name as a function argument may be called: "image:0" -> "image"."""
    return name.split(":")[0].split("/")[-1]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
