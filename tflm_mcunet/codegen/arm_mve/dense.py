"""Convolutions and fully connected layers of the MVE family: their packed weights, and the gates of their kernels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tflm_mcunet.codegen.arm_mve.shared import GENERAL, SATURATE, SIGN_FIX, LayerSums, layer_sums
from tflm_mcunet.codegen.call import Call, Constant, Params, Symbol, as_one_row
from tflm_mcunet.codegen.in_place import is_pointwise_in_place

#: Inputs of one vector, and output channels of one block.
_LANES, _BLOCK = 16, 4

#: How the routines say their ending.
_ENDINGS = {SATURATE: "saturated", SIGN_FIX: "fixed", GENERAL: "clamped"}

#: Bytes that gathered pixels take, where more than two fit.
_TILE_BYTES = 2048

#: Bytes that pixels take which are copied since the output lies over them, where more than two fit.
_COPIED_BYTES = 512

#: The output's pixel stride and the block's channels must fit into 16 bits.
_MOST_CHANNELS = (1 << 16) - 2 * _BLOCK


def conv_2d(call: Call, is_layer: bool) -> Call | None:
    """The family's call for one of `conv_2d_row`, or None where its kernels do not take it."""
    fields, window = call.params.fields, call.window
    channels = fields["output_channels"]
    sums = layer_sums(fields, fields["weights"].values.reshape(channels, -1))
    is_plain = fields["group_channels"] == fields["input_channels"] and fields["dilation_w"] == 1
    if not is_plain or sums is None or channels > _MOST_CHANNELS:
        return None
    stream, chunks = _dot_stream(sums)
    is_pointwise = (window.kernel_h, fields["kernel_w"], fields["pad_left"], window.pad_top) == (1, 1, 0, 0)
    # A padding folded into the window may leave rows or columns behind the map: the general kernel knows them.
    is_inside = (call.width - 1) * fields["stride_w"] < fields["input_width"]
    is_inside &= (call.outputs[0].height - 1) * window.stride_h < call.inputs[0].height
    is_direct = is_pointwise and is_inside
    # A layer that is computed over its input takes its tile from `pointwise_in_place`.
    tile = (
        (2 if is_layer else _tile(call.width, chunks, _COPIED_BYTES))
        if is_direct
        else _tile(call.width, chunks, _TILE_BYTES)
    )
    shared = (
        "input_width", "input_channels", "output_channels", "kernel_h", "kernel_w", "stride_w", "pad_left",
        "input_zero_point", "output_zero_point", "output_min", "output_max",
    )  # fmt: skip
    given = {
        "pairs": _pairs(sums, chunks),
        "single": _single(sums, chunks),
        "stream": stream,
        "chunks": chunks,
        "tile": tile,
        **{k: fields[k] for k in shared},
    }
    special = replace(
        call,
        kernel="pointwise_mve_row" if is_direct else "conv_2d_mve_row",
        source="kernels/arm_mve/conv_2d",
        params=Params("ConvMve2D", given),
        scratch_bytes=(given["tile"] * chunks + 1) * _LANES + 2 * -(-channels // _BLOCK) * _BLOCK,
    )
    is_flat = is_layer and is_direct and window.stride_h == fields["stride_w"] == 1
    return as_one_row(special) if is_flat else special


def pointwise_in_place(call: Call, ahead_bytes: int) -> Call | None:
    """The call of a whole 1x1 convolution whose output begins `ahead_bytes` before its input, or None.

    A tile of pixels is copied, and then their outputs are written; its larger tile saves calls of the core.
    """
    found = conv_2d(call, True) if is_pointwise_in_place(call, ahead_bytes) else None
    if found is None or found.kernel != "pointwise_mve_row" or found.outputs[0].height != 1:
        return None
    fields = found.params.fields
    tile = _tile(found.width, fields["chunks"], _COPIED_BYTES)
    return replace(
        found,
        params=Params(found.params.struct, {**fields, "tile": tile}),
        scratch_bytes=found.scratch_bytes + (tile - fields["tile"]) * fields["chunks"] * _LANES,
    )


def fully_connected(call: Call, _: bool) -> Call | None:
    """The family's call for one of `fully_connected_row`, or None where its kernel does not take it."""
    fields = call.params.fields
    sums = layer_sums(fields, fields["weights"].values.reshape(-1, fields["depth"]))
    if sums is None:
        return None
    stream, chunks = _dot_stream(sums)
    shared = ("output_zero_point", "output_min", "output_max")
    given = {
        "single": _single(sums, chunks),
        "stream": stream,
        "chunks": chunks,
        **{k: fields[k] for k in shared},
    }
    return replace(
        call,
        kernel="fully_connected_mve_row",
        source="kernels/arm_mve/fully_connected",
        params=Params("FullyConnectedMve", given),
        scratch_bytes=_LANES,
    )


def _tile(width: int, chunks: int, most_bytes: int) -> int:
    """An even number of pixels, as many in each of the tiles of a row."""
    most = max(2, most_bytes // (chunks * _LANES) // 2 * 2)
    tiles = -(-width // most)
    return -(-width // (2 * tiles)) * 2


def _pairs(sums: LayerSums, chunks: int) -> Symbol:
    """The routine of `arm_mve/dot_core.h` for pairs of pixels."""
    return Symbol(f"arm_mve::pairs_{_routine(sums, chunks)}")


def _single(sums: LayerSums, chunks: int) -> Symbol:
    """The routine for one pixel."""
    return Symbol(f"arm_mve::single_{_routine(sums, chunks)}")


def _routine(sums: LayerSums, chunks: int) -> str:
    """How the routine's name ends: few chunks have routines of their own."""
    number = f"of_{chunks}_" if chunks <= 4 and sums.finish != GENERAL else ""
    return number + _ENDINGS[sums.finish]


def _dot_stream(sums: LayerSums) -> tuple[Constant, int]:
    """`DotJob::stream`, and the chunks of 16 inputs."""
    channels, inputs = sums.weights.shape
    blocks, chunks = -(-channels // _BLOCK), -(-inputs // _LANES)
    padded = np.zeros((blocks * _BLOCK, chunks * _LANES), np.int8)
    padded[:channels, :inputs] = sums.weights
    endings = np.zeros((3, blocks * _BLOCK), np.int32)
    endings[:, :channels] = sums.bias, sums.multiplier, sums.shift
    by_chunk = padded.reshape(blocks, _BLOCK, chunks, _LANES).transpose(0, 2, 1, 3).reshape(blocks, -1)
    by_block = endings.reshape(3, blocks, _BLOCK).transpose(1, 0, 2).reshape(blocks, -1)
    stream = np.concatenate((by_chunk, np.ascontiguousarray(by_block).view(np.int8)), axis=1)
    return Constant(stream), chunks
