"""Depthwise convolutions of wide rows on the DSP family: two weights to a word, and the gate that makes it exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tflm_mcunet.codegen.arm_dsp.records import constants_at
from tflm_mcunet.codegen.call import Call, Constant, Params, Symbol, View
from tflm_mcunet.codegen.layer_sums import layer_affine, layer_constants, sum_bounds
from tflm_mcunet.codegen.merged_requantize import SATURATE

#: Bytes of widened rows that a call may take; where they take more, rows roll.
_MOST_HELD_BYTES = 6144

#: Sums are scaled by 2^11, and each of the three parts of one stays below 2^20.
_SCALE, _REACH = 11, 1 << 20

#: `kPackedShift`.
_SHIFT = 11

#: `PackedFinish`.
_FIXED, _SHIFTED, _SUMS = 0, 1, 2

#: Output columns from which on the kernel takes fewer instructions than the one for narrow rows.
_LEAST_WIDTH = 9

#: The same by kernel where its outputs are finished outside the core; the other one then is also faster where columns
#: are a multiple of the six that it computes at a time, but for the widest.
_LEAST_WIDTH_OF_SUMS, _WIDE, _SIX = {5: 29, 7: 13}, 29, 6

_NEVER = 1 << 30

#: The same for a call of one row, by kernel and stride: from which width on but for multiples of six, and with them.
_LEAST_WIDTHS_OF_ROWS: Mapping[tuple[int, int], tuple[int, int]] = {
    (5, 1): (22, 48),
    (7, 1): (9, 24),
    (7, 2): (22, _NEVER),
}


def packed_depthwise(call: Call, weights: np.ndarray, is_layer: bool) -> Call | None:
    """The call of the kernel for 5x5 and 7x7 windows of wide rows, or None where it is not exact or not faster.

    Args:
        call: Call. Of `depthwise_conv_2d_row`, a square window of 5 or 7, multiplier and dilation 1, stride 1 or 2.
        weights: [channels, kernel, kernel] int8.
        is_layer: bool. Its operands are whole maps.
    """
    fields, window = call.params.fields, call.window
    channels, kernel, stride = fields["input_channels"], fields["kernel_w"], fields["stride_w"]
    if call.width < _LEAST_WIDTH or not (is_layer or _is_faster_by_row(call.width, kernel, stride)):
        return None  # the other kernel takes fewer instructions
    smallest, largest = sum_bounds(fields, weights.reshape(channels, -1))
    given_bias = fields["bias"].values.astype(np.int64) if fields["bias"] else np.zeros(channels, np.int64)
    regular = constants_at(layer_affine(fields), smallest, largest, _SCALE, _SHIFT)
    if regular is not None:
        bias, finish, core_finish, shifts = given_bias, SATURATE, _FIXED, np.zeros(0, np.int32)
    else:
        found = layer_constants(fields, weights.reshape(channels, -1), _SCALE)
        if found is None:
            return None
        bias, finish, shifts = found.bias.astype(np.int64) >> _SCALE, found.finish, found.shift
        core_finish = _SHIFTED if finish == SATURATE else _SUMS
        if core_finish == _SUMS and not (is_layer and _is_faster_with_sums(call.width, kernel)):
            return None
        regular = found.multiplier, found.constant
    reach = (
        smallest + bias - given_bias,
        largest + bias - given_bias,
        smallest - given_bias,
        largest - given_bias,
    )
    if max(int(np.abs(r).max()) for r in (*reach, bias)) >= _REACH:
        return None
    rows = call.outputs[0].height if is_layer else 1
    words = _words(call.width, kernel, stride)
    slots = kernel + (rows - 1) * stride
    is_rolling = slots * words * 16 > _MOST_HELD_BYTES
    stream = np.concatenate((np.stack((bias, *regular), axis=1), _ordered(weights, stride)), axis=1)
    given = {
        "core": Symbol(f"&arm_dsp::kPacked{kernel}x{kernel}Stride{stride}"),
        "stream": Constant(np.concatenate((stream.reshape(-1), shifts)).astype(np.int32)),
        "channels": channels,
        "output_rows": rows,
        "is_rolling": int(is_rolling),
        "finish": finish,
        "core_finish": core_finish,
        **{k: fields[k] for k in ("input_width", "pad_left", "input_zero_point", "output_min", "output_max")},
    }
    source, target = call.inputs[0], call.outputs[0]
    weights_bytes = kernel * (kernel + 1) // 2 * 16 * (2 if is_rolling else 1)
    listed_bytes = 0 if is_rolling else 12 * rows
    sums_bytes = 16 * call.width if core_finish == _SUMS else listed_bytes
    return replace(
        call,
        kernel="depthwise_packed_dsp_row",
        source="kernels/arm_dsp/depthwise_packed",
        params=Params("DepthwisePackedDsp", given),
        inputs=(source,),
        outputs=(View(target.tensor, target.height // rows, target.row_bytes * rows),),
        window=replace(window, kernel_h=slots, stride_h=stride * rows),
        scratch_bytes=80 + weights_bytes + (kernel if is_rolling else slots) * words * 16 + sums_bytes,
    )


def _is_faster_by_row(width: int, kernel: int, stride: int) -> bool:
    least, wide = _LEAST_WIDTHS_OF_ROWS.get((kernel, stride), (_NEVER, _NEVER))
    return width >= (least if width % _SIX != 0 else wide)


def _is_faster_with_sums(width: int, kernel: int) -> bool:
    return width >= _LEAST_WIDTH_OF_SUMS[kernel] and (width >= _WIDE or width % _SIX != 0)


def _words(width: int, kernel: int, stride: int) -> int:
    """`packed_words` of depthwise_packed_core.h."""
    sums = (width // 2 + 3) // 3 * 3
    return sums + kernel // 2 if stride == 1 else 2 * (sums + 1)


def _ordered(weights: np.ndarray, stride: int) -> np.ndarray:
    """Weights [channels, kernel, kernel] as `DepthwisePackedDsp::stream` has them: bytes, filled up to a word."""
    channels, kernel, _ = weights.shape
    order = list(range(kernel))
    if stride == 2:
        order = [0, 2, 4, 6, 1, 3, 5] if kernel == 7 else [0, 2, 1, 3, 4]
    padded = np.zeros((channels, -(-kernel * kernel // 4) * 4), np.int8)
    padded[:, : kernel * kernel] = weights[:, :, order].reshape(channels, -1)
    return padded.view("<i4")
