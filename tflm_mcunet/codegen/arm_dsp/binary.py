"""What the DSP family computes value by value: ADD, SUB and MUL with constants that are proven offline, and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tflm_mcunet.codegen import merged_sum as dsp_sum
from tflm_mcunet.codegen.arm_dsp.records import records
from tflm_mcunet.codegen.call import Call, Params, Symbol, as_one_row
from tflm_mcunet.codegen.merged_requantize import CLAMP, SATURATE, Affine

#: Runs shorter than this are left to the portable kernel.
_LEAST_RUN = 4

_SOURCES = {
    "Sum": "kernels/arm_dsp/sum_exact",
    "SumDsp": "kernels/arm_dsp/sum",
    "ProductDsp": "kernels/arm_dsp/product",
}
_ROWS = {"Sum": "sum_exact_dsp_row", "SumDsp": "sum_dsp_row", "ProductDsp": "product_dsp_row"}


def binary(call: Call, is_layer: bool) -> Call | None:
    """The family's call for one of `sum_row` or `product_row`."""
    params = _arithmetic(call.params, call.params.fields["channels"])
    if params is None:
        return None
    dsp = replace(call, kernel=_ROWS[params.struct], source=_SOURCES[params.struct], params=params)
    return as_one_row(dsp) if is_layer else dsp


def lookup(call: Call, is_layer: bool) -> Call:
    """The family's call for one of `lookup_row`."""
    dsp = replace(call, kernel="lookup_dsp_row", source="kernels/arm_dsp/lookup")
    return as_one_row(dsp) if is_layer else dsp


def quantize(call: Call, is_layer: bool) -> Call:
    """The family's call for one of `quantize_row`."""
    dsp = replace(call, kernel="quantize_dsp_row", source="kernels/arm_dsp/quantize")
    return as_one_row(dsp) if is_layer else dsp


def broadcast(call: Call, _: bool) -> Call | None:
    """The family's call for one of `sum_broadcast` or `product_broadcast`."""
    fields = call.params.fields
    params = _arithmetic(fields["arithmetic"], 1)
    axes = _merged(fields["extent"], fields["first_stride"], fields["second_stride"])
    if params is None or not 1 <= len(axes) <= 3:
        return None
    run, *strides = axes[-1]
    if run < _LEAST_RUN or strides not in ([1, 1], [1, 0], [0, 1]):
        return None
    outer = [(1, 0, 0)] * (3 - len(axes)) + axes[:-1]
    repeated = strides.index(0) if 0 in strides else -1
    given = {
        "row": Symbol(_ROWS[params.struct]),
        "arithmetic": params,
        "run": run,
        "repeated": repeated,
        "extent": tuple(a[0] for a in outer),
        "first_stride": tuple(a[1] for a in outer),
        "second_stride": tuple(a[2] for a in outer),
    }
    return replace(
        call,
        kernel="broadcast_dsp",
        source="kernels/arm_dsp/broadcast",
        params=Params("BroadcastDsp", given),
        scratch_bytes=run if repeated >= 0 else 0,
    )


def channels(call: Call, _: bool) -> Call | None:
    """The family's call for one of `sum_channels_row` or `product_channels_row`."""
    count = call.params.fields["channels"]
    params = _arithmetic(call.params, 1)
    if params is None or count < _LEAST_RUN:
        return None
    given = {"row": Symbol(_ROWS[params.struct]), "arithmetic": params, "channels": count}
    return replace(
        call,
        kernel="channels_dsp_row",
        source="kernels/arm_dsp/broadcast",
        params=Params("ChannelsDsp", given),
    )


def _arithmetic(params: Params, channels: int) -> Params | None:
    """The constants of the row kernel for `Sum` or `Product`, or None where none are exact."""
    if params.struct == "Sum":
        found = dsp_sum.constants(params.fields)
        if found:
            return Params("SumDsp", {"channels": channels, **found})
        shifts = [params.fields[f"{which}_shift"] for which in ("first", "second", "output")]
        return Params("Sum", {**params.fields, "channels": channels}) if max(shifts) <= 0 else None
    constants = product_constants(params.fields)
    return Params("ProductDsp", {"channels": channels, **constants}) if constants else None


def product_constants(fields: Mapping[str, Any]) -> dict[str, int] | None:
    """The fields of `ProductDsp` but for the channels for those of `Product`, or None where none are exact."""
    affine = Affine(
        np.array([fields["output_multiplier"]]),
        np.array([fields["output_shift"]]),
        fields["output_zero_point"],
        fields["output_min"],
        fields["output_max"],
    )
    ends = [[v - fields[f"{which}_zero_point"] for v in (-128, 127)] for which in ("first", "second")]
    corners = np.multiply.outer(np.array(ends[0]), np.array(ends[1])).reshape(-1)
    found = records(affine, corners.min(keepdims=True), corners.max(keepdims=True), np.zeros(1))
    if found is None or found.finish == CLAMP or found.is_constant[0]:
        return None
    constant, shift = found.constant, found.shift
    if found.shifts is not None:
        shift = int(found.shifts[0]) + 1
        constant = (found.constant << (shift - 1)) + 64
    return {
        "first_zero_point": fields["first_zero_point"],
        "second_zero_point": fields["second_zero_point"],
        "bias": int(found.bias[0]),
        "multiplier": int(found.multiplier[0]),
        "constant": constant,
        "shift": shift,
        "sign_fix": 0 if found.finish == SATURATE else 128,
    }


def _merged(
    extents: tuple[int, ...], first: tuple[int, ...], second: tuple[int, ...]
) -> list[tuple[int, int, int]]:
    """(extent, strides of both operands) of the axes, outermost first, neighbours that walk as one merged."""
    axes: list[tuple[int, int, int]] = []
    for extent, one, two in zip(extents, first, second, strict=True):
        if extent == 1:
            continue
        if axes and (axes[-1][1], axes[-1][2]) == (one * extent, two * extent):
            axes[-1] = (axes[-1][0] * extent, one, two)
        else:
            axes.append((extent, one, two))
    return axes
