"""Float against INT8, operator by operator, on the same inputs: what each operator's output is off by."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tflm_mcunet import tflite
from tflm_mcunet.backend.quiet import quiet
from tflm_mcunet.errors import ModelError, ToolError, UnsupportedOpError
from tflm_mcunet.graph import Graph, Tensor
from tflm_mcunet.quantize.align import align
from tflm_mcunet.tflm import interpreter

#: Bytes of INT8 outputs that are held at a time.
_CHUNK_BYTES = 64 << 20


@dataclass(frozen=True)
class LayerError:
    """The error of one operator's output over all samples.

    Args:
        index: int. Of the operator in the INT8 model.
        type: str. TFLite's name of it.
        layer: str. The Keras layer, as far as the tensor's name tells.
        shape: tuple of int. Of the output.
        sqnr_db: float. Signal-to-quantisation-noise ratio, 10·log10(Σ float² / Σ (float − INT8)²); infinite where
            the two are equal.
        lost_db: float or None. The ratio of the worst input less this: what was lost in this operator itself
            (negative where it averages errors out). None where an input has no partner.
        mean_error, max_error: float. Of |float − INT8|.
        largest: float. The largest |float|.
        step: float. The output's scale: one step of INT8.
        clipped: float. The share of values at the ends of INT8's range that the float model has beyond them.
    """

    index: int
    type: str
    layer: str
    shape: tuple[int, ...]
    sqnr_db: float
    lost_db: float | None
    mean_error: float
    max_error: float
    largest: float
    step: float
    clipped: float


@dataclass(frozen=True)
class Comparison:
    """Errors in the order of execution, and what has no partner in the float model.

    Args:
        layers: tuple of LayerError.
        unpaired: tuple of str. "op 3 RESHAPE".
        engine: str. What ran the INT8 model.
        samples: int.
    """

    layers: tuple[LayerError, ...]
    unpaired: tuple[str, ...]
    engine: str
    samples: int


class _Sums:
    """Running sums of one tensor's error."""

    def __init__(self) -> None:
        self.signal = self.noise = self.absolute = 0.0
        self.worst = self.largest = 0.0
        self.clipped = self.count = 0

    def add(self, real: np.ndarray, stored: np.ndarray, tensor: Tensor) -> None:
        real = real.astype(np.float64).reshape(stored.shape)
        value = (stored.astype(np.float64) - tensor.zero_point) * tensor.scale
        error = np.abs(real - value)
        self.signal += float(np.square(real).sum())
        self.noise += float(np.square(error).sum())
        self.absolute += float(error.sum())
        self.worst = max(self.worst, float(error.max()))
        self.largest = max(self.largest, float(np.abs(real).max()))
        beyond = ((stored == 127) & (real > value + tensor.scale)) | (
            (stored == -128) & (real < value - tensor.scale)
        )
        self.clipped += int(beyond.sum())
        self.count += stored.size

    @property
    def sqnr_db(self) -> float:
        if self.noise == 0:
            return math.inf
        return 10 * math.log10(self.signal / self.noise) if self.signal else -math.inf


def compare(real: bytes, int8: bytes, samples: Sequence[Sequence[np.ndarray]]) -> Comparison:
    """Run both models and compare the outputs of the operators that pair.

    Args:
        real: bytes. The float `.tflite`.
        int8: bytes. The INT8 `.tflite`.
        samples: sequence of inferences, each one float array (1, *shape) for each input.

    Raises:
        ModelError: the INT8 model is not one of the float model: the inputs differ, or no operator pairs.
    """
    float_graph, int8_graph = tflite.read(real), tflite.read(int8)
    shapes = [[g.tensors[i].shape for i in g.inputs] for g in (float_graph, int8_graph)]
    if shapes[0] != shapes[1]:
        raise ModelError(
            f"the INT8 model takes {shapes[1]}, the float model {shapes[0]}",
            "compare a model with what `quantize` made of it",
        )
    partners = align(float_graph, int8_graph)
    if not partners:
        raise ModelError(
            "no operator of the INT8 model is in the float model", "give the model it was made from"
        )
    watched = [*int8_graph.inputs] + [
        t for i in partners for t in int8_graph.ops[i].outputs if int8_graph.tensors[t].dtype == "int8"
    ]
    watched = list(dict.fromkeys(watched))
    names = dict(zip(int8_graph.inputs, float_graph.inputs))
    for index, other in partners.items():
        names.update(zip(int8_graph.ops[index].outputs, float_graph.ops[other].outputs))
    sums = {tensor: _Sums() for tensor in watched}
    engine = ""
    for chunk in _chunks(samples, sum(int8_graph.tensors[t].elements for t in watched)):
        stored = [_stored(int8_graph, arrays) for arrays in chunk]
        outputs, engine = _int8_outputs(int8_graph, watched, stored)
        for made, truth in zip(
            outputs, _float_outputs(real, chunk, [names[t] for t in watched]), strict=True
        ):
            for tensor, value, expected in zip(watched, made, truth, strict=True):
                sums[tensor].add(expected, value, int8_graph.tensors[tensor])
    layers = tuple(
        _layer(int8_graph, index, sums) for index in partners if _output(int8_graph, index) in sums
    )
    unpaired = tuple(
        f"op {i} {op.type}"
        for i, op in enumerate(int8_graph.ops)
        if i not in partners and op.type != "QUANTIZE"
    )
    return Comparison(layers, unpaired, engine, len(samples))


