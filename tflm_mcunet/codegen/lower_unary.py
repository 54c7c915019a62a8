"""Lowers what maps value to value: the activations by a table, QUANTIZE and DEQUANTIZE at a model's edges."""

from __future__ import annotations

import numpy as np

from tflm_mcunet.codegen.call import Call, Constant, Params
from tflm_mcunet.codegen.checks import require, require_dtype, require_int8, require_quantized
from tflm_mcunet.codegen.lookup import TABLES, by_bits
from tflm_mcunet.codegen.views import elementwise
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import Window


def _walk(graph: Graph, index: int, kernel: str, source: str, params: Params, is_copy: bool = False) -> Call:
    """A unary row kernel; `params` still lacks the elements of one column."""
    op = graph.ops[index]
    walk = elementwise(graph, (op.inputs[0], op.outputs[0]))
    return Call(
        kernel=kernel,
        source=source,
        params=Params(params.struct, {**params.fields, "channels": walk.channels}),
        inputs=walk.views[:1],
        outputs=walk.views[1:],
        width=walk.width,
        batch=walk.batch,
        is_copy=is_copy,
    )


def _table(graph: Graph, index: int) -> Call:
    op, where = graph.ops[index], graph.describe(index)
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    table = by_bits(TABLES[op.type](source, output, op.options, where), source, output)
    is_copy = bool(np.array_equal(table, np.arange(256)))
    return _walk(
        graph, index, "lookup_row", "kernels/lookup", Params("Lookup", {"table": Constant(table)}), is_copy
    )


def activation(graph: Graph, index: int, window: Window | None) -> Call:
    """HARD_SWISH, LEAKY_RELU, LOGISTIC, RELU, RELU6 or TANH of an int8 tensor."""
    op, where = graph.ops[index], graph.describe(index)
    for i in (op.inputs[0], op.outputs[0]):
        require_int8(graph.tensors[i], where)
    return _table(graph, index)


def quantize(graph: Graph, index: int, window: Window | None) -> Call:
    """QUANTIZE: float32 to int8 by arithmetic, 8 bits to 8 bits by a table."""
    op, where = graph.ops[index], graph.describe(index)
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    if source.dtype == "float32":
        require_int8(output, where)
        return _affine(graph, index, "quantize_row", op.outputs[0])
    require_quantized(source, ("float32", "int8", "uint8"), where)
    require_quantized(output, ("int8", "uint8"), where)
    require("int8" in (source.dtype, output.dtype), where, "TFLite Micro has no uint8 to uint8 kernel")
    return _table(graph, index)


def dequantize(graph: Graph, index: int, window: Window | None) -> Call:
    """DEQUANTIZE of an int8 tensor to float32."""
    op, where = graph.ops[index], graph.describe(index)
    require_int8(graph.tensors[op.inputs[0]], where)
    require_dtype(graph.tensors[op.outputs[0]], ("float32",), where)
    return _affine(graph, index, "dequantize_row", op.inputs[0])


def _affine(graph: Graph, index: int, kernel: str, quantized: int) -> Call:
    tensor = graph.tensors[quantized]
    fields = {"scale": float(np.float32(tensor.scale)), "zero_point": tensor.zero_point}
    return _walk(graph, index, kernel, "kernels/quantize", Params("Affine", fields))


LOWER = {
    "DEQUANTIZE": dequantize,
    "HARD_SWISH": activation,
    "LEAKY_RELU": activation,
    "LOGISTIC": activation,
    "QUANTIZE": quantize,
    "RELU": activation,
    "RELU6": activation,
    "TANH": activation,
}
