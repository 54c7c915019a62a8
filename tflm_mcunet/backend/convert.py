"""From a framework's model to the bytes of a .tflite file: float, or full INT8 by post-training quantisation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tflm_mcunet import tflite
from tflm_mcunet.backend.calibration import Calibration, calibration_samples, random_calibration
from tflm_mcunet.backend.frameworks import ServingModel, load, open_model
from tflm_mcunet.backend.quiet import quiet
from tflm_mcunet.errors import McuNetError, ModelError, UnsupportedOpError
from tflm_mcunet.graph import Graph

#: Operators of one scale that the converter's quantiser may leave in float although it can quantise them.
_LEFT_BY_CHANCE = frozenset(
    {"CONCATENATION", "PACK", "RESHAPE", "SPLIT", "SPLIT_V", "STRIDED_SLICE", "UNPACK"}
)

#: One conversion in eight leaves such an operator: that all of these do is one in 260,000.
_CONVERSIONS = 6


def to_tflite(model: Any, calibration: Calibration = None) -> bytes:
    """Convert a model to a `.tflite` of batch 1.

    With calibration data every tensor becomes INT8 (weights per output channel, biases INT32), inputs and
    outputs included, but for inputs that are integers in the model; without, the model stays float. A model that
    TF-MOT has wrapped keeps the ranges that it was trained with.

    Args:
        model: Keras 3 or tf_keras model, path of a `.keras`, `.h5` or SavedModel, or a ServingModel.
        calibration: inputs as `calibration_samples` takes them, or None.

    Returns:
        bytes. The flatbuffer.

    Raises:
        UsageError: the model or the calibration data is not as expected.
        UnsupportedOpError: TFLite has no INT8 (or no) kernel for an operator.
        ModelError: TensorFlow's converter refuses the model for another reason.
    """
    serving = model if isinstance(model, ServingModel) else open_model(model)
    return _to_tflite(serving, calibration)


def _to_tflite(
    serving: ServingModel, calibration: Calibration, *, with_random_weights: bool = False
) -> bytes:
    samples = None if calibration is None else calibration_samples(calibration, serving.inputs)
    tensorflow = load("tensorflow", "nas")
    with _explaining():
        return _convert(tensorflow, serving, samples, with_random_weights)


def to_shape_model(model: Any) -> bytes:
    """An INT8 `.tflite` with the model's operators, shapes and size, but random weights and ranges.

    For what memory a model will need once it is trained. Its present weights would not do: TFLite drops biases
    that are zero and merges constants that are equal, as they are before training.

    Args:
        model: as for `to_tflite`.

    Raises:
        UsageError, UnsupportedOpError, ModelError: as `to_tflite`.
    """
    serving = model if isinstance(model, ServingModel) else open_model(model)
    return _to_tflite(serving, random_calibration(serving.inputs), with_random_weights=True)


def fake_quantised_to_tflite(serving: ServingModel) -> bytes:
    """Convert a model with TensorFlow's fake quantisation in it, as quantisation-aware training leaves it.

    Activations get the ranges of the fake quantisation; weights are rounded by the converter.

    Args:
        serving: ServingModel.

    Raises:
        UnsupportedOpError, ModelError: as `to_tflite`.
    """
    tensorflow = load("tensorflow", "qat")
    with _explaining():
        return _by_fake_quantisation(tensorflow, _frozen(tensorflow, serving))


def _by_fake_quantisation(tensorflow: Any, concrete: Any) -> bytes:
    def convert() -> bytes:
        converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([concrete])
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.inference_input_type = converter.inference_output_type = tensorflow.int8
        return bytes(converter.convert())

    return _without_float(convert)


@contextmanager
def _explaining() -> Iterator[None]:
    """Hold the converter's chatter back, and turn what it raises into errors of ours."""
    chatter = None
    try:
        with quiet() as chatter:
            yield
    except McuNetError:
        raise
    except Exception as error:  # the converter raises what it likes; its log is in `chatter`
        raise _explained(error, chatter.tail() if chatter else "") from error


def _frozen(tensorflow: Any, serving: ServingModel) -> Any:
    """The model's function at batch 1, its variables made constants.

    Frozen before the converter sees it: Keras 3's variables are not found by the converter's own way through a
    SavedModel ("READ_VARIABLE failed to invoke"), and a fixed batch keeps dynamic shapes out of the graph.
    """
    freeze = load("tensorflow.python.framework.convert_to_constants", "nas").convert_variables_to_constants_v2
    specs = [tensorflow.TensorSpec((1, *spec.shape), spec.dtype, name=spec.name) for spec in serving.inputs]
    return freeze(tensorflow.function(serving.function).get_concrete_function(*specs))


