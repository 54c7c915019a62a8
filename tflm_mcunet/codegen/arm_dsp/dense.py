"""Convolutions and fully connected layers of the DSP family: their packed weights, and the gates of their kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tflm_mcunet.codegen.arm_dsp.layer import layer_records, layer_records_at
from tflm_mcunet.codegen.arm_dsp.records import Records
from tflm_mcunet.codegen.call import Call, Constant, Params, Symbol, as_one_row
from tflm_mcunet.codegen.in_place import is_pointwise_in_place
from tflm_mcunet.codegen.merged_requantize import CLAMP, SATURATE, SIGN_FIX

#: Bytes of scratch for each word of four input values: three widened pixels.
_WIDENED_BYTES = 24

#: Biases leave a byte for the channels' shifts, which have four bits each above the least one.
_BIAS_GRAIN, _LEAST_SHIFT = 256, 8

#: Rows that are copied whole where they need padding.
_SHORT_ROW_BYTES = 64

#: Layers' shifts that have a core of their own, and numbers of words that have one with these shifts.
_SHIFTS, _WORDS = range(9, 17), (2, 4, 6, 7)

#: The shift that layers take where that is exact, so that a program links few cores.
_COMMON_SHIFT = 10

_KERNELS = {SATURATE: "kDotSaturate", SIGN_FIX: "kDotSignFix", CLAMP: "kDotClamp"}


def conv_2d(call: Call, is_layer: bool) -> Call | None:
    """The family's call for one of `conv_2d_row`, or None where its kernels do not take it."""
    fields = call.params.fields
    if fields["group_channels"] != fields["input_channels"] or fields["dilation_w"] != 1:
        return None
    channels, kernel_h = fields["output_channels"], fields["kernel_h"]
    weights = fields["weights"].values.reshape(channels, -1)
    is_pointwise = _is_pointwise(call)
    order = _pointwise_order(weights.shape[1]) if is_pointwise else _window_order(kernel_h, weights.shape[1])
    found = _common_records(fields, weights) or layer_records(fields, weights, grain=_BIAS_GRAIN)
    stream = _dot_stream(weights, order, found) if found else None
    if found is None or stream is None or max(fields["input_width"], *weights.shape) >= 1 << 15:
        return None
    words, row_values = len(order) // 2, weights.shape[1] // kernel_h
    has_last = not is_pointwise and row_values % 4 == 1
    shared = (
        "output_min", "output_max", "input_width", "input_channels", "output_channels", "kernel_h", "kernel_w",
        "stride_w", "pad_left", "input_zero_point",
    )  # fmt: skip
    all_bytes = (call.width * fields["stride_w"] + fields["kernel_w"]) * fields["input_channels"]
    segment_pixels = max(call.width, 3) if all_bytes <= _SHORT_ROW_BYTES else 3
    given = {
        "segment_pixels": segment_pixels,
        "dot": Symbol(f"&arm_dsp::{_kernels(found, words)}"),
        "stream": Constant(stream),
        "words": words,
        "row_words": -(-row_values // 4) - has_last,
        "has_last": int(has_last),
        "constant": found.constant if found.shifts is None else found.constant << (_LEAST_SHIFT - 1),
        "shift": found.shift,
        **{k: fields[k] for k in shared},
    }
    scratch_bytes = words * _WIDENED_BYTES + (3 * (channels + 1) if channels % 2 else 0)
    if not is_pointwise:
        columns = (segment_pixels - 1) * fields["stride_w"] + fields["kernel_w"]
        segment_bytes = -(-(columns * fields["input_channels"] + 3) // 4) * 4
        # A pointer takes eight bytes on the machines that only test.
        scratch_bytes += 8 * kernel_h + (kernel_h + 1) * segment_bytes
    dsp = replace(
        call,
        kernel="pointwise_dsp_row" if is_pointwise else "conv_2d_dsp_row",
        source="kernels/arm_dsp/conv_2d",
        params=Params("ConvDsp2D", given),
        scratch_bytes=scratch_bytes,
    )
    is_dense = is_pointwise and call.window.stride_h == fields["stride_w"] == 1
    return as_one_row(dsp) if is_layer and is_dense else dsp


def pointwise_in_place(call: Call, ahead_bytes: int) -> Call | None:
    """The call of a whole 1x1 convolution whose output begins `ahead_bytes` before its input, or None.

    Up to three pixels are widened into scratch, and then their outputs are written.
    """
    found = conv_2d(call, True) if is_pointwise_in_place(call, ahead_bytes) else None
    return found if found and found.kernel == "pointwise_dsp_row" and found.outputs[0].height == 1 else None


def fully_connected(call: Call, _: bool) -> Call | None:
    """The family's call for one of `fully_connected_row`, or None where its kernel does not take it."""
    fields = call.params.fields
    weights = fields["weights"].values.reshape(-1, fields["depth"])
    order = _pointwise_order(fields["depth"])
    found = layer_records(fields, weights)
    packed = _packed(weights, order, found) if found else None
    if found is None or packed is None:
        return None
    fours = -(-len(weights) // 4)
    pairs = np.zeros((2 * fours, len(order)), np.int32)
    pairs[: len(packed)] = packed
    units = [_filled(v, 4 * fours).reshape(fours, 4) for v in (found.bias, found.multiplier)]
    by_step = pairs.reshape(fours, 2, -1).transpose(0, 2, 1).reshape(fours, -1)
    columns = [units[0][:, 1::2], by_step, units[0][:, 0::2], units[1]]
    if found.shifts is not None:
        columns.append(_filled(found.shifts, 4 * fours).astype(np.uint8).reshape(fours, 4).view("<i4"))
    stream = np.concatenate(columns, axis=1).astype(np.int32)
    given = {
        "units": Symbol(f"arm_dsp::{'units_saturate' if found.finish == SATURATE else 'units_sign_fix'}"),
        "stream": Constant(stream),
        "stream_words": stream.shape[1],
        "words": len(order) // 2,
        "constant": found.constant,
        "shift": found.shift,
        **{k: fields[k] for k in ("depth", "output_min", "output_max")},
    }
    return replace(
        call,
        kernel="fully_connected_dsp_row",
        source="kernels/arm_dsp/fully_connected",
        params=Params("FullyConnectedDsp", given),
        scratch_bytes=len(order) * 4,
    )


def _common_records(fields: Mapping[str, Any], weights: np.ndarray) -> Records | None:
    """The records of a layer at `_COMMON_SHIFT`, or None where its sums need a shift of their own."""
    nearest = (fields["output_zero_point"] << _COMMON_SHIFT) + (1 << (_COMMON_SHIFT - 1))
    tried = (
        layer_records_at(fields, weights, shift=_COMMON_SHIFT, constant=nearest + part) for part in (64, 0)
    )
    return next((found for found in tried if found), None)


def _kernels(found: Records, words: int) -> str:
    """The `arm_dsp::DotKernels` of a layer with so many words of four input values."""
    if found.finish == SATURATE and found.shift in _SHIFTS:
        return f"kDot{f'Words{words}' if words in _WORDS else ''}Shift{found.shift}"
    return _KERNELS[found.finish]


def _is_pointwise(call: Call) -> bool:
    """Whether every output pixel reads one input pixel, which is none of a padding.

    A padding folded into the window may leave rows or columns behind the map: the general kernel knows them.
    """
    fields, window = call.params.fields, call.window
    if (window.kernel_h, fields["kernel_w"], fields["pad_left"], window.pad_top) != (1, 1, 0, 0):
        return False
    is_inside = (call.width - 1) * fields["stride_w"] < fields["input_width"]
    return is_inside and (call.outputs[0].height - 1) * window.stride_h < call.inputs[0].height


def _pointwise_order(inputs: int) -> np.ndarray:
    """[steps, 2] the input values of the halves of each step, -1 for none: 0 and 2, then 1 and 3 of each four."""
    padded = np.full(-(-inputs // 4) * 4, -1)
    padded[:inputs] = np.arange(inputs)
    return padded.reshape(-1, 4)[:, [0, 2, 1, 3]].reshape(-1, 2)


def _window_order(kernel_h: int, inputs: int) -> np.ndarray:
    """As `_pointwise_order` for each row of a kernel; where one value remains of each row, these come last."""
    values = np.arange(inputs).reshape(kernel_h, -1)
    if values.shape[1] % 4 != 1:
        orders = [_pointwise_order(values.shape[1])] * kernel_h
        return np.concatenate([np.where(o < 0, -1, row[o]) for row, o in zip(values, orders, strict=True)])
    last = np.full(-(-kernel_h // 4) * 4, -1)
    last[:kernel_h] = values[:, -1]
    return np.concatenate(
        [*(row[_pointwise_order(len(row) - 1)] for row in values[:, :-1]), last.reshape(-1, 2)]
    )


def _packed(weights: np.ndarray, order: np.ndarray, found: Records) -> np.ndarray | None:
    """[channel pairs, steps] words with the weights of both channels, or None where two do not fit into a half.

    A half is the weight of A and 256 times that of B: with -128 and a negative A it is too small. TFLite's weights
    are -127 and more, but nothing else holds other programs to that.
    """
    channels = len(weights)
    kept = np.where(found.is_constant[:, None], 0, weights.astype(np.int32))
    padded = np.zeros((channels + channels % 2, weights.shape[1] + 1), np.int32)
    padded[:channels, :-1] = kept
    halves = padded[0::2] + (padded[1::2] << 8)
    if (halves < -(1 << 15)).any():
        return None
    return np.ascontiguousarray(halves.astype(np.int16)[:, order.reshape(-1)]).view("<i4")


def _dot_stream(weights: np.ndarray, order: np.ndarray, found: Records) -> np.ndarray | None:
    """`DotJob::stream` of weights [channels, inputs]."""
    packed = _packed(weights, order, found)
    if packed is None:
        return None
    channels = 2 * len(packed)
    bias, multiplier = (_filled(v, channels).reshape(-1, 2) for v in (found.bias, found.multiplier))
    first = bias[:, :1]
    if found.shifts is not None:
        shifts = _filled(found.shifts, channels).reshape(-1, 2) + 1 - _LEAST_SHIFT
        if (shifts < 0).any():
            return None
        first = first | shifts[:, :1] | shifts[:, 1:] << 4
    return np.concatenate((bias[:, 1:], packed, first, multiplier), axis=1).astype(np.int32)


def _filled(values: np.ndarray, count: int) -> np.ndarray:
    """Values with the last one repeated."""
    return np.concatenate((values, np.repeat(values[-1:], count - len(values))))
