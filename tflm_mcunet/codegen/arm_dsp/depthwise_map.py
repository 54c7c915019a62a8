"""Depthwise convolutions of whole maps of few columns on the DSP family: the shapes that have a core, and weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tflm_mcunet.codegen.arm_dsp.layer import layer_records, layer_records_at
from tflm_mcunet.codegen.call import Call, Constant, Params, Symbol, View
from tflm_mcunet.codegen.merged_requantize import SATURATE
from tflm_mcunet.ops import Window

#: `kMapShift`.
_SHIFT = 8

#: Bytes of widened planes that a call may take: four channels at a time where they fit, else two.
_MOST_PLANE_BYTES = 2048


@dataclass(frozen=True)
class _Core:
    """One `arm_dsp::MapCore`.

    Args:
        name: str.
        order: tuple of int. The taps of a kernel row as its bytes in the stream.
        weights_words: int. Of a widened kernel row.
        has_own_shift: bool.
        parts: int. Of an output row.
        pad_left: int or None. Columns of padding, None for half a kernel.
    """

    name: str
    order: tuple[int, ...]
    weights_words: int
    has_own_shift: bool = False
    parts: int = 1
    pad_left: int | None = None


_ORDER_3, _ORDER_5, _ORDER_7 = (0, 1, 1, 2), (0, 2, 1, 3, 4), (0, 2, 1, 3, 4, 6, 5)

_5X5_STRIDE_2 = _Core("kMap5x5Stride2Width6", _ORDER_5, 3)
_ORDER_7_2 = (1, 3, 2, 4, 5, 0, 6)
_7X7_STRIDE_2_WIDE = _Core("kMap7x7Stride2Width20", _ORDER_7_2, 4, parts=2)
_7X7_STRIDE_2 = _Core("kMap7x7Stride2Width10", _ORDER_7_2, 4)

#: By kernel, stride and the columns of the map.
_CORES: Mapping[tuple[int, int, int], _Core] = {
    (3, 1, 5): _Core("kMap3x3Stride1Width5", _ORDER_3, 2, True),
    (3, 1, 6): _Core("kMap3x3Stride1Width6", _ORDER_3, 2, True),
    (3, 1, 10): _Core("kMap3x3Stride1Width10", _ORDER_3, 2, True, parts=2),
    (3, 1, 12): _Core("kMap3x3Stride1Width12", _ORDER_3, 2, True, parts=2),
    (3, 2, 6): _Core("kMap3x3Stride2Width6", _ORDER_3, 2, True, pad_left=0),
    (3, 2, 11): _Core("kMap3x3Stride2Width11", _ORDER_3, 2, True),
    (3, 2, 12): _Core("kMap3x3Stride2Width12", _ORDER_3, 2, True, pad_left=0),
    (5, 1, 10): _Core("kMap5x5Stride1Width10", _ORDER_5, 4, parts=2),
    (5, 2, 5): _5X5_STRIDE_2,
    (5, 2, 6): _5X5_STRIDE_2,
    (7, 1, 3): _Core("kMap7x7Stride1Width3", _ORDER_7, 7),
    (7, 1, 5): _Core("kMap7x7Stride1Width5", _ORDER_7, 7),
    (7, 1, 6): _Core("kMap7x7Stride1Width6", _ORDER_7, 7),
    (7, 2, 9): _7X7_STRIDE_2,
    (7, 2, 10): _7X7_STRIDE_2,
    (7, 2, 19): _7X7_STRIDE_2_WIDE,
    (7, 2, 20): _7X7_STRIDE_2_WIDE,
}


def map_depthwise(call: Call, weights: np.ndarray) -> Call | None:
    """The call that computes a layer's whole map, or None where no core has its shape or it is not exact.

    The kernel takes the zero point off the input, so that padding needs no products: the bias is without its part.

    Args:
        call: Call. Of `depthwise_conv_2d_row` with whole maps, a square window, multiplier and dilation 1.
        weights: [channels, kernel, kernel] int8.
    """
    fields, window = call.params.fields, call.window
    channels, kernel, stride = fields["input_channels"], fields["kernel_w"], fields["stride_w"]
    source, target = call.inputs[0], call.outputs[0]
    core = _CORES.get((kernel, stride, fields["input_width"]))
    if core is None:
        return None
    pad_left = kernel // 2 if core.pad_left is None else core.pad_left
    is_same = fields["pad_left"] == pad_left and call.width == -(-fields["input_width"] // stride)
    words = (fields["input_width"] + 1) // 2
    is_on_its_side = kernel == 3 and source.height > fields["input_width"]  # then rows are longer that way
    plane_bytes = 4 * source.height * words
    widened = 4 if 4 * plane_bytes <= _MOST_PLANE_BYTES else 2
    if not is_same or is_on_its_side or widened * plane_bytes > _MOST_PLANE_BYTES:
        return None
    flat, zero_point = weights.reshape(channels, -1), fields["input_zero_point"]
    if core.has_own_shift:
        constant = (fields["output_zero_point"] << _SHIFT) + (1 << (_SHIFT - 1))
        found = layer_records_at(fields, flat, shift=_SHIFT, constant=constant)
    else:
        found = layer_records(fields, flat)
    if found is None or found.finish != SATURATE or found.shifts is not None:
        return None
    kept = np.where(found.is_constant[:, None, None], np.int8(0), weights)
    bias = found.bias.astype(np.int64) + 256 * zero_point * kept.sum(axis=(1, 2), dtype=np.int64)
    head = np.stack((bias.astype(np.int32), found.multiplier), axis=1)
    row_bytes = kernel * len(core.order)
    padded = np.zeros((channels, -(-row_bytes // 4) * 4), np.int8)
    padded[:, :row_bytes] = kept[:, :, core.order].reshape(channels, -1)
    stream = np.concatenate((head, padded.view("<i4")), axis=1)
    given = {
        "core": Symbol(f"&arm_dsp::{core.name}"),
        "stream": Constant(stream),
        "widen": Symbol(f"arm_dsp::widen_map_{widened}"),
        "widened": widened,
        "stream_words": stream.shape[1],
        "constant": found.constant,
        "shift": found.shift,
        "channels": channels,
        "height": source.height,
        "width": fields["input_width"],
        "output_height": target.height,
        "pad_top": window.pad_top,
        "input_zero_point": zero_point,
    }
    return replace(
        call,
        kernel="depthwise_map_dsp",
        source="kernels/arm_dsp/depthwise_map",
        params=Params("DepthwiseMapDsp", given),
        inputs=(View(source.tensor, 1, source.height * source.row_bytes),),
        outputs=(View(target.tensor, 1, target.height * target.row_bytes),),
        window=Window(),
        scratch_bytes=12 * (target.height * core.parts + 1)
        + widened * (4 * kernel * core.weights_words + plane_bytes),
    )
