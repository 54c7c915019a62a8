"""The families of kernels: which one a core runs best, and how a portable Call becomes one of its calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tflm_mcunet.codegen.arm_dsp import dense as dsp_dense
from tflm_mcunet.codegen.arm_dsp import depthwise as dsp_depthwise
from tflm_mcunet.codegen.arm_dsp import lower as arm_dsp
from tflm_mcunet.codegen.arm_mve import dense as mve_dense
from tflm_mcunet.codegen.arm_mve import depthwise as mve_depthwise
from tflm_mcunet.codegen.arm_mve import lower as arm_mve
from tflm_mcunet.codegen.call import Call
from tflm_mcunet.codegen.positive_multipliers import with_positive_multipliers
from tflm_mcunet.codegen.riscv import lower as riscv
from tflm_mcunet.errors import UsageError

PORTABLE = "portable"

_SPECIALISE: Mapping[str, Callable[..., Call]] = {
    "arm_dsp": arm_dsp.specialise,
    "arm_mve": arm_mve.specialise,
    "riscv": riscv.specialise,
}

#: All there are.
FAMILIES = (PORTABLE, *_SPECIALISE)

#: What each family's kernels may read from flash; most read a few bytes behind their inputs.
_EXACT_READERS: Mapping[str, frozenset[str]] = {
    "arm_dsp": arm_dsp.EXACT_READERS,
    "arm_mve": arm_mve.EXACT_READERS,
}

#: What computes whole layers over their own input, by the portable kernel.
_IN_PLACE: Mapping[str, Mapping[str, Callable[[Call, int], Call | None]]] = {
    "arm_dsp": {
        "conv_2d_row": dsp_dense.pointwise_in_place,
        "depthwise_conv_2d_row": dsp_depthwise.depthwise_in_place,
    },
    "arm_mve": {
        "conv_2d_row": mve_dense.pointwise_in_place,
        "depthwise_conv_2d_row": mve_depthwise.depthwise_in_place,
    },
    "riscv": {
        "conv_2d_row": riscv.pointwise_in_place,
        "depthwise_conv_2d_row": riscv.depthwise_in_place,
    },
}

#: Core -> the family that it runs best.
_CORES = {
    "cortex-m4": "arm_dsp",
    "cortex-m7": "arm_dsp",
    "cortex-m33": "arm_dsp",
    "cortex-m55": "arm_mve",
    "cortex-m85": "arm_mve",
}


def family_of(core: str) -> str:
    """The family for a core, or for an engine such as "qemu:cortex-m4".

    Example:
        >>> family_of("qemu:cortex-m4"), family_of("host")
        ('arm_dsp', 'portable')
    """
    name = core.lower().removeprefix("qemu:")
    return "riscv" if name.startswith("rv32") else _CORES.get(name, PORTABLE)


def specialised_in_place(call: Call, family: str, ahead_bytes: int) -> Call | None:
    """The family's call of a whole layer that may write over its input, or None where it has none that is exact.

    Args:
        call: Call. Of the portable family, with one input and one output that are whole maps.
        family: str.
        ahead_bytes: int. How far the output begins before the input.
    """
    lowering = _IN_PLACE.get(family, {}).get(call.kernel)
    turned = with_positive_multipliers(call) if lowering else None
    return lowering(turned, ahead_bytes) if lowering and turned else None


def reads_constants(call: Call, family: str) -> bool:
    """Whether the inputs of the family's kernel for a portable call may be constants in flash."""
    return call.source in _EXACT_READERS.get(family, frozenset())


def specialised(call: Call, family: str, *, is_layer: bool, overlaps: bool) -> Call:
    """The family's call, or `call` itself where the family has none that is exact.

    Args:
        call: Call. Of the portable family.
        family: str. "portable", "arm_dsp", "arm_mve" or "riscv".
        is_layer: bool. The operands are whole maps, row after row.
        overlaps: bool. The whole output shares bytes with a whole input.

    Raises:
        UsageError: no such family.
    """
    if family == PORTABLE:
        return call
    if family not in _SPECIALISE:
        raise UsageError(
            f"Expected `family` to be one of {', '.join((PORTABLE, *_SPECIALISE))}, got {family!r}"
        )
    turned = with_positive_multipliers(call)
    special = turned and _SPECIALISE[family](turned, is_layer=is_layer, overlaps=overlaps)
    return call if special is None or special is turned else special
