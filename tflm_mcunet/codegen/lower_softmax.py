"""Lowers SOFTMAX: the exponentials of the 256 possible distances to the maximum are a table."""

from __future__ import annotations

import numpy as np

from tflm_mcunet.codegen import gemmlowp
from tflm_mcunet.codegen.call import Call, Constant, Params, View
from tflm_mcunet.codegen.checks import require, require_int8, require_quantized
from tflm_mcunet.codegen.fixed_point import quantize_multiplier
from tflm_mcunet.codegen.views import are_images, image_view
from tflm_mcunet.graph import ITEM_BYTES, Graph
from tflm_mcunet.ops import Window

#: Integer bits of a scaled distance (kernels/internal/reference/softmax.h).
_DISTANCE_BITS = 5

#: So many equal values overflow TFLite Micro's sum of exponentials.
_TOO_DEEP = 4096


def exponentials(scale: float, beta: float, where: str) -> np.ndarray:
    """e^(-d · scale · beta) in Q0.31 for d = 0 ... 255; 0 beyond the distance that TFLite Micro ignores.

    Returns:
        int32[256].
    """
    real = min(beta * scale * 2.0 ** (31 - _DISTANCE_BITS), 2.0**31 - 1)
    require(real > 1, where, f"beta {beta:g} times the input scale {scale:g} is too small for TFLite Micro")
    multiplier, left_shift = quantize_multiplier(real)
    distances = np.arange(256, dtype=np.int64)
    counted = distances <= gemmlowp.input_radius(_DISTANCE_BITS, left_shift)
    scaled = gemmlowp.high_multiply(np.where(counted, -distances, 0) << left_shift, multiplier)
    return np.where(counted, gemmlowp.exp_on_negative(scaled, _DISTANCE_BITS), 0).astype(np.int32)


def softmax(graph: Graph, index: int, window: Window | None) -> Call:
    """SOFTMAX over the last axis, int8 to int8 or int16."""
    op, where = graph.ops[index], graph.describe(index)
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    require_int8(source, where)
    require_quantized(output, ("int8", "int16"), where)
    if output.dtype == "int8":
        fixed = output.scale == 1 / 256 and output.zero_point == -128
        require(fixed, where, "TFLite Micro's int8 SOFTMAX has output scale 1/256 and zero point -128")
    else:
        fixed = abs(output.scale - 2**-16) <= 0.001 * 2**-16 and output.zero_point == -32768
        require(fixed, where, "TFLite Micro's int16 SOFTMAX has output scale 1/65536 and zero point -32768")
    require(len(source.shape) >= 1, where, "a scalar has no axis")
    depth = source.shape[-1]
    require(depth < _TOO_DEEP, where, f"{depth} values overflow the sum of TFLite Micro's kernel")
    beta = float(np.float32(op.options["beta"]))
    fields = {"exponential": Constant(exponentials(source.scale, beta, where)), "depth": depth}
    operands = (op.inputs[0], op.outputs[0])
    if are_images(graph, operands):
        views, width, batch = tuple(image_view(graph, i) for i in operands), source.shape[2], source.shape[0]
    else:
        vectors = source.elements // depth
        views = tuple(View(i, vectors, int(depth * ITEM_BYTES[graph.tensors[i].dtype])) for i in operands)
        width, batch = 1, 1
    return Call(
        kernel="softmax_row" if output.dtype == "int8" else "softmax_int16_row",
        source="kernels/softmax",
        params=Params("Softmax", fields),
        inputs=views[:1],
        outputs=views[1:],
        width=width,
        batch=batch,
    )


LOWER = {"SOFTMAX": softmax}
