"""The RISC-V family (rv32im): a portable Call becomes the call of a faster kernel where that is exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tflm_mcunet.codegen import merged_sum
from tflm_mcunet.codegen.call import Call, Constant, Params, View, as_one_row
from tflm_mcunet.codegen.in_place import are_bands_in_place, is_pointwise_in_place
from tflm_mcunet.codegen.layer_sums import layer_constants
from tflm_mcunet.codegen.merged_requantize import SATURATE, Constants
from tflm_mcunet.codegen.riscv.pairs import MOST_GROUP, pair_stream, unit_stream

#: Sums are scaled by 2^8 before they are multiplied; `riscv::finished` knows it.
_BITS = 8
#: Bytes of scratch that a depthwise convolution of a whole map may take.
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


def pointwise_in_place(call: Call, ahead_bytes: int) -> Call | None:
    """The call of a whole 1x1 convolution whose output begins `ahead_bytes` before its input, or None.

    Its kernel widens some pixels before it writes their outputs.
    """
    found = _conv_2d(call, True) if is_pointwise_in_place(call, ahead_bytes) else None
    return found if found is not None and found.outputs[0].height == 1 else None


def depthwise_in_place(call: Call, ahead_bytes: int) -> Call | None:
    """The call of a whole depthwise layer whose output begins `ahead_bytes` before its input, or None."""
    found = _depthwise_conv_2d(call, True) if call.params.fields["input_channels"] > 1 else None
    rows = found.params.fields["output_rows"] if found is not None else 1
    return found if found is not None and are_bands_in_place(call, rows, ahead_bytes) else None


def _ending(found: Constants, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `riscv::Ending`."""
    fix = 0 if found.finish == SATURATE else 1 << (_BITS - 1)
    return {"sign_fix": fix, "output_min": fields["output_min"], "output_max": fields["output_max"]}


def _channels(found: Constants) -> np.ndarray:
    """[channels, 4] int32: `riscv::Channel`. The kernel adds the bias before it scales."""
    return np.stack((found.bias >> _BITS, found.multiplier, found.constant, found.shift), axis=1)


