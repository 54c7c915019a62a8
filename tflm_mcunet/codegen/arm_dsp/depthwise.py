"""Depthwise convolutions of the DSP family: their packed weights, and the gate of their kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tflm_mcunet.codegen.arm_dsp.dense import conv_2d
from tflm_mcunet.codegen.arm_dsp.depthwise_map import map_depthwise
from tflm_mcunet.codegen.arm_dsp.depthwise_packed import packed_depthwise
from tflm_mcunet.codegen.arm_dsp.layer import layer_records, layer_records_at
from tflm_mcunet.codegen.call import Call, Constant, Params, Symbol, View
from tflm_mcunet.codegen.layer_sums import layer_affine, layer_constants
from tflm_mcunet.codegen.merged_requantize import SATURATE, finish_of
from tflm_mcunet.ops import Window

#: The shifts that the cores for 3x3 windows know, by stride.
_SHIFTS_3X3 = {1: (8, 6), 2: (8,)}

#: `kShift3x3Map`.
_SHIFT_3X3_MAP = 8

#: `kRows3x3Stride2`.
_ROWS_3X3_STRIDE_2 = 24

#: Bytes of widened planes that a depthwise convolution of a whole map may take.
_MOST_PLANE_BYTES = 4096


def depthwise_conv_2d(call: Call, is_layer: bool) -> Call | None:
    """The family's call for one of `depthwise_conv_2d_row`, or None where its kernel does not take it."""
    fields, window = call.params.fields, call.window
    kernel, stride, channels = fields["kernel_w"], fields["stride_w"], fields["input_channels"]
    if channels == 1:
        return conv_2d(_as_conv_2d(call), is_layer)
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
    if max(fields["input_width"], channels) >= 1 << 15:
        return None
    weights = fields["weights"].values.reshape(kernel, kernel, channels).transpose(2, 0, 1)
    whole = map_depthwise(call, weights) if is_layer else None
    if whole is not None:
        return whole
    if kernel == 3:
        return _depthwise_3x3(call, weights, is_layer)
    faster = packed_depthwise(call, weights, is_layer)
    if faster is not None:
        return faster
    found = layer_records(fields, weights.reshape(channels, -1), 7, is_shared=False)
    if found is None or found.shifts is None:
        return None
    rows = _rows_per_call(call) if is_layer else 1
    packed = _packed(np.where(found.is_constant[:, None, None], np.int8(0), weights), found.shifts)
    stream = np.concatenate((np.stack((found.bias, found.multiplier), axis=1), packed), axis=1)
    shared = ("input_width", "pad_left", "input_zero_point", "output_min", "output_max")
    finish = "saturate" if finish_of(layer_affine(fields)) == SATURATE else "clamp"
    given = {
        "core": Symbol(f"arm_dsp::depthwise_{finish}_{kernel}_{stride}"),
        "stream": Constant(stream),
        "constant": found.constant,
        "channels": channels,
        "kernel": kernel,
        "stride": stride,
        "output_rows": rows,
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
        scratch_bytes=_plane_bytes(call, rows) + 128 * kernel + 12 * rows + 64,
    )


@dataclass(frozen=True)
class _Head:
    """What the channels of a 3x3 layer hold besides their weights.

    Args:
        head: [channels, 2] int32. Bias and multiplier.
        own: [channels, 2] int32. Constant and shift; [0, 2] where a core's shift will do.
        core: str. The core's name.
        is_constant: bool array. The channels that are a bias alone.
        finish: int. `arm_dsp::Finish`.
    """

    head: np.ndarray
    own: np.ndarray
    core: str
    is_constant: np.ndarray
    finish: int

    @property
    def is_regular(self) -> bool:
        return not len(self.own)


def _head(fields: Mapping[str, Any], weights: np.ndarray) -> _Head | None:
    """For a shift that a core knows, with biases that hold what rounds; else with constants and shifts, too."""
    stride = fields["stride_w"]
    for shift in _SHIFTS_3X3[stride]:
        found = layer_records_at(fields, weights, shift=shift, constant=0)
        if found is not None:
            head, own = np.stack((found.bias, found.multiplier), axis=1), np.zeros((0, 2), np.int32)
            core = f"kOutputs3x3Stride{stride}Shift{shift}"
            return _Head(head, own, core, found.is_constant, found.finish)
    free = layer_constants(fields, weights, 8)
    if free is None:
        return None
    head, own = (np.stack(v, axis=1) for v in ((free.bias, free.multiplier), (free.constant, free.shift)))
    return _Head(head, own, f"kSums3x3Stride{stride}", np.zeros(len(weights), bool), free.finish)


