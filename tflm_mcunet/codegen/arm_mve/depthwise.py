"""Depthwise convolutions of the MVE family: their packed weights, and the gate of their kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tflm_mcunet.codegen.arm_mve.dense import conv_2d
from tflm_mcunet.codegen.arm_mve.shared import SATURATE, LayerSums, layer_sums
from tflm_mcunet.codegen.call import Call, Constant, Params, Symbol, as_one_row

_LANES = 16

#: Weights of one window stay in registers.
_MOST_VECTORS = 4

#: Bytes of planes that are held at once; more for 16 channels, which are written at once, and for eight any number.
_PLANE_BYTES, _MOST_PLANE_BYTES = 4096, 6144

#: The kernel scatters 16 planes, or eight pixels, with offsets of 16 bits.
_MOST_PITCH, _MOST_OUTPUT_STEP = 4000, 9000

#: Instructions of a line for each channel, for a run of eight outputs and for up to four: what chooses the lines.
_LINE, _EIGHT, _FOUR = 16, 31, 22


@dataclass(frozen=True)
class _Core:
    """A routine of `arm_mve/depthwise_core.h`.

    Args:
        name: str.
        vectors: int. Of 16 taps.
        is_paired: bool. Neighbouring windows share their loads.
        is_general: bool. Ends in `arm_mve::kGeneral`.
    """

    name: str
    vectors: int
    is_paired: bool = False
    is_general: bool = False


#: By (taps across, taps along, stride), for layers that saturate.
_SATURATING: Mapping[tuple[int, int, int], _Core] = {
    (3, 3, 1): _Core("depthwise_3x3_stride_1", 1, True),
    (3, 3, 2): _Core("depthwise_3x3_stride_2", 1, True),
    (5, 5, 1): _Core("depthwise_5x5_stride_1", 2, True),
    (5, 5, 2): _Core("depthwise_5x5_stride_2", 2),
    (7, 7, 1): _Core("depthwise_7x7_stride_1", 4),
    (7, 7, 2): _Core("depthwise_7x7_stride_2", 4),
}


@dataclass(frozen=True)
class _Lines:
    """A convolution as lines of outputs (`DepthwiseMve2D`): its numbers across the lines and along them.

    Args:
        are_rows: bool. Else columns.
        taps: (int, int). Across, along.
        stride, pad, input_length, length: int. Along; `length` is the output's.
        input_step, output_step: int. Bytes from pixel to pixel of a line.
    """

    are_rows: bool
    taps: tuple[int, int]
    stride: int
    pad: int
    input_length: int
    length: int
    input_step: int
    output_step: int

    @property
    def cost(self) -> int:
        """Instructions for one line of one channel, without building its plane."""
        full, rest = divmod(self.length, 8)
        return _LINE + full * _EIGHT + (0 if rest == 0 else _FOUR if rest <= 4 else _EIGHT)


def depthwise_conv_2d(call: Call, is_layer: bool) -> Call | None:
    """The family's call for one of `depthwise_conv_2d_row`, or None where its kernels do not take it."""
    fields, window, channels = call.params.fields, call.window, call.params.fields["input_channels"]
    if channels == 1:
        return conv_2d(_as_conv_2d(call), is_layer)
    if (fields["depth_multiplier"], fields["dilation_w"], window.dilation_h) != (1, 1, 1):
        return None
    input_height, height = call.inputs[0].height, call.outputs[0].height
    taps = (window.kernel_h, fields["kernel_w"])
    rows = _Lines(
        True,
        taps,
        fields["stride_w"],
        fields["pad_left"],
        fields["input_width"],
        call.width,
        channels,
        channels,
    )
    columns = _Lines(
        False, taps[::-1], window.stride_h, window.pad_top, input_height, height,
        fields["input_width"] * channels, call.width * channels,
    )  # fmt: skip
    if is_layer and columns.cost * call.width < rows.cost * height:
        special = _by_columns(call, columns)
        if special is not None:
            return special
    found = _parameters(call, rows)
    if found is None:
        return None
    params, scratch_bytes = found
    return replace(
        call,
        kernel="depthwise_conv_2d_mve_row",
        source="kernels/arm_mve/depthwise_conv_2d",
        params=params,
        scratch_bytes=scratch_bytes,
    )


