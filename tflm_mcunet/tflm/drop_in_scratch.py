"""What drop-in kernels ask for as scratch on cores with the DSP extension: `src/tflm/kernel_choice.h` in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tflm_mcunet.codegen.call import Call
from tflm_mcunet.codegen.lower import lower
from tflm_mcunet.graph import Graph, Op

#: Cores for which compilers say that they have it.
DSP_CORES = frozenset({"cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cortex-m85"})

#: (least shift, most shift, what every sum stays below): `UnpackedLimits`.
_DOT, _PLANES = (-22, -1, 1 << 30), (-16, -1, 1 << 24)

#: `kMostWindows` and `kMostPlanes`.
_MOST_BYTES = 2048

#: `DepthwiseRow`, and what the core reads of four channels besides their weights.
_ROW_BYTES, _HEADS_BYTES = 12, 4 * 16


def scratch_bytes(graph: Graph, op: Op, pointer_bytes: int) -> int:
    """Bytes that the kernel of a convolution asks for while it runs; 0 where it takes none."""
    call = lower(graph, graph.ops.index(op))
    if op.type == "CONV_2D":
        return _conv(call, pointer_bytes)
    return _depthwise(call, op, pointer_bytes) if op.type == "DEPTHWISE_CONV_2D" else 0


def _is_within(fields: Mapping[str, Any], taps: int, limits: tuple[int, int, int]) -> bool:
    """`is_within`: every channel has a positive multiplier, a shift to the right, and sums of so many bits."""
    shift, multiplier = fields["shift"].values, fields["multiplier"].values
    bias = fields["bias"].values.astype(np.int64) if fields["bias"] else None
    # A power of two that no bias exceeds in magnitude.
    most = 0 if bias is None else 1 << int((bias ^ (bias >> 31)).max()).bit_length()
    largest = taps * 128 * 255 + most
    is_shifted = limits[0] <= shift.min() and shift.max() <= limits[1]
    return bool(multiplier.min() > 0 and is_shifted and largest < limits[2])


def _padded(values: int) -> int:
    return -(-values // 4) * 4


def _conv(call: Call, pointer_bytes: int) -> int:
    fields = call.params.fields
    height, width, channels = fields["kernel_h"], fields["kernel_w"], fields["input_channels"]
    taps = height * width * channels
    is_plain = fields["group_channels"] == channels and fields["dilation_w"] == 1 and taps >= 4
    if not is_plain or not _is_within(fields, taps, _DOT):
        return 0
    values = _padded(taps)
    block = 4 if 8 * values <= _MOST_BYTES else 2
    is_gathered = width != 1 or fields["pad_left"] != 0 or channels % 4 != 0
    return height * pointer_bytes + 2 * block * values + (values if is_gathered else 0)


def _depthwise(call: Call, op: Op, pointer_bytes: int) -> int:
    fields = call.params.fields
    height, width, stride = fields["kernel_h"], fields["kernel_w"], fields["stride_w"]
    is_plain = fields["depth_multiplier"] == 1 and fields["dilation_w"] == 1 and fields["input_channels"] >= 4
    rows_of_map, stride_h = call.outputs[0].height, int(op.options["stride_h"])
    is_dilated = op.options.get("dilation_h_factor", 1) != 1
    takes = is_plain and width <= 7 and stride <= 2
    if not takes or not _is_within(fields, height * width, _PLANES):
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
