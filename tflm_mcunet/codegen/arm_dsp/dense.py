"""Convolutions and fully connected layers of the DSP family: their packed weights, and the gates of their kernels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tflm_mcunet.codegen.arm_dsp.requantize import Constants
from tflm_mcunet.codegen.arm_dsp.shared import as_one_row, layer_constants
from tflm_mcunet.codegen.call import Call, Constant, Params

#: Bytes of scratch for each word of a channel's weights: five widened pixels, and five pixels as they are.
_WIDENED_BYTES, _GATHERED_BYTES = 5 * 8, 5 * 4


def conv_2d(call: Call, is_layer: bool) -> Call | None:
    """The family's call for one of `conv_2d_row`, or None where its kernels do not take it."""
    fields = call.params.fields
    if fields["group_channels"] != fields["input_channels"] or fields["dilation_w"] != 1:
        return None
    channels = fields["output_channels"]
    weights = fields["weights"].values.reshape(channels, -1)
    found = layer_constants(fields, weights, 8)
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
    flat = as_one_row(dsp)
    return replace(flat, scratch_bytes=words * _WIDENED_BYTES) if _is_even(flat.width) else flat


def fully_connected(call: Call, _: bool) -> Call | None:
    """The family's call for one of `fully_connected_row`, or None where its kernel does not take it."""
    fields = call.params.fields
    depth = fields["depth"]
    weights = fields["weights"].values.reshape(-1, depth)
    found = layer_constants(fields, weights, 8)
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


def _is_even(pixels: int) -> bool:
    """Whether fours and fives make up a row, so that no job computes pixels that do not exist (`next_pixels`)."""
    return pixels % 4 * 5 <= pixels
