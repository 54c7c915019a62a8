"""Pools and means of the DSP family: the portable kernels' parameters, four channels at a time."""

from __future__ import annotations

from dataclasses import replace

from tflm_mcunet.codegen.call import Call, Params

_SOURCE = "kernels/arm_dsp/pool_2d"

#: Values whose sum fits into the 16 bits that the kernel sums in.
_MOST_SUMMED = 255


def average_pool_2d(call: Call, _: bool) -> Call | None:
    """The family's call for one of `average_pool_2d_row`."""
    fields = call.params.fields
    if fields["kernel_h"] * fields["kernel_w"] > _MOST_SUMMED:
        return None
    return replace(call, kernel="average_pool_2d_dsp_row", source=_SOURCE)


def max_pool_2d(call: Call, _: bool) -> Call:
    """The family's call for one of `max_pool_2d_row`."""
    return replace(call, kernel="max_pool_2d_dsp_row", source=_SOURCE)


def row_sum(call: Call, _: bool) -> Call:
    """The family's call for one of `average_pool_2d_sum` and `mean_sum`."""
    return replace(call, kernel=call.kernel.replace("_sum", "_dsp_sum"), source=_SOURCE)


def mean(call: Call, _: bool) -> Call | None:
    """The family's call for a `mean` over the pixels of one image."""
    fields = call.params.fields
    kept, reduced = fields["kept_extent"], fields["reduced_extent"]
    channels = kept[2]
    is_map = kept[:2] == reduced[:2] == (1, 1) and fields["kept_stride"][2] == 1
    if not is_map or fields["reduced_stride"][2] != channels:
        return None
    shared = ("input_offset", "multiplier", "shift", "output_zero_point")
    given = {"input_width": reduced[2], "channels": channels, **{k: fields[k] for k in shared}}
    return replace(
        call,
        kernel="mean_dsp_map",
        source=_SOURCE,
        params=Params("MapMean", given),
        scratch_bytes=4 * channels,
    )
