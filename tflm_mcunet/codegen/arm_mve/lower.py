"""The MVE family (Cortex-M55, M85): a portable Call becomes the call of a faster kernel where that is exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tflm_mcunet.codegen.arm_mve import dense
from tflm_mcunet.codegen.call import Call


def specialise(call: Call, *, is_layer: bool, overlaps: bool) -> Call:
    """The call of the family's kernel, or `call` itself where none is exact.

    Args:
        call: Call. Of the portable family.
        is_layer: bool. Its operands are whole maps, row after row.
        overlaps: bool. The whole output shares bytes with a whole input.
    """
    lowering = _LOWERINGS.get(call.kernel)
    if overlaps:
        return call
    return (lowering(call, is_layer) if lowering else None) or call


_LOWERINGS: Mapping[str, Callable[[Call, bool], Call | None]] = {
    "conv_2d_row": dense.conv_2d,
    "fully_connected_row": dense.fully_connected,
}
