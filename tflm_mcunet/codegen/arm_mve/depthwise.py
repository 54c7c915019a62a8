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

#: Bytes of planes that are held at once, of rows and of whole maps, whose planes are longer; more for 16 channels,
#: which are written at once, and for eight any number.
_ROW_PLANE_BYTES, _MAP_PLANE_BYTES, _MOST_PLANE_BYTES = 4096, 2048, 6144

#: The kernel scatters 16 planes, or eight pixels, with offsets of 16 bits.
_MOST_PITCH, _MOST_OUTPUT_STEP = 4000, 9000

#: Instructions for a channel: of a pixel that enters a plane, of one of padding and of a line; for a group of channels:
#: of a line that enters and of a call of the routine; of a row kernel's call. They choose the kernel.
_PIXEL, _PADDING, _LINE, _ENTRY, _CALL, _ROW = 0.4, 0.3, 1.7, 55, 55, 300


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

    def line_cost(self, count: int) -> float:
        """Instructions for `count` outputs of a channel whose plane is there."""
        window = self.vectors * 1.5 if self.is_paired else self.vectors * 2 + self.is_general
        head = 1 + self.vectors * (1 + self.is_paired)
        if count <= 8 and not self.is_general:
            windows, ending = next(way for way in ((4, 12), (6, 19), (8, 22)) if count <= way[0])
            return head + windows * window + ending
        windows = -(-count // 4) * 4
        return head + windows * window + -(-count // 8) * (19 + 12 * self.is_general) + 13


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
class _Axis:
    """A direction of the maps.

    Args:
        taps, stride, pad: int. Of the window.
        input_length, output_length: int. Pixels.
        input_step, output_step: int. Bytes from pixel to pixel.
    """

    taps: int
    stride: int
    pad: int
    input_length: int
    output_length: int
    input_step: int
    output_step: int

    @property
    def covered(self) -> int:
        """Pixels from the first window's begin to the last one's end."""
        return (self.output_length - 1) * self.stride + self.taps

    @property
    def inside(self) -> int:
        """Those of them that the input has."""
        return max(0, min(self.input_length, self.covered - self.pad) - max(0, -self.pad))

    @property
    def taps_inside(self) -> int:
        """Taps of all windows that lie on pixels of the input."""
        firsts = (i * self.stride - self.pad for i in range(self.output_length))
        return sum(max(0, min(first + self.taps, self.input_length) - max(first, 0)) for first in firsts)


@dataclass(frozen=True)
class _Lines:
    """A convolution as lines of outputs (`DepthwiseMve2D`).

    Args:
        are_rows: bool. Else columns.
        along, across: _Axis. Along a line, and from line to line.
    """

    are_rows: bool
    along: _Axis
    across: _Axis

    @property
    def line_bytes(self) -> int:
        """What the windows of a line take in a plane, but for their vectors."""
        return (-(-self.along.output_length // 4) * 4 - 1) * self.along.stride * self.across.taps

    def map_cost(self, core: _Core, channels: int, group: int) -> float:
        """Instructions for a map, every line of whose input enters the planes once."""
        along, across = self.along, self.across
        entered = min(across.covered, across.output_length * across.taps)
        inside = min(entered, across.inside) * along.inside
        lines = across.output_length * core.line_cost(along.output_length) + entered * _LINE
        pixels = inside * _PIXEL + (entered * along.covered - inside) * _PADDING
        calls = entered * _ENTRY + across.output_length * _CALL
        return channels * (lines + pixels) + -(-channels // group) * calls

    def rows_cost(self, core: _Core, channels: int, group: int) -> float:
        """Instructions for a map, row by row."""
        along, across = self.along, self.across
        lines = across.output_length * core.line_cost(along.output_length) + across.taps_inside * _LINE
        pixels = across.taps_inside * along.inside
        padding = across.output_length * across.taps * along.covered - pixels
        filled = across.output_length * min(channels, group) * (self.line_bytes + core.vectors * _LANES) / 8
        row = -(-channels // group) * (_ENTRY + _CALL) + _ROW
        entering = channels * pixels * _PIXEL + min(channels * padding * _PADDING, filled)
        return channels * lines + entering + across.output_length * row


def _lines(call: Call) -> tuple[_Lines, _Lines]:
    """The rows and the columns of a convolution."""
    fields, window, channels = call.params.fields, call.window, call.params.fields["input_channels"]
    x = _Axis(
        fields["kernel_w"], fields["stride_w"], fields["pad_left"], fields["input_width"], call.width,
        channels, channels,
    )  # fmt: skip
    y = _Axis(
        window.kernel_h, window.stride_h, window.pad_top, call.inputs[0].height, call.outputs[0].height,
        fields["input_width"] * channels, call.width * channels,
    )  # fmt: skip
    return _Lines(True, x, y), _Lines(False, y, x)


def depthwise_conv_2d(call: Call, is_layer: bool) -> Call | None:
    """The family's call for one of `depthwise_conv_2d_row`, or None where its kernels do not take it."""
    fields, window = call.params.fields, call.window
    if fields["input_channels"] == 1:
        return conv_2d(_as_conv_2d(call), is_layer)
    if (fields["depth_multiplier"], fields["dilation_w"], window.dilation_h) != (1, 1, 1):
        return None
    rows, columns = _lines(call)
    by_row = _by_row(call, rows)
    ways = [by_row] if by_row else []
    if is_layer:
        ways += [way for way in (_whole_map(call, rows), _whole_map(call, columns)) if way]
    return min(ways, key=lambda way: way.cost).call if ways else None


@dataclass(frozen=True)
class _Way:
    """A call, and its instructions by a model."""

    call: Call
    cost: float


def _by_row(call: Call, rows: _Lines) -> _Way | None:
    found = _parameters(call, rows, 0, _ROW_PLANE_BYTES)
    if found is None:
        return None
    params, scratch_bytes, core = found
    special = replace(
        call,
        kernel="depthwise_conv_2d_mve_row",
        source="kernels/arm_mve/depthwise_conv_2d",
        params=params,
        scratch_bytes=scratch_bytes,
    )
    return _Way(special, rows.rows_cost(core, params.fields["channels"], params.fields["group"]))


def depthwise_in_place(call: Call, ahead_bytes: int) -> Call | None:
    """The call of a whole layer whose output begins `ahead_bytes` before its input, over which it may lie, or None.

    Channels are computed in groups, whose bytes no other group touches if whole pixels lie over whole pixels. Where a
    line of outputs is written, its windows have read all that lies under it and comes before it: rows lie over rows
    that are no later, columns over themselves.
    """
    if call.kernel != "depthwise_conv_2d_row" or call.batch != 1:
        return None
    fields, window = call.params.fields, call.window
    channels, width = fields["input_channels"], fields["input_width"]
    if channels == 1 or ahead_bytes < 0 or ahead_bytes % channels or call.width > width:
        return None
    if window.pad_top >= window.kernel_h or fields["pad_left"] >= fields["kernel_w"]:
        return None
    if (fields["depth_multiplier"], fields["dilation_w"], window.dilation_h) != (1, 1, 1):
        return None
    rows, columns = _lines(call)
    is_column_over_column = call.width == width and ahead_bytes % (width * channels) == 0
    legal = (rows, columns) if is_column_over_column else (rows,)
    ways = [way for way in (_by_row(call, rows), *(_whole_map(call, lines) for lines in legal)) if way]
    found = min(ways, key=lambda way: way.cost).call if ways else None
    return found if found is not None and found.kernel == "depthwise_conv_2d_mve_map" else None


def _whole_map(call: Call, lines: _Lines) -> _Way | None:
    along, across = lines.along, lines.across
    found = _parameters(call, lines, (across.output_length - 1) * across.stride, _MAP_PLANE_BYTES)
    one_row = as_one_row(call)
    if found is None or one_row is call:
        return None
    line, scratch_bytes, core = found
    given = {
        "line": line,
        "input_lines": across.input_length,
        "output_lines": across.output_length,
        "output_length": along.output_length,
        "stride_across": across.stride,
        "pad_across": across.pad,
        "input_pitch": across.input_step,
        "output_pitch": across.output_step,
    }
    special = replace(
        one_row,
        kernel="depthwise_conv_2d_mve_map",
        source="kernels/arm_mve/depthwise_conv_2d",
        params=Params("DepthwiseMapMve2D", given),
        scratch_bytes=scratch_bytes,
    )
    return _Way(special, lines.map_cost(core, line.fields["channels"], line.fields["group"]))


def _parameters(
    call: Call, lines: _Lines, moved_bytes: int, plane_bytes: int
) -> tuple[Params, int, _Core] | None:
    """The `DepthwiseMve2D`, the bytes of scratch and the routine; None where no routine takes the lines.

    Args:
        call: Call.
        lines: _Lines.
        moved_bytes: int. How far the windows move in a plane from the first line to the last.
        plane_bytes: int. Of all planes that are held at once, if more than 16 are.
    """
    fields, channels = call.params.fields, call.params.fields["input_channels"]
    along, across = lines.along, lines.across
    by_row = fields["weights"].values.reshape(call.window.kernel_h, fields["kernel_w"], channels)
    by_line = by_row.transpose(2, 1, 0) if lines.are_rows else by_row.transpose(2, 0, 1)
    sums = layer_sums(fields, by_line.reshape(channels, -1))
    if sums is None or along.output_step > _MOST_OUTPUT_STEP:
        return None
    core = _core(across.taps, along.taps, along.stride, sums.finish == SATURATE)
    if core is None:
        return None
    pitch = lines.line_bytes + core.vectors * _LANES + moved_bytes
    if pitch > _MOST_PITCH:
        return None
    group = _group(channels, pitch, plane_bytes)
    lead = along.stride * across.taps if core.is_paired else 0
    stream = _stream(sums, core, lead)
    given = {
        "routine": Symbol(f"arm_mve::{core.name}"),
        "stream": Constant(stream),
        "stream_bytes": stream.shape[1],
        "lead": lead,
        "vectors": core.vectors,
        "channels": channels,
        "group": group,
        "taps_across": across.taps,
        "taps_along": along.taps,
        "stride": along.stride,
        "pad": along.pad,
        "input_length": along.input_length,
        "input_step": along.input_step,
        "output_step": along.output_step,
        **{k: fields[k] for k in ("input_zero_point", "output_zero_point", "output_min", "output_max")},
    }
    return Params("DepthwiseMve2D", given), group * pitch + _LANES, core


def _group(channels: int, pitch: int, plane_bytes: int) -> int:
    """The channels whose planes are held at once, a multiple of 8."""
    needed = -(-channels // 8) * 8
    if needed * pitch <= plane_bytes:
        return needed
    sixteens = max(plane_bytes // (16 * pitch), _MOST_PLANE_BYTES // (16 * pitch) and 1)
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
