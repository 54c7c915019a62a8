"""The operators that a model needs of TFLite Micro, as calls of its op resolver."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import Graph
from tflm_mcunet.tflm.kernel_table import KERNELS
from tflm_mcunet.tflm.stage_op import STAGE
from tflm_mcunet.tflm.stage_registry import MODEL_KERNELS

#: Names that `MicroMutableOpResolver` does not write as the schema's words with a capital each.
_METHODS = {"PADV2": "PadV2"}


@dataclass(frozen=True)
class Registration:
    """One operator of a resolver.

    Args:
        type: str. The schema's name, or that of a custom operator.
        call: str. C++; `resolver` is a reference to the resolver. Its value is a TfLiteStatus.
    """

    type: str
    call: str


def registrations(graphs: Iterable[Graph], drop_ins: Iterable[str]) -> tuple[Registration, ...]:
    """One registration for each type of operator, sorted by type.

    Args:
        graphs: the main graph and the file's other subgraphs.
        drop_ins: types whose kernels are those of `tflm_device_kernels.h`.

    Raises:
        UnsupportedOpError: an operator is none whose memory in TFLite Micro is known.
    """
    found: dict[str, Registration] = {}
    for number, graph in enumerate(graphs):
        for i, op in enumerate(graph.ops):
            if op.name == STAGE:
                found[op.name] = Registration(op.name, f"tflm_mcunet::AddStageOp<{MODEL_KERNELS}>(resolver)")
            elif op.type in KERNELS:
                registration = f"tflm_mcunet::device::Register_{op.type}()" if op.type in drop_ins else ""
                found[op.type] = Registration(op.type, f"resolver.Add{method(op.type)}({registration})")
            else:
                where = graph.describe(i) if number == 0 else f"subgraph {number}, {graph.describe(i)}"
                raise UnsupportedOpError(
                    f"{where}: what {op.name} takes from TFLite Micro's arena is not known",
                    "so the arena's size is not, either; without it: --engine mcunet",
                )
    return tuple(found[name] for name in sorted(found))


def method(type: str) -> str:
    """The end of the name of a resolver's method.

    Example:
        >>> method("DEPTHWISE_CONV_2D"), method("SPLIT_V"), method("PADV2")
        ('DepthwiseConv2D', 'SplitV', 'PadV2')
    """
    words = type.split("_")
    return _METHODS.get(type) or "".join(w if w[0].isdigit() else w.capitalize() for w in words)
