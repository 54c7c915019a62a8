"""The DSP family (Cortex-M4, M7, M33): a portable Call becomes the call of a faster kernel where that is exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tflm_mcunet.codegen.arm_dsp import dense, depthwise
from tflm_mcunet.codegen.arm_dsp import sum as dsp_sum
from tflm_mcunet.codegen.arm_dsp.shared import as_one_row
from tflm_mcunet.codegen.call import Call, Params


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


def _sum(call: Call, is_layer: bool) -> Call | None:
    found = dsp_sum.constants(call.params.fields)
    if found is None:
        return None
    dsp = replace(
        call,
        kernel="sum_dsp_row",
        source="kernels/arm_dsp/sum",
        params=Params("SumDsp", {"channels": call.params.fields["channels"], **found}),
    )
    return as_one_row(dsp) if is_layer else dsp


_LOWERINGS: Mapping[str, Callable[[Call, bool], Call | None]] = {
    "conv_2d_row": dense.conv_2d,
    "fully_connected_row": dense.fully_connected,
    "sum_row": _sum,
    "depthwise_conv_2d_row": depthwise.depthwise_conv_2d,
}
