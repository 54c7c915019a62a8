"""The DSP family (Cortex-M4, M7, M33): a portable Call becomes the call of a faster kernel where that is exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tflm_mcunet.codegen.arm_dsp_requantize import Affine, Constants, constants
from tflm_mcunet.codegen.call import Call, Constant, Params, View
from tflm_mcunet.ops import Window

#: Bytes of scratch for each word of a channel's weights: five widened pixels, and five pixels as they are.
_WORD_SCRATCH_BYTES = 5 * 8 + 5 * 4


def specialise(call: Call, *, is_layer: bool) -> Call:
    """The call of the family's kernel, or `call` itself where none is exact.

    Args:
        call: Call. Of the portable family.
        is_layer: bool. Its operands are whole maps, row after row, and the output does not overlap the input.
    """
    lowering = _LOWERINGS.get(call.kernel)
    return (lowering(call, is_layer) if lowering else None) or call


def _constants(fields: Mapping[str, Any], weights: np.ndarray) -> Constants | None:
    """The requantisation of a layer with `weights` [channels, inputs]."""
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
    offset = bias - zero_point * values.sum(axis=1)
    # A window that reaches over the edge leaves products out: the zero point itself is always within the bounds.
    smallest = np.minimum(low, high).sum(axis=1) + bias
    largest = np.maximum(low, high).sum(axis=1) + bias
    return constants(affine, smallest, largest, offset)


def _dot_stream(weights: np.ndarray, found: Constants) -> tuple[Constant, int]:
    """`DotJob::stream` of weights [channels, inputs], and the words of one channel's weights."""
    channels, inputs = weights.shape
    words = -(-inputs // 4)
    padded = np.zeros((channels, words * 4), np.int8)
    padded[:, :inputs] = weights
    shift = found.shift.copy()
    shift[-1] |= np.int32(-(1 << 31))
    columns = (found.bias[:, None], padded.view("<i4"), *(v[:, None] for v in (found.multiplier, found.constant, shift)))
    return Constant(np.concatenate(columns, axis=1).astype(np.int32)), words


def _conv_2d(call: Call, is_layer: bool) -> Call | None:
    fields = call.params.fields
    if fields["group_channels"] != fields["input_channels"] or fields["dilation_w"] != 1:
        return None
    channels = fields["output_channels"]
    weights = fields["weights"].values.reshape(channels, -1)
    found = _constants(fields, weights)
    if found is None:
        return None
    stream, words = _dot_stream(weights, found)
    shared = (
        "input_width", "input_channels", "output_channels", "kernel_h", "kernel_w", "stride_w", "pad_left",
        "input_zero_point", "output_min", "output_max",
    )  # fmt: skip
    given = {"stream": stream, "words": words, "finish": found.finish, **{k: fields[k] for k in shared}}
    is_pointwise = (call.window.kernel_h, fields["kernel_w"], fields["pad_left"], call.window.pad_top) == (1, 1, 0, 0)
    # A padding folded into the window may leave rows or columns behind the map: the general kernel knows them.
    is_inside = (call.width - 1) * fields["stride_w"] < fields["input_width"]
    is_inside &= (call.outputs[0].height - 1) * call.window.stride_h < call.inputs[0].height
    dsp = replace(
        call,
        kernel="pointwise_dsp_row" if is_pointwise and is_inside else "conv_2d_dsp_row",
        source="kernels/arm_dsp/conv_2d",
        params=Params("ConvDsp2D", given),
        scratch_bytes=words * _WORD_SCRATCH_BYTES + 5 * channels,
    )
    is_plain = is_pointwise and is_inside and call.window.stride_h == fields["stride_w"] == 1
    return _as_one_row(dsp) if is_layer and is_plain else dsp


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


_LOWERINGS: Mapping[str, Callable[[Call, bool], Call | None]] = {
    "conv_2d_row": _conv_2d,
}
