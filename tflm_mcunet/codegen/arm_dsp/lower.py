"""The DSP family (Cortex-M4, M7, M33): a portable Call becomes the call of a faster kernel where that is exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tflm_mcunet.codegen.arm_dsp import binary, dense, depthwise, reduce
from tflm_mcunet.codegen.call import Call

#: Kernels that take words of both sides alike: the output may lie where an input does.
_ELEMENTWISE = (
    "lookup_row", "product_broadcast", "product_channels_row", "product_row", "sum_broadcast", "sum_channels_row",
    "sum_row",
)  # fmt: skip

#: Sources whose kernels here read no byte behind their inputs, so that these may lie in flash.
EXACT_READERS = frozenset(("kernels/binary",))


def specialise(call: Call, *, is_layer: bool, overlaps: bool) -> Call:
    """The call of the family's kernel, or `call` itself where none is exact.

    Args:
        call: Call. Of the portable family.
        is_layer: bool. Its operands are whole maps, row after row.
        overlaps: bool. The whole output shares bytes with a whole input.
    """
    lowering = _LOWERINGS.get(call.kernel)
    if overlaps and call.kernel not in _ELEMENTWISE:
        return call
    return (lowering(call, is_layer) if lowering else None) or call


_LOWERINGS: Mapping[str, Callable[[Call, bool], Call | None]] = {
    "average_pool_2d_row": reduce.average_pool_2d,
    "average_pool_2d_sum": reduce.row_sum,
    "conv_2d_row": dense.conv_2d,
    "depthwise_conv_2d_row": depthwise.depthwise_conv_2d,
    "fully_connected_row": dense.fully_connected,
    "lookup_row": binary.lookup,
    "max_pool_2d_row": reduce.max_pool_2d,
    "mean": reduce.mean,
    "mean_sum": reduce.row_sum,
    "product_broadcast": binary.broadcast,
    "product_channels_row": binary.channels,
    "product_row": binary.binary,
    "quantize_row": binary.quantize,
    "sum_broadcast": binary.broadcast,
    "sum_channels_row": binary.channels,
    "sum_row": binary.binary,
}