def _depthwise_3x3(call: Call, weights: np.ndarray, is_layer: bool) -> Call | None:
    """The kernel for 3x3 windows: of a layer, one call computes the whole map, on its side where that is longer."""
    fields, window = call.params.fields, call.window
    channels, stride, width = fields["input_channels"], fields["stride_w"], fields["input_width"]
    source, target = call.inputs[0], call.outputs[0]
    extents = (source.height, width, target.height, call.width, window.pad_top, fields["pad_left"])
    if is_layer and stride == 1 and extents == (3, 3, 3, 3, 1, 1):
        whole = _depthwise_3x3_map(call, weights)
        if whole is not None:
            return whole
    found = _head(fields, weights.reshape(channels, -1))
    if found is None:
        return None
    weights = np.where(found.is_constant[:, None, None], np.int8(0), weights)
    is_stride_2_map = found.is_regular and _is_stride_2_map(call)
    if not is_layer or not (stride == 1 or is_stride_2_map):
        return _depthwise_3x3_row(call, weights, found)
    is_on_its_side = target.height > call.width
    count, rows = call.width, target.height
    if is_on_its_side:
        weights, count, rows = weights.transpose(0, 2, 1), rows, count
    stream = np.concatenate((found.head, _packed_3x3(weights)), axis=1)
    given = {
        "stream": Constant(np.concatenate((stream.reshape(-1), found.own.reshape(-1)))),
        "input_width": source.height if is_on_its_side else width,
        "channels": channels,
        "output_rows": rows,
        "input_step": width * channels if is_on_its_side else channels,
        "output_step": call.width * channels if is_on_its_side else channels,
        "output_pitch": channels if is_on_its_side else call.width * channels,
        "pad_left": window.pad_top if is_on_its_side else fields["pad_left"],
        "across_width": width,
        "across_pad": fields["pad_left"],
        "input_zero_point": fields["input_zero_point"],
    }
    if is_stride_2_map:
        kernel, struct = "depthwise_3x3_stride_2_dsp", "DepthwiseDsp3x3Stride2"
        scratch_bytes = 128 + 48 * (count + 1) + 32 * (min(rows, _ROWS_3X3_STRIDE_2) - 1)
    else:
        kernel, struct = "depthwise_3x3_rolling_dsp", "DepthwiseDsp3x3Rolling"
        scratch_bytes = 336 + _unit_bytes(count, stride, found)
        given |= _ending(fields, found)
    dsp = replace(
        call,
        kernel=f"{kernel}_row",
        source=f"kernels/arm_dsp/{kernel.removesuffix('_dsp')}",
        params=Params(struct, given),
        inputs=(source,),
        outputs=(View(target.tensor, target.height // rows, target.row_bytes * rows),),
        window=replace(window, kernel_h=3 + (rows - 1) * stride, stride_h=stride * rows),
        scratch_bytes=scratch_bytes,
    )
    if not is_on_its_side:
        return dsp
    return replace(
        dsp,
        kernel=f"{kernel}_columns",
        inputs=(View(source.tensor, 1, source.height * source.row_bytes),),
        outputs=(View(target.tensor, 1, target.height * target.row_bytes),),
        window=Window(),
        width=count,
        scratch_bytes=scratch_bytes + 8 * (3 + (rows - 1) * stride),
    )


def _depthwise_3x3_row(call: Call, weights: np.ndarray, found: _Head) -> Call:
    """The kernel for 3x3 windows that computes one row."""
    fields = call.params.fields
    records = np.concatenate((_records_3x3(found.head, weights).reshape(-1), found.own.reshape(-1)))
    given = {
        "records": Constant(records),
        "channels": len(weights),
        "stride": fields["stride_w"],
        **{k: fields[k] for k in ("input_width", "pad_left", "input_zero_point")},
        **_ending(fields, found),
    }
    return replace(
        call,
        kernel="depthwise_3x3_dsp_row",
        source="kernels/arm_dsp/depthwise_3x3",
        params=Params("DepthwiseDsp3x3", given),
        scratch_bytes=_unit_bytes(call.width, fields["stride_w"], found),
    )


def _unit_bytes(count: int, stride: int, found: _Head) -> int:
    """Scratch for the units of an output row, and for its sums where the core does not end them."""
    units = (count + 1) // 2 + 1 if stride == 1 else count + 1
    return 48 * units + (0 if found.is_regular else 16 * count)


def _ending(fields: Mapping[str, Any], found: _Head) -> dict[str, Any]:
    """The parameters of what ends sums."""
    return {
        "core": Symbol(f"&arm_dsp::{found.core}"),
        "finish": found.finish,
        "is_regular": int(found.is_regular),
        **{k: fields[k] for k in ("output_min", "output_max")},
    }


def _is_stride_2_map(call: Call) -> bool:
    """Whether at stride 2 at most a line lies beside the map, on each side of it."""
    source, target, fields = call.inputs[0], call.outputs[0], call.params.fields
    across = (fields["pad_left"], fields["input_width"], call.width)
    down = (call.window.pad_top, source.height, target.height)
    return fields["stride_w"] == 2 and all(
        before <= 1 and 2 * count <= before + size for before, size, count in (across, down)
    )


def _depthwise_3x3_map(call: Call, weights: np.ndarray) -> Call | None:
    """The kernel for 3x3 windows of a 3x3 map, padded by 1, all of it in one call; None where it is not exact.

    It takes the zero point off the input, so that padding needs no products: the bias is without its part.
    """
    fields, channels = call.params.fields, len(weights)
    zero_point = fields["input_zero_point"]
    constant = (fields["output_zero_point"] << _SHIFT_3X3_MAP) + (1 << (_SHIFT_3X3_MAP - 1))
    found = layer_records_at(fields, weights.reshape(channels, -1), shift=_SHIFT_3X3_MAP, constant=constant)
    if found is None:
        return None
    weights = np.where(found.is_constant[:, None, None], np.int8(0), weights)
    bias = found.bias.astype(np.int64)
    bias += 256 * zero_point * weights.reshape(channels, -1).sum(axis=1, dtype=np.int64)
    head = np.stack((bias.astype(np.int32), found.multiplier), axis=1)
    source, target = call.inputs[0], call.outputs[0]
    given = {
        "stream": Constant(np.concatenate((head, _packed_3x3(weights)), axis=1)),
        "constant": found.constant,
        "channels": channels,
        "offset": (-zero_point & 0xFFFF) * 0x10001,
    }
    return replace(
        call,
        kernel="depthwise_3x3_dsp_map",
        source="kernels/arm_dsp/depthwise_3x3_map",
        params=Params("DepthwiseDspMap3x3", given),
        inputs=(View(source.tensor, 1, source.height * source.row_bytes),),
        outputs=(View(target.tensor, 1, target.height * target.row_bytes),),
        window=Window(),
        scratch_bytes=96,
    )


def _records_3x3(head: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[channels, 7] int32, as `arm_dsp::Record3x3` has them, of bias and multiplier and weights [channels, 3, 3]."""
    scaled = weights.astype(np.int16) * np.int16(256)
    pairs = scaled[:, :2].transpose(0, 2, 1)
    singles = scaled[:, 2][:, [0, 1, 1, 2]]
    halves = np.concatenate((pairs.reshape(len(weights), -1), singles), axis=1)
    return np.concatenate((np.ascontiguousarray(halves).view("<i4"), head[:, ::-1]), axis=1)


def _packed_3x3(weights: np.ndarray) -> np.ndarray:
    """Weights [channels, 3, 3] int8 as a word for each row, of bytes w0 w1 w1 w2."""
    return np.ascontiguousarray(weights[:, :, [0, 1, 1, 2]]).reshape(len(weights), -1).view("<i4")


def depthwise_in_place(call: Call, ahead_bytes: int) -> Call | None:
    """The call of a whole layer whose output begins `ahead_bytes` before its input, over which it may lie.

    Four channels at a time are read, computed and written. Their bytes of the input are not read again once a later
    row of the output may lie there, if a pixel is never written over one that is yet to come; the other channels'
    bytes are not touched, if whole pixels lie over whole pixels. None where that is not so.
    """
    if call.kernel != "depthwise_conv_2d_row" or call.batch != 1:
        return None
    fields, window = call.params.fields, call.window
    channels, width = fields["input_channels"], fields["input_width"]
    if channels == 1 or call.width > width or 2 * window.pad_top >= window.kernel_h:
        return None
    if ahead_bytes < 0 or ahead_bytes % channels:
        return None
    found = depthwise_conv_2d(call, True)
    if found is None:
        return None
    holds_all = found.params.fields.get("output_rows") == call.outputs[0].height
    is_column_over_column = call.width == width and ahead_bytes % (width * channels) == 0
    is_safe = {
        "depthwise_3x3_rolling_dsp_row": True,
        "depthwise_3x3_rolling_dsp_columns": is_column_over_column,
        "depthwise_3x3_stride_2_dsp_row": True,
        "depthwise_3x3_dsp_map": True,
        "depthwise_map_dsp": True,
        "depthwise_packed_dsp_row": True,
        "depthwise_conv_2d_dsp_row": holds_all,
    }
    return found if is_safe.get(found.kernel, False) else None


def _as_conv_2d(call: Call) -> Call:
    """A depthwise convolution of one channel as the convolution that it is."""
    fields = dict(call.params.fields)
    channels = fields.pop("depth_multiplier")
    weights = fields["weights"].values.reshape(-1, channels).T
    fields |= {"weights": Constant(weights), "group_channels": 1, "output_channels": channels}
    return replace(call, kernel="conv_2d_row", params=Params("Conv2D", fields))


def _packed(weights: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Weights [channels, kernel, kernel] as words: rows of bytes w0 w2 w1 w3 w4 w6 w5; the last byte is the shift."""
    channels, kernel, _ = weights.shape
    order = [0, 2, 1, 3, 4, 6, 5] if kernel == 7 else [0, 2, 1, 3, 4]
    padded = np.zeros((channels, -(-kernel * kernel // 4) * 4), np.int8)
    padded[:, : kernel * kernel] = weights[:, :, order].reshape(channels, -1)
    padded[:, -1] = shifts
    return padded.view("<i4")


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
