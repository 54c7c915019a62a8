"""The MVE family (Cortex-M55, M85): a portable Call becomes the call of a faster kernel where that is exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tflm_mcunet.codegen.arm_dsp import lower as arm_dsp
from tflm_mcunet.codegen.arm_mve import dense, depthwise
from tflm_mcunet.codegen.arm_mve import sum as mve_sum
from tflm_mcunet.codegen.call import Call, Params, as_one_row

#: Sources whose kernels here read no byte behind their inputs, so that these may lie in flash.
EXACT_READERS = arm_dsp.EXACT_READERS

#: The scales with which no step of a division leaves the range of normal floats.
_LEAST_SCALE, _MOST_SCALE = 1e-20, 1e20

#: A mean adds its window in 16 bits.
_MOST_AVERAGED = 255


def specialise(call: Call, *, is_layer: bool, overlaps: bool) -> Call:
    """The call of the family's kernel, or `call` itself where none is exact.

    These cores have the DSP extension too: what has no vector kernel gets that of the DSP family.

    Args:
        call: Call. Of the portable family.
        is_layer: bool. Its operands are whole maps, row after row.
        overlaps: bool. The whole output shares bytes with a whole input.
    """
    lowering = _LOWERINGS.get(call.kernel)
    if overlaps and call.kernel != "sum_row":
        lowering = None
    special = lowering(call, is_layer) if lowering else None
    return special or arm_dsp.specialise(call, is_layer=is_layer, overlaps=overlaps)


def _sum(call: Call, is_layer: bool) -> Call | None:
    found = mve_sum.constants(call.params.fields)
    if found is None:
        return None
    special = replace(
        call,
        kernel="sum_mve_row",
        source="kernels/arm_mve/sum",
        params=Params("SumMve", {"channels": call.params.fields["channels"], **found}),
    )
    return as_one_row(special) if is_layer else special


def _pool_2d(call: Call, _: bool) -> Call | None:
    fields = call.params.fields
    is_average = call.kernel == "average_pool_2d_row"
    if is_average and fields["kernel_h"] * fields["kernel_w"] > _MOST_AVERAGED:
        return None
    return replace(
        call,
        kernel=call.kernel.replace("_row", "_mve_row"),
        source="kernels/arm_mve/pool_2d",
        scratch_bytes=16,
    )


def _row_sum(call: Call, _: bool) -> Call:
    return replace(call, kernel=call.kernel.replace("_sum", "_mve_sum"), source="kernels/arm_mve/pool_2d")


def _quantize(call: Call, is_layer: bool) -> Call | None:
    if not _LEAST_SCALE <= call.params.fields["scale"] <= _MOST_SCALE:
        return None
    special = replace(call, kernel="quantize_mve_row", source="kernels/arm_mve/quantize")
    return as_one_row(special) if is_layer else special


_LOWERINGS: Mapping[str, Callable[[Call, bool], Call | None]] = {
    "average_pool_2d_row": _pool_2d,
    "average_pool_2d_sum": _row_sum,
    "conv_2d_row": dense.conv_2d,
    "depthwise_conv_2d_row": depthwise.depthwise_conv_2d,
    "fully_connected_row": dense.fully_connected,
    "max_pool_2d_row": _pool_2d,
    "mean_sum": _row_sum,
    "quantize_row": _quantize,
    "sum_row": _sum,
}