def _convert(
    tensorflow: Any, serving: ServingModel, samples: list[list[np.ndarray]] | None, with_random_weights: bool
) -> bytes:
    concrete = _frozen(tensorflow, serving)
    if samples is not None and any(n.op.startswith("FakeQuant") for n in concrete.graph.as_graph_def().node):
        # TF-MOT has trained this one: its ranges are what the converter takes, with calibration it refuses.
        return _by_fake_quantisation(tensorflow, concrete)
    if with_random_weights:
        concrete = _with_random_weights(tensorflow, concrete)
    float_model = bytes(tensorflow.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())
    if samples is None:
        return float_model
    _refuse_control_flow(float_model)

    def representative_dataset() -> Iterator[list[np.ndarray]]:
        yield from samples

    def convert() -> bytes:
        converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([concrete])
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative_dataset
        converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tensorflow.int8
        return bytes(converter.convert())

    return _without_float(convert)


def _with_random_weights(tensorflow: Any, frozen: Any) -> Any:
    """The same function with every float constant of more than one element replaced; positive, for variances."""
    graph = frozen.graph.as_graph_def()
    generator = np.random.default_rng(0)
    for node in graph.node:
        if node.op == "Const" and node.attr["dtype"].type == tensorflow.float32.as_datatype_enum:
            shape = tensorflow.TensorShape(node.attr["value"].tensor.tensor_shape).as_list()
            if np.prod(shape) > 1:
                values = generator.uniform(0.5, 1.5, shape).astype(np.float32)
                node.attr["value"].tensor.CopyFrom(tensorflow.make_tensor_proto(values))
    wrapped = tensorflow.compat.v1.wrap_function(
        lambda: tensorflow.graph_util.import_graph_def(graph, name=""), []
    )
    inputs, outputs = (
        [wrapped.graph.get_tensor_by_name(t.name) for t in ts] for ts in (frozen.inputs, frozen.outputs)
    )
    return wrapped.prune(inputs, outputs)


def _without_float(convert: Callable[[], bytes]) -> bytes:
    """What a conversion yields, all of it INT8.

    The converter leaves what it cannot quantise in float, between DEQUANTIZE and QUANTIZE, and says nothing. Of
    operators that keep the scale of their input, it also leaves one now and then that it can: an unrolled LSTM's
    SPLIT about once in eight conversions of the same model, by chance. Converted again, the model is as it should be.
    """
    for attempts_left in reversed(range(_CONVERSIONS)):
        int8_model = convert()
        graph = tflite.read(int8_model)
        left = [index for index in range(len(graph.ops)) if _is_float(graph, index)]
        if not left:
            return int8_model
        types = {graph.ops[index].type for index in left}
        if not attempts_left or not types <= _LEFT_BY_CHANCE:
            break
    raise UnsupportedOpError(
        f"{graph.describe(left[0])} would stay in float: TFLite cannot quantise it",
        "feed the model floats instead of integers; they are INT8 after conversion"
        if graph.ops[left[0]].type == "CAST"
        else "replace the layer, or keep it out of the converted model",
    )


def _is_float(graph: Graph, index: int) -> bool:
    op = graph.ops[index]
    touched = [graph.tensors[i] for i in (*op.inputs, *op.outputs) if i >= 0]
    return op.type not in ("QUANTIZE", "DEQUANTIZE") and any(t.dtype.startswith("float") for t in touched)


def _refuse_control_flow(float_model: bytes) -> None:
    """TensorFlow's calibrator does not fail on a loop, it takes the process down: look before it does."""
    graph = tflite.read(float_model)
    for index, op in enumerate(graph.ops):
        if op.type in ("WHILE", "IF", "CALL_ONCE"):
            raise UnsupportedOpError(
                f"{graph.describe(index)}: TFLite cannot quantise control flow",
                "build recurrent layers with unroll=True, or use convolutions over time",
            )


def _explained(error: Exception, chatter: str) -> ModelError | UnsupportedOpError:
    text = f"{error}\n{chatter}"
    ops = sorted(set(re.findall(r"(?:not yet supported for op: '?|error: ')(?:tf(?:l)?\.)?([\w.]+)", text)))
    if ops:
        return UnsupportedOpError(
            f"TFLite has no kernel for {', '.join(ops)} as the model uses it",
            "replace the layer, or keep it out of the converted model",
        )
    first = (str(error).strip().splitlines() or [type(error).__name__])[0][:400]
    return ModelError(f"TensorFlow's converter refuses the model: {first}", chatter)
