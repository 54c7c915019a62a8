"""Depthwise convolutions of the MVE family: their packed weights, and the gate of their kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tflm_mcunet.codegen.arm_mve.dense import conv_2d
from tflm_mcunet.codegen.arm_mve.shared import SATURATE, LayerSums, layer_sums
from tflm_mcunet.codegen.call import Call, Constant, Params

_LANES = 16

#: Weights of one window stay in registers.
_MOST_VECTORS = 4

#: Bytes of planes that are held at once, where more than eight channels fit.
_PLANE_BYTES = 4096

#: The kernel scatters 16 planes, or eight pixels, with offsets of 16 bits.
_MOST_PITCH, _MOST_CHANNELS = 4000, 9000


@dataclass(frozen=True)
class _Core:
    """An `arm_mve::DepthwiseCore`: its number, the vectors of taps, and whether neighbours share their loads."""

    number: int
    vectors: int
    is_paired: bool = False


#: By (kernel_h, kernel_w, stride), for layers that saturate.
_SATURATING: Mapping[tuple[int, int, int], _Core] = {
    (3, 3, 1): _Core(0, 1, True),
    (3, 3, 2): _Core(1, 1, True),
    (5, 5, 1): _Core(2, 2, True),
    (5, 5, 2): _Core(3, 2),
    (7, 7, 1): _Core(4, 4),
    (7, 7, 2): _Core(5, 4),
}
_FIRST_GENERAL = 6


def depthwise_conv_2d(call: Call, is_layer: bool) -> Call | None:
    """The family's call for one of `depthwise_conv_2d_row`, or None where its kernel does not take it."""
    fields, window = call.params.fields, call.window
    channels, stride = fields["input_channels"], fields["stride_w"]
    if channels == 1:
        return conv_2d(_as_conv_2d(call), is_layer)
    if (fields["depth_multiplier"], fields["dilation_w"], window.dilation_h) != (1, 1, 1):
        return None
    by_row = fields["weights"].values.reshape(window.kernel_h, fields["kernel_w"], channels)
    sums = layer_sums(fields, by_row.transpose(2, 1, 0).reshape(channels, -1))
    if sums is None or channels > _MOST_CHANNELS:
        return None
    core = _core(window.kernel_h, fields["kernel_w"], stride, sums.finish == SATURATE)
    if core is None:
        return None
    step = stride * window.kernel_h
    pitch = (-(-call.width // 4) * 4 - 1) * step + core.vectors * _LANES
    if pitch > _MOST_PITCH:
        return None
    group = max(8, min(_PLANE_BYTES // pitch, channels + 7) // 8 * 8)
    lead = step if core.is_paired else 0
    stream = _stream(sums, core, lead)
    shared = (
        "input_width", "kernel_h", "kernel_w", "stride_w", "pad_left", "input_zero_point", "output_zero_point",
        "output_min", "output_max",
    )  # fmt: skip
    given = {
        "stream": Constant(stream),
        "stream_bytes": stream.shape[1],
        "core": core.number,
        "lead": lead,
        "vectors": core.vectors,
        "channels": channels,
        "group": group,
        **{k: fields[k] for k in shared},
    }
    return replace(
        call,
        kernel="depthwise_conv_2d_mve_row",
        source="kernels/arm_mve/depthwise_conv_2d",
        params=Params("DepthwiseMve2D", given),
        scratch_bytes=group * pitch + _LANES,
    )


def _core(kernel_h: int, kernel_w: int, stride: int, is_saturating: bool) -> _Core | None:
    """The routine for a window, or None where its weights need too many registers."""
    special = _SATURATING.get((kernel_h, kernel_w, stride)) if is_saturating else None
    vectors = -(-kernel_h * kernel_w // _LANES)
    if special or vectors > _MOST_VECTORS:
        return special
    return _Core(_FIRST_GENERAL + vectors - 1, vectors)


def _stream(sums: LayerSums, core: _Core, lead: int) -> np.ndarray:
    """`DepthwiseJob::stream` as int8 [channels, bytes]."""
    constants = [sums.bias, sums.multiplier, sums.shift]
    if core.number >= _FIRST_GENERAL:
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