def _conv_2d(call: Call, is_layer: bool) -> Call | None:
    fields = call.params.fields
    if fields["group_channels"] != fields["input_channels"] or fields["dilation_w"] != 1:
        return None
    weights = fields["weights"].values.reshape(fields["output_channels"], -1)
    found = layer_constants(fields, weights, _BITS)
    stream = pair_stream(weights, _channels(found)) if found else None
    if found is None or stream is None:
        return None
    taps = -(-weights.shape[1] // MOST_GROUP) * MOST_GROUP
    shared = (
        "input_width", "input_channels", "output_channels", "kernel_h", "kernel_w", "stride_w", "pad_left",
        "input_zero_point",
    )  # fmt: skip
    given = {"stream": Constant(stream), "taps": taps, **{k: fields[k] for k in shared}}
    row_taps = fields["kernel_w"] * fields["input_channels"]
    special = replace(
        call,
        kernel="conv_2d_rv_row",
        source="kernels/riscv/conv_2d",
        params=Params("ConvRv2D", given | _ending(found, fields)),
        scratch_bytes=12 * taps + 7 * row_taps,
    )
    window = call.window
    is_pointwise = (window.kernel_h, fields["kernel_w"], fields["pad_left"], window.pad_top) == (1, 1, 0, 0)
    # A padding folded into the window may leave rows or columns behind the map.
    is_inside = call.width == fields["input_width"] and call.outputs[0].height == call.inputs[0].height
    if not (is_layer and is_pointwise and is_inside and window.stride_h == fields["stride_w"] == 1):
        return special
    one_row = as_one_row(special)
    flat = given | {"input_width": one_row.width} | _ending(found, fields)
    return replace(one_row, params=Params("ConvRv2D", flat)) if one_row is not special else special


def _as_conv_2d(call: Call) -> Call:
    """A depthwise convolution of one channel as the convolution that it is."""
    fields = dict(call.params.fields)
    channels = fields.pop("depth_multiplier")
    weights = fields["weights"].values.reshape(-1, channels).T
    fields |= {"weights": Constant(weights), "group_channels": 1, "output_channels": channels}
    return replace(call, kernel="conv_2d_row", params=Params("Conv2D", fields))


def _depthwise_conv_2d(call: Call, is_layer: bool) -> Call | None:
    fields, window = call.params.fields, call.window
    kernel, stride, channels = fields["kernel_w"], fields["stride_w"], fields["input_channels"]
    if channels == 1:
        return _conv_2d(_as_conv_2d(call), is_layer)
    shape = (
        fields["depth_multiplier"], fields["dilation_w"], window.dilation_h, window.kernel_h, window.stride_h,
    )  # fmt: skip
    if shape != (1, 1, 1, kernel, stride) or kernel not in (3, 5, 7) or stride not in (1, 2):
        return None
    weights = fields["weights"].values.reshape(-1, channels).T
    found = layer_constants(fields, weights, _BITS)
    if found is None:
        return None
    rows = _rows_per_call(call) if is_layer else 1
    given = {
        "weights": Constant(np.ascontiguousarray(weights)),
        "channels": Constant(_channels(found)),
        "output_rows": rows,
        **{k: fields[k] for k in ("input_width", "input_channels", "pad_left", "input_zero_point")},
    }
    target = call.outputs[0]
    return replace(
        call,
        kernel=f"depthwise_{kernel}_{stride}_rv_row",
        source="kernels/riscv/depthwise_conv_2d",
        params=Params("DepthwiseRv2D", given | _ending(found, fields)),
        outputs=(View(target.tensor, target.height // rows, target.row_bytes * rows),),
        window=replace(window, kernel_h=kernel + (rows - 1) * stride, stride_h=stride * rows),
        scratch_bytes=_plane_bytes(call, rows),
    )


def _plane_bytes(call: Call, rows: int) -> int:
    """One channel's columns for that many output rows, with the padding around them."""
    kernel, stride = call.window.kernel_h, call.window.stride_h
    return (kernel + (rows - 1) * stride) * ((call.width + 1) * stride + kernel)


def _rows_per_call(call: Call) -> int:
    """Output rows that one call computes: what they share is copied once."""
    height = call.outputs[0].height
    fitting = [
        r for r in range(1, height + 1) if height % r == 0 and _plane_bytes(call, r) <= _MOST_PLANE_BYTES
    ]
    return max(fitting, default=1)


def _fully_connected(call: Call, _: bool) -> Call | None:
    fields = call.params.fields
    depth = fields["depth"]
    weights = fields["weights"].values.reshape(-1, depth)
    found = layer_constants(fields, weights, _BITS)
    stream = unit_stream(weights, _channels(found)) if found else None
    if found is None or stream is None:
        return None
    return replace(
        call,
        kernel="fully_connected_rv_row",
        source="kernels/riscv/fully_connected",
        params=Params(
            "FullyConnectedRv", {"stream": Constant(stream), "depth": depth} | _ending(found, fields)
        ),
        scratch_bytes=-(-depth // MOST_GROUP) * MOST_GROUP * 9 // 2,
    )


def _sum(call: Call, is_layer: bool) -> Call | None:
    found = merged_sum.constants(call.params.fields)
    if found is None:
        return None
    special = replace(
        call,
        kernel="sum_rv_row",
        source="kernels/riscv/sum",
        params=Params("SumRv", {"channels": call.params.fields["channels"], **found}),
    )
    return as_one_row(special) if is_layer else special


_LOWERINGS: Mapping[str, Callable[[Call, bool], Call | None]] = {
    "conv_2d_row": _conv_2d,
    "depthwise_conv_2d_row": _depthwise_conv_2d,
    "fully_connected_row": _fully_connected,
    "sum_row": _sum,
}
