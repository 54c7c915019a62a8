"""From a model of either Keras to a Network: nested models flattened, every layer as plain data."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tflm_mcunet.errors import UnsupportedOpError, UsageError
from tflm_mcunet.quantize.catalogue import (
    ACTIVATION_ALIASES,
    OPERATIONS,
    OPTIONS,
    SCALAR,
    WEIGHTED,
    advice_for,
)
from tflm_mcunet.quantize.network import Network, Node

#: A tensor of a functional model: (identity of its operation, which call of it, which output).
_Key = tuple[int, int, int]


def describe(model: Any) -> Network:
    """Describe a functional or sequential model, nested ones inside it flattened.

    Args:
        model: Keras 3 or tf_keras model.

    Returns:
        Network. Its weights are copies.

    Raises:
        UsageError: a subclassed model, which has no graph of layers.
        UnsupportedOpError: layers that quantisation-aware training cannot take; each is named with what to do.

    >>> from tflm_mcunet.quantize.network import Network
    >>> describe(object())
    Traceback (most recent call last):
      ...
    tflm_mcunet.errors.UsageError: expected a functional or sequential Keras model, got object
    """
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs or not hasattr(outputs[0], "_keras_history"):
        raise UsageError(
            f"expected a functional or sequential Keras model, got {type(model).__name__}",
            "quantisation-aware training rebuilds the model from its layers: write it with keras.Model(inputs, "
            "outputs) or Sequential with an Input; post-training quantisation takes any model",
        )
    reader = _Reader()
    sources = []
    for tensor in inputs:
        name = str(getattr(tensor._keras_history[0], "name", "input"))
        node = Node(reader.name(name), "InputLayer", (), reader.fresh(), _shape(tensor))
        sources.append(node)
    values = {_key(tensor): node.output for tensor, node in zip(inputs, sources)}
    results = reader.trace(outputs, values)
    if reader.refused:
        listed = "; ".join(f"{name} ({kind}): {why}" for name, kind, why in reader.refused)
        raise UnsupportedOpError(
            f"quantisation-aware training cannot take {len(reader.refused)} of the model's layers: {listed}",
            "change these layers, or leave qat_data out: post-training quantisation takes what TFLite takes",
        )
    return Network(tuple(sources), tuple(reader.nodes), tuple(results))


@dataclass
class _Reader:
    """Collects nodes while it walks from the outputs back."""

    nodes: list[Node] = field(default_factory=list)
    refused: list[tuple[str, str, str]] = field(default_factory=list)
    _values: int = 0
    _names: set[str] = field(default_factory=set)
    _layers: dict[int, str] = field(default_factory=dict)

    def fresh(self) -> int:
        self._values += 1
        return self._values

    def name(self, wanted: str) -> str:
        """A name that TensorFlow takes, and no other node has."""
        plain = re.sub(r"[^A-Za-z0-9_.\\/>-]", "_", wanted).strip("/") or "layer"
        name, number = plain, 1
        while name in self._names:
            name, number = f"{plain}_{number}", number + 1
        self._names.add(name)
        return name

    def trace(self, outputs: list[Any], values: dict[_Key, int]) -> list[int]:
        """The values of `outputs`; `values` holds those of the tensors that are known, and is added to."""
        stack = list(reversed(outputs))
        while stack:
            tensor = stack[-1]
            if _key(tensor) in values:
                stack.pop()
                continue
            operation, call, _ = tensor._keras_history[:3]
            node = operation._inbound_nodes[call]
            missing = [t for t in _input_tensors(node) if _key(t) not in values]
            if missing:
                stack.extend(reversed(missing))
                continue
            taken = [values[_key(t)] for t in _input_tensors(node)]
            for made, value in enumerate(self.call(operation, node, taken)):
                values[(id(operation), call, made)] = value
            if _key(tensor) not in values:  # refused: its consumers are still worth a look
                values[_key(tensor)] = self.fresh()
            stack.pop()
        return [values[_key(tensor)] for tensor in outputs]

    def call(self, operation: Any, node: Any, taken: list[int]) -> list[int]:
        """The values that one call makes."""
        if (
            getattr(operation, "inputs", None)
            and getattr(operation, "outputs", None)
            and _is_model(operation)
        ):
            inner = {_key(t): value for t, value in zip(operation.inputs, taken)}
            return self.trace(list(operation.outputs), inner)
        outputs = _output_tensors(node)
        kind = type(operation).__name__
        kind, options, problem = _kind_and_options(operation, node, kind)
        weights = tuple(np.array(w, np.float32) for w in _weights(operation))
        if len(outputs) != 1:
            problem = problem or f"it has {len(outputs)} outputs"
        if weights and id(operation) in self._layers:
            problem = problem or "it is called more than once; give each call a layer of its own"
        self._layers[id(operation)] = kind
        name = self.name(str(getattr(operation, "name", kind)))
        value = self.fresh()
        if problem:
            self.refused.append((name, kind, problem))
            return [value, *(self.fresh() for _ in outputs[1:])]
        self.nodes.append(Node(name, kind, tuple(taken), value, _shape(outputs[0]), options, weights))
        return [value]


def _is_model(operation: Any) -> bool:
    return any(base.__name__ == "Model" for base in type(operation).__mro__)


def _kind_and_options(operation: Any, node: Any, kind: str) -> tuple[str, dict[str, Any], str]:
    """(kind, options, what is wrong with it or "")."""
    module = type(operation).__module__
    if ".ops." in module or kind in ("TFOpLambda", "SlicingOpLambda"):
        return _operation(str(getattr(operation, "symbol", "") or kind).split(".")[-1].lower(), node)
    if module.split(".")[0] not in ("keras", "tf_keras") or kind not in OPTIONS:
        return kind, {}, advice_for(kind)
    config = operation.get_config()
    options = {name: config[name] for name in OPTIONS[kind] if name in config}
    if options.pop("data_format", None) == "channels_first":
        return kind, {}, "channels_first: TFLite has channels last only"
    if "activation" in options:
        name = getattr(operation.activation, "__name__", type(operation.activation).__name__)
        options["activation"] = ACTIVATION_ALIASES.get(name, name)
        if name == "hard_sigmoid" and module.startswith("tf_keras"):
            return kind, {}, "tf_keras's hard_sigmoid is 0.2x + 0.5: use sigmoid"
        if options["activation"] not in ACTIVATION_ALIASES.values():
            return kind, {}, f"the activation {name}: {advice_for(name)}"
    problem = _CHECKS[kind](options) if kind in _CHECKS else ""
    if kind in WEIGHTED and len(_output_tensors(node)[0].shape) < 2:
        problem = problem or "it has no batch dimension"
    return kind, options, problem


def _last_axis(options: dict[str, Any]) -> str:
    axis = options.get("axis", -1)
    axes = list(axis) if isinstance(axis, (list, tuple)) else [axis]
    options["axis"] = axes[0] if len(axes) == 1 else axes
    return "" if len(axes) == 1 else f"axes {axes}: one axis, the last, can be quantised"


def _groups(options: dict[str, Any]) -> str:
    return "" if options.pop("groups", 1) == 1 else "grouped convolution: use DepthwiseConv2D or groups=1"


def _no_inverse(options: dict[str, Any]) -> str:
    return _last_axis(options) or ("it is inverted: use Rescaling" if options.pop("invert", False) else "")


_CHECKS: dict[str, Callable[[dict[str, Any]], str]] = {
    "BatchNormalization": _last_axis,
    "Normalization": _no_inverse,
    "Softmax": _last_axis,
    "Conv1D": _groups,
    "Conv2D": _groups,
}


def _operation(function: str, node: Any) -> tuple[str, dict[str, Any], str]:
    """A function of keras.ops or TensorFlow as the layer that does the same."""
    arguments = getattr(node, "arguments", None)
    args = list(arguments.args if arguments is not None else node.call_args)
    named = arguments.kwargs if arguments is not None else node.call_kwargs
    args += [named[name] for name in ("x", "x1", "x2", "y") if named.get(name) is not None]
    constants = [i for i, a in enumerate(args) if not hasattr(a, "_keras_history")]
    if function in SCALAR and len(args) == 2 and len(constants) == 1:
        constant = np.asarray(args[constants[0]], np.float64)
        scale, offset = SCALAR[function](float(constant), constants[0] == 0) if constant.ndim == 0 else (0, 0)
        if scale:
            return "Rescaling", {"scale": scale, "offset": offset}, ""
    if function not in OPERATIONS or constants:
        what = "arithmetic with an array: " if function in OPERATIONS else ""
        advice = "write it as a Keras layer, such as Add, Multiply, Rescaling, Reshape or Activation"
        return function, {}, what + advice
    kind, options = OPERATIONS[function]
    return kind, dict(options), ""


def _weights(operation: Any) -> list[Any]:
    if type(operation).__name__ == "Normalization":  # given or adapted, they are no weights in every case
        return [operation.mean, operation.variance]
    return list(operation.get_weights()) if hasattr(operation, "get_weights") else []


def _key(tensor: Any) -> _Key:
    operation, call, position = tensor._keras_history[:3]
    return id(operation), int(call), int(position)


def _input_tensors(node: Any) -> list[Any]:
    return list(node.input_tensors if hasattr(node, "arguments") else node.keras_inputs)


def _output_tensors(node: Any) -> list[Any]:
    outputs = node.output_tensors if hasattr(node, "arguments") else node.outputs
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def _shape(tensor: Any) -> tuple[int, ...]:
    shape = tuple(tensor.shape)[1:]
    if any(size is None for size in shape):
        raise UsageError(
            f"expected every dimension but the batch to be fixed, got {tuple(tensor.shape)}",
            "build the model with Input(shape=...) of the true size",
        )
    return tuple(int(size) for size in shape)
