"""The DSP family (Cortex-M4, M7, M33): a portable Call becomes the call of a faster kernel where that is exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tflm_mcunet.codegen.arm_dsp import sum as dsp_sum
from tflm_mcunet.codegen.arm_dsp.requantize import Affine, Constants, constants
from tflm_mcunet.codegen.call import Call, Constant, Params, View
from tflm_mcunet.ops import Window

#: Bytes of scratch for each word of a channel's weights: five widened pixels, and five pixels as they are.
_WIDENED_BYTES, _GATHERED_BYTES = 5 * 8, 5 * 4

#: Bytes of widened planes that a depthwise convolution of a whole map may take.
_MOST_PLANE_BYTES = 4096


def specialise(call: Call, *, is_layer: bool, overlaps: bool) -> Call:
    """The call of the family's kernel, or `call` itself where none is exact.

    Args:
        call: Call. Of the portable family.
        is_layer: bool. Its operands are whole maps, row after row.
        overlaps: bool. The whole output shares bytes with a whole input.
    """
    lowering = _LOWERINGS.get(call.kernel)
    if overlaps and call.kernel != "sum_row":
        return call
    return (lowering(call, is_layer) if lowering else None) or call


def _constants(fields: Mapping[str, Any], weights: np.ndarray, bits: int) -> Constants | None:
    """The requantisation of a layer with `weights` [channels, inputs] whose sums are scaled by 2^bits.

    At 8 bits the kernel's inputs are x * 256, and the bias takes the zero point's part off; at 7 they are
    (x - zero point) * 128.
    """
    values = weights.astype(np.int64)
    zero_point = fields["input_zero_point"]
    bias = fields["bias"].values.astype(np.int64) if fields["bias"] else np.zeros(len(values), np.int64)
    low, high = values * (-128 - zero_point), values * (127 - zero_point)
    affine = Affine(
        fields["multiplier"].values,
        fields["shift"].values,
        fields["output_zero_point"],
        fields["output_min"],
        fields["output_max"],
    )
    offset = bias - zero_point * values.sum(axis=1) if bits == 8 else bias
    # A window that reaches over the edge leaves products out: the zero point itself is always within the bounds.
    smallest = np.minimum(low, high).sum(axis=1) + bias
    largest = np.maximum(low, high).sum(axis=1) + bias
    return constants(affine, smallest, largest, offset, bits)


def _dot_stream(weights: np.ndarray, found: Constants) -> tuple[Constant, int]:
    """`DotJob::stream` of weights [channels, inputs], and the words of one channel's weights."""
    channels, inputs = weights.shape
    words = -(-inputs // 4)
    padded = np.zeros((channels, words * 4), np.int8)
    padded[:, :inputs] = weights
    shift = found.shift.copy()
    shift[-1] |= np.int32(-(1 << 31))
    columns = (
        found.bias[:, None],
        padded.view("<i4"),
        *(v[:, None] for v in (found.multiplier, found.constant, shift)),
    )
    return Constant(np.concatenate(columns, axis=1).astype(np.int32)), words


def _conv_2d(call: Call, is_layer: bool) -> Call | None:
    fields = call.params.fields
    if fields["group_channels"] != fields["input_channels"] or fields["dilation_w"] != 1:
        return None
    channels = fields["output_channels"]
    weights = fields["weights"].values.reshape(channels, -1)
    found = _constants(fields, weights, 8)
    if found is None:
        return None
    stream, words = _dot_stream(weights, found)
    shared = (
        "input_width", "input_channels", "output_channels", "kernel_h", "kernel_w", "stride_w", "pad_left",
        "input_zero_point", "output_min", "output_max",
    )  # fmt: skip
    given = {"stream": stream, "words": words, "finish": found.finish, **{k: fields[k] for k in shared}}
    is_pointwise = (call.window.kernel_h, fields["kernel_w"], fields["pad_left"], call.window.pad_top) == (
        1,
        1,
        0,
        0,
    )
    # A padding folded into the window may leave rows or columns behind the map: the general kernel knows them.
    is_inside = (call.width - 1) * fields["stride_w"] < fields["input_width"]
    is_inside &= (call.outputs[0].height - 1) * call.window.stride_h < call.inputs[0].height
    dsp = replace(
        call,
        kernel="pointwise_dsp_row" if is_pointwise and is_inside else "conv_2d_dsp_row",
        source="kernels/arm_dsp/conv_2d",
        params=Params("ConvDsp2D", given),
        scratch_bytes=words * (_WIDENED_BYTES + _GATHERED_BYTES) + 5 * channels,
    )
    if not (is_layer and is_pointwise and is_inside and call.window.stride_h == fields["stride_w"] == 1):
        return dsp
    flat = _as_one_row(dsp)
    return replace(flat, scratch_bytes=words * _WIDENED_BYTES) if _is_even(flat.width) else flat


def _depthwise_conv_2d(call: Call, is_layer: bool) -> Call | None:
    fields, window = call.params.fields, call.window
    kernel, stride, channels = fields["kernel_w"], fields["stride_w"], fields["input_channels"]
    if channels == 1:
        return _conv_2d(_as_conv_2d(call), is_layer)
    shape = (
        fields["depth_multiplier"],
        fields["dilation_w"],
        window.dilation_h,
        window.kernel_h,
        window.stride_h,
    )
    below = (call.outputs[0].height - 1) * stride - window.pad_top
    if window.pad_top >= kernel or below >= call.inputs[0].height:
        return None  # The kernel takes it that every window has a row of the input.
    if shape != (1, 1, 1, kernel, stride) or kernel not in (3, 5, 7) or stride not in (1, 2):
        return None
    weights = fields["weights"].values.reshape(kernel, kernel, channels).transpose(2, 0, 1)
    found = _constants(fields, weights.reshape(channels, -1), 7)
    if found is None:
        return None
    rows = _rows_per_call(call) if is_layer else 1
    columns = (found.bias, found.multiplier, found.constant, found.shift)
    stream = np.concatenate((np.stack(columns, axis=1), _paired(weights)), axis=1)
    shared = ("input_width", "pad_left", "input_zero_point", "output_min", "output_max")
    given = {
        "stream": Constant(stream),
        "channels": channels,
        "kernel": kernel,
        "stride": stride,
        "output_rows": rows,
        "finish": found.finish,
        **{k: fields[k] for k in shared},
    }
    source, target = call.inputs[0], call.outputs[0]
    return replace(
        call,
        kernel="depthwise_conv_2d_dsp_row",
        source="kernels/arm_dsp/depthwise_conv_2d",
        params=Params("DepthwiseDsp2D", given),
        inputs=(source,),
        outputs=(View(target.tensor, target.height // rows, target.row_bytes * rows),),
        window=replace(window, kernel_h=kernel + (rows - 1) * stride, stride_h=stride * rows),
        scratch_bytes=_plane_bytes(call, rows) + 128 * kernel + 12 * rows,
    )


def _as_conv_2d(call: Call) -> Call:
    """A depthwise convolution of one channel as the convolution that it is."""
    fields = dict(call.params.fields)
    channels = fields.pop("depth_multiplier")
    weights = fields["weights"].values.reshape(-1, channels).T
    fields |= {"weights": Constant(weights), "group_channels": 1, "output_channels": channels}
    return replace(call, kernel="conv_2d_row", params=Params("Conv2D", fields))


def _paired(weights: np.ndarray) -> np.ndarray:
    """Weights [channels, kernel, kernel] as words: of four columns, the first and third and the others' pairs."""
    channels, kernel, _ = weights.shape
    padded = np.zeros((channels, kernel, -(-kernel // 4) * 4), np.int8)
    padded[:, :, :kernel] = weights
    fours = padded.reshape(channels, -1, 4)[:, :, [0, 2, 1, 3]]
    return np.ascontiguousarray(fours).reshape(channels, -1).view("<i4")


def _plane_bytes(call: Call, rows: int) -> int:
    """The widened planes of four channels for that many output rows."""
    kernel, stride = call.window.kernel_h, call.window.stride_h
    words = (-(-call.width // 6) * 6 * stride + kernel) // 2 + 1
    return (kernel + (rows - 1) * stride) * words * 16


def _rows_per_call(call: Call) -> int:
    """Output rows that one call computes: what they share is widened once."""
    height = call.outputs[0].height
    fitting = [
        r for r in range(1, height + 1) if height % r == 0 and _plane_bytes(call, r) <= _MOST_PLANE_BYTES
    ]
    return max(fitting, default=1)


def _is_even(pixels: int) -> bool:
    """Whether fours and fives make up a row, so that no job computes pixels that do not exist (`next_pixels`)."""
    return pixels % 4 * 5 <= pixels


def _as_one_row(call: Call) -> Call:
    """A call whose rows do not know of each other, with the whole map as its only row."""
    width = call.width * call.outputs[0].height
    if width >= 1 << 16:
        return call
    return replace(
        call,
        inputs=tuple(View(v.tensor, 1, v.height * v.row_bytes) for v in call.inputs),
        outputs=tuple(View(v.tensor, 1, v.height * v.row_bytes) for v in call.outputs),
        window=Window(),
        width=width,
    )


def _fully_connected(call: Call, _: bool) -> Call | None:
    fields = call.params.fields
    depth = fields["depth"]
    weights = fields["weights"].values.reshape(-1, depth)
    found = _constants(fields, weights, 8)
    if found is None:
        return None
    units, words = len(weights), -(-depth // 4)
    fours = -(-units // 4)
    padded = np.zeros((fours * 4, words * 4), np.int8)
    padded[:units, :depth] = weights
    endings = np.zeros((fours * 4, 3), np.int32)
    endings[:units] = np.stack((found.multiplier, found.constant, found.shift), axis=1)
    biases = np.zeros(fours * 4, np.int32)
    biases[:units] = found.bias
    by_word = padded.view("<i4").reshape(fours, 4, words).transpose(0, 2, 1).reshape(fours, -1)
    stream = np.concatenate((biases.reshape(fours, 4), by_word, endings.reshape(fours, 12)), axis=1)
    given = {
        "stream": Constant(stream.astype(np.int32)),
        "words": words,
        "finish": found.finish,
        **{k: fields[k] for k in ("depth", "output_min", "output_max")},
    }
    return replace(
        call,
        kernel="fully_connected_dsp_row",
        source="kernels/arm_dsp/fully_connected",
        params=Params("FullyConnectedDsp", given),
        scratch_bytes=words * 8,
    )


def _sum(call: Call, is_layer: bool) -> Call | None:
    found = dsp_sum.constants(call.params.fields)
    if found is None:
        return None
    dsp = replace(
        call,
        kernel="sum_dsp_row",
        source="kernels/arm_dsp/sum",
        params=Params("SumDsp", {"channels": call.params.fields["channels"], **found}),
    )
    return _as_one_row(dsp) if is_layer else dsp


_LOWERINGS: Mapping[str, Callable[[Call, bool], Call | None]] = {
    "conv_2d_row": _conv_2d,
    "fully_connected_row": _fully_connected,
    "sum_row": _sum,
    "depthwise_conv_2d_row": _depthwise_conv_2d,
}