def _by_columns(call: Call, columns: _Lines) -> Call | None:
    found = _parameters(call, columns)
    one_row = as_one_row(call)
    if found is None or one_row is call or columns.taps[0] > 8:
        return None
    line, scratch_bytes = found
    given = {
        "line": line,
        "input_width": call.params.fields["input_width"],
        "output_width": call.width,
        "output_height": columns.length,
        "stride_w": call.params.fields["stride_w"],
        "pad_left": call.params.fields["pad_left"],
    }
    return replace(
        one_row,
        kernel="depthwise_conv_2d_mve_map",
        source="kernels/arm_mve/depthwise_conv_2d",
        params=Params("DepthwiseColumnsMve2D", given),
        scratch_bytes=scratch_bytes,
    )


def _parameters(call: Call, lines: _Lines) -> tuple[Params, int] | None:
    """The `DepthwiseMve2D` and the bytes of scratch; None where no routine takes the lines."""
    fields, channels = call.params.fields, call.params.fields["input_channels"]
    by_row = fields["weights"].values.reshape(call.window.kernel_h, fields["kernel_w"], channels)
    by_line = by_row.transpose(2, 1, 0) if lines.are_rows else by_row.transpose(2, 0, 1)
    sums = layer_sums(fields, by_line.reshape(channels, -1))
    if sums is None or lines.output_step > _MOST_OUTPUT_STEP:
        return None
    core = _core(*lines.taps, lines.stride, sums.finish == SATURATE)
    if core is None:
        return None
    step = lines.stride * lines.taps[0]
    pitch = (-(-lines.length // 4) * 4 - 1) * step + core.vectors * _LANES
    if pitch > _MOST_PITCH:
        return None
    group = _group(channels, pitch)
    lead = step if core.is_paired else 0
    stream = _stream(sums, core, lead)
    given = {
        "routine": Symbol(f"arm_mve::{core.name}"),
        "stream": Constant(stream),
        "stream_bytes": stream.shape[1],
        "lead": lead,
        "vectors": core.vectors,
        "channels": channels,
        "group": group,
        "taps_across": lines.taps[0],
        "taps_along": lines.taps[1],
        "stride": lines.stride,
        "pad": lines.pad,
        "input_length": lines.input_length,
        "input_step": lines.input_step,
        "output_step": lines.output_step,
        **{k: fields[k] for k in ("input_zero_point", "output_zero_point", "output_min", "output_max")},
    }
    return Params("DepthwiseMve2D", given), group * pitch + _LANES


def _group(channels: int, pitch: int) -> int:
    """The channels whose planes are held at once, a multiple of 8."""
    needed = -(-channels // 8) * 8
    if needed * pitch <= _PLANE_BYTES:
        return needed
    sixteens = max(_PLANE_BYTES // (16 * pitch), _MOST_PLANE_BYTES // (16 * pitch) and 1)
    return min(16 * sixteens, needed) or 8


def _core(across: int, along: int, stride: int, is_saturating: bool) -> _Core | None:
    """The routine for a window, or None where its weights need too many registers."""
    special = _SATURATING.get((across, along, stride)) if is_saturating else None
    vectors = -(-across * along // _LANES)
    if special or vectors > _MOST_VECTORS:
        return special
    return _Core(f"depthwise_to_{vectors * _LANES}_taps", vectors, is_general=True)


def _stream(sums: LayerSums, core: _Core, lead: int) -> np.ndarray:
    """`DepthwiseJob::stream` as int8 [channels, bytes]."""
    constants = [sums.bias, sums.multiplier, sums.shift]
    if core.is_general:
        constants.append((sums.shift < 0).astype(np.int32))
    head = np.stack(constants, axis=1).view(np.int8)
    channels, taps = sums.weights.shape
    body = np.zeros((channels, -(-(lead + core.vectors * _LANES) // 4) * 4), np.int8)
    body[:, lead : lead + taps] = sums.weights
    return np.concatenate((head, body), axis=1)


def _as_conv_2d(call: Call) -> Call:
    """A depthwise convolution of one channel as the convolution that it is."""
    fields = dict(call.params.fields)
    channels = fields.pop("depth_multiplier")
    weights = fields["weights"].values.reshape(-1, channels).T
    fields |= {"weights": Constant(weights), "group_channels": 1, "output_channels": channels}
    return replace(call, kernel="conv_2d_row", params=Params("Conv2D", fields))
