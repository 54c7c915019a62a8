"""What drop-in kernels ask for as scratch on cores with the DSP extension: `src/tflm/kernel_choice.h` in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tflm_mcunet.codegen.call import Call
from tflm_mcunet.codegen.gemmlowp import INT32_MAX, requantize
from tflm_mcunet.codegen.lower import lower
from tflm_mcunet.graph import Graph, Op

#: Cores for which compilers say that they have it.
DSP_CORES = frozenset({"cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cortex-m85"})


class _Limits(NamedTuple):
    """`UnpackedLimits`."""

    least: int
    most: int
    sum: int
    is_saturated: bool


_DOT, _PLANES = _Limits(-22, -1, 1 << 30, True), _Limits(-16, -1, 1 << 24, False)

#: `kMostWindows` and `kMostPlanes`.
_MOST_BYTES = 2048

#: `DepthwiseRow`, and what the core reads of four channels besides their weights.
_ROW_BYTES, _HEADS_BYTES = 12, 4 * 16


def scratch_bytes(graph: Graph, op: Op, pointer_bytes: int) -> int:
    """Bytes that the kernel of a convolution asks for while it runs; 0 where it takes none."""
    call = lower(graph, graph.ops.index(op))
    if op.type == "CONV_2D":
        return _conv(graph, op, call, pointer_bytes)
    return _depthwise(graph, op, call, pointer_bytes) if op.type == "DEPTHWISE_CONV_2D" else 0


def _fits(graph: Graph, op: Op, fields: Mapping[str, Any], limits: _Limits) -> bool:
    """Whether `fit_limits` finds every channel inside, or one that it may change; signs are the caller's."""
    shifts, multipliers = fields["shift"].values, fields["multiplier"].values
    weights = graph.tensors[op.inputs[1]].array().astype(np.int64)
    is_depthwise = op.type == "DEPTHWISE_CONV_2D"
    weights = weights.reshape(-1, len(shifts)).T if is_depthwise else weights.reshape(len(shifts), -1)
    zeros = np.zeros(len(shifts), np.int64)
    bias = fields["bias"].values.astype(np.int64) if fields["bias"] else zeros
    products = weights.shape[1] * 128 * 255
    is_inside = (multipliers != 0) & (limits.least <= shifts) & (shifts <= limits.most)
    for c in np.flatnonzero(~(is_inside & (products + abs(bias) < limits.sum))):
        ends = (
            weights[c] * -(128 + fields["input_zero_point"]),
            weights[c] * (127 - fields["input_zero_point"]),
        )
        exact = np.minimum(*ends).sum(), np.maximum(*ends).sum()
        scale = int(multipliers[c]), int(shifts[c])
        rough = bias[c] - products, bias[c] + products
        if not _is_settled(fields, limits, scale, rough) and not _is_settled(
            fields, limits, scale, (bias[c] + exact[0], bias[c] + exact[1])
        ):
            return False
    return True


def _is_settled(
    fields: Mapping[str, Any], limits: _Limits, scale: tuple[int, int], sums: tuple[int, int]
) -> bool:
    """Whether the output of a channel outside is the same at both ends, and with a multiplier that is inside."""
    (multiplier, shift), (least, most) = scale, sums
    is_small = least > -limits.sum and most < limits.sum
    is_left = multiplier != 0 and shift > limits.most
    if max(-least, most) > INT32_MAX or is_left or not (is_small or limits.is_saturated):
        return False
    inside = limits.least if multiplier == 0 else max(shift, limits.least)
    fewer = 0 if multiplier == 0 else multiplier >> (inside - shift)
    seen = np.clip(least, -limits.sum, limits.sum - 1), np.clip(most, -limits.sum, limits.sum)
    scaled = requantize(np.array([least, most]), multiplier, shift), requantize(np.array(seen), fewer, inside)
    outputs = np.concatenate(scaled) + fields["output_zero_point"]
    return bool(np.unique(np.clip(outputs, fields["output_min"], fields["output_max"])).size == 1)


def _padded(values: int) -> int:
    return -(-values // 4) * 4


def _conv(graph: Graph, op: Op, call: Call, pointer_bytes: int) -> int:
    fields = call.params.fields
    height, width, channels = fields["kernel_h"], fields["kernel_w"], fields["input_channels"]
    taps = height * width * channels
    is_plain = fields["group_channels"] == channels and fields["dilation_w"] == 1 and taps >= 4
    if not is_plain or not _fits(graph, op, fields, _DOT):
        return 0
    values = _padded(taps)
    block = 4 if 8 * values <= _MOST_BYTES else 2
    is_gathered = width != 1 or fields["pad_left"] != 0 or channels % 4 != 0
    return height * pointer_bytes + 2 * block * values + (values if is_gathered else 0)


def _depthwise(graph: Graph, op: Op, call: Call, pointer_bytes: int) -> int:
    fields = call.params.fields
    height, width, stride = fields["kernel_h"], fields["kernel_w"], fields["stride_w"]
    is_plain = fields["depth_multiplier"] == 1 and fields["dilation_w"] == 1 and fields["input_channels"] >= 4
    rows_of_map, stride_h = call.outputs[0].height, int(op.options["stride_h"])
    is_dilated = op.options.get("dilation_h_factor", 1) != 1
    takes = is_plain and width <= 7 and stride <= 2
    if not takes or fields["multiplier"].values.min() < 0 or not _fits(graph, op, fields, _PLANES):
        return 0
    kernel = 3 if width <= 3 else 5 if width <= 5 else 7
    words = (-(-call.width // 6) * 6 * stride + kernel) // 2 + 1

    def window(rows: int) -> int:
        return height + (rows - 1) * stride_h

    def fits(rows: int) -> bool:
        return rows == 1 or (rows_of_map % rows == 0 and window(rows) * words * 16 <= _MOST_BYTES)

    rows = max(r for r in range(1, 2 if is_dilated else rows_of_map + 1) if fits(r))
    weights = height * ((kernel + 1) // 2) * (2 if stride == 1 else 1)
    planes = _ROW_BYTES * rows + 16 * weights + _HEADS_BYTES + 16 * window(rows) * words
    return window(rows) * pointer_bytes + planes