def _output(graph: Graph, index: int) -> int:
    return graph.ops[index].outputs[0]


def _layer(graph: Graph, index: int, sums: dict[int, _Sums]) -> LayerError:
    op, found = graph.ops[index], sums[_output(graph, index)]
    tensor = graph.tensors[op.outputs[0]]
    producers = {t: graph.ops[i] for i, o in enumerate(graph.ops) for t in o.outputs}
    before: list[float] = []
    for t in op.inputs:
        if t < 0 or graph.tensors[t].is_constant:
            continue
        while t not in sums and t in producers and producers[t].type == "QUANTIZE":
            t = producers[t].inputs[0]
        before.append(sums[t].sqnr_db if t in sums else math.nan)
    worst = min(before, default=math.nan) if not any(math.isnan(b) for b in before) else math.nan
    lost = worst - found.sqnr_db
    return LayerError(
        index=index,
        type=op.type,
        layer=layer_name(tensor.name),
        shape=tensor.shape,
        sqnr_db=found.sqnr_db,
        lost_db=lost if math.isfinite(lost) else None,
        mean_error=found.absolute / max(found.count, 1),
        max_error=found.worst,
        largest=found.largest,
        step=tensor.scale,
        clipped=found.clipped / max(found.count, 1),
    )


def layer_name(tensor: str) -> str:
    """The layer in a tensor's name, which the converter makes of the names of what it merged.

    >>> layer_name("model/quant_conv_1/Relu6;model/quant_conv_1/Conv2D")
    'conv_1'
    """
    parts = [part for part in tensor.split(";")[0].split("/") if part]
    inner = parts[1:-1] if len(parts) > 2 else parts[:-1] or parts
    name = "/".join(inner)
    return name.removeprefix("quant_")


def _chunks(samples: Sequence[Any], elements: int) -> Iterator[Sequence[Any]]:
    size = max(1, _CHUNK_BYTES // max(elements, 1))
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


def _stored(graph: Graph, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Float inputs as the INT8 model takes them; integers as they are."""
    stored = []
    for array, index in zip(arrays, graph.inputs, strict=True):
        tensor = graph.tensors[index]
        if tensor.dtype != "int8":
            stored.append(np.asarray(array, np.dtype(tensor.dtype)))
            continue
        scaled = np.round(np.asarray(array, np.float32) / np.float32(tensor.scale)) + tensor.zero_point
        stored.append(np.clip(scaled, -128, 127).astype(np.int8).reshape(tensor.shape))
    return stored


def _int8_outputs(
    graph: Graph, watched: Sequence[int], inputs: list[list[np.ndarray]]
) -> tuple[list[list[np.ndarray]], str]:
    """The watched tensors of every inference, by TFLite Micro, else by LiteRT's reference kernels."""
    computed = [t for t in watched if t not in graph.inputs]
    model = tflite.write(replace(graph, outputs=tuple(computed), container=None))
    try:
        ran = interpreter.run(model, inputs)
        outputs, engine = [list(o) for o in ran.outputs], ran.runtime
    except (ToolError, UnsupportedOpError):
        outputs, engine = _litert(model, inputs, computed_by_reference=True), "LiteRT's reference kernels"
    position = {t: n for n, t in enumerate(computed)}
    given = {t: n for n, t in enumerate(graph.inputs)}
    return [
        [made[position[t]] if t in position else fed[given[t]] for t in watched]
        for made, fed in zip(outputs, inputs, strict=True)
    ], engine


def _float_outputs(
    model: bytes, samples: Sequence[Sequence[np.ndarray]], watched: Sequence[int]
) -> list[list[np.ndarray]]:
    graph = tflite.read(model)
    computed = [t for t in watched if t not in graph.inputs]
    shown = tflite.write(replace(graph, outputs=tuple(computed), container=None))
    position = {t: n for n, t in enumerate(computed)}
    given = {t: n for n, t in enumerate(graph.inputs)}
    inputs = [
        [np.asarray(a, np.dtype(graph.tensors[i].dtype)) for a, i in zip(arrays, graph.inputs)]
        for arrays in samples
    ]
    outputs = _litert(shown, inputs, computed_by_reference=False)
    return [
        [made[position[t]] if t in position else fed[given[t]] for t in watched]
        for made, fed in zip(outputs, inputs, strict=True)
    ]


def _litert(
    model: bytes, inputs: Sequence[Sequence[np.ndarray]], *, computed_by_reference: bool
) -> list[list[np.ndarray]]:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = (
        OpResolverType.BUILTIN_REF
        if computed_by_reference
        else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    with quiet():
        runner = Interpreter(model_content=model, experimental_op_resolver_type=resolver)
        runner.allocate_tensors()
    places = [d["index"] for d in runner.get_input_details()]
    results = [d["index"] for d in runner.get_output_details()]
    outputs = []
    for arrays in inputs:
        for place, array in zip(places, arrays, strict=True):
            runner.set_tensor(place, array)
        runner.invoke()
        outputs.append([runner.get_tensor(result) for result in results])
    return outputs
