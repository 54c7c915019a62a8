"""The drop-in kernels of `tflm_kernels.h`: which operators they take, and what they take from the arena.

A device's own kernels (CMSIS-NN's, esp-nn's) ask for scratch whose size only their sources tell. The drop-in kernels
ask for none, or on cores with the DSP extension for what `drop_in_scratch` says, so with them the arena is known to the
byte on every device.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from math import prod

from tflm_mcunet.codegen.lower import lower
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.schedule.schedule import aligned
from tflm_mcunet.tflm.drop_in_scratch import scratch_bytes
from tflm_mcunet.tflm.kernel_memory import KernelMemory, KernelModel
from tflm_mcunet.tflm.kernel_table import KERNELS
from tflm_mcunet.tflm.stage_kernels import stage_kernels

#: Bytes of the members that are neither a structure of `kernel_list.h` nor a RowWalk.
_SOFTMAX_SCALE_WORDS = 3
_BROADCAST_WORDS = 18
_WALK_POINTERS, _WALK_WORDS = 2, 11

#: What `DepthwiseUnpacked` holds behind the parameters of the portable kernel.
_UNPACKED_WORDS = 2

#: `kFew` and `kDistances`: SOFTMAX keeps the exponentials of one vector of so few values, else of all distances.
_FEW_VALUES, _DISTANCES = 64, 256


@dataclass(frozen=True)
class DropIn:
    """One drop-in kernel.

    Args:
        source: str. Its file in `src/tflm/`.
        records: str. The temporary records of tensors that its Prepare makes, as in `kernel_memory.Kernel`.
    """

    source: str
    records: str


#: By operator: those whose `Add...` takes a registration in every resolver since 2022.
DROP_INS: Mapping[str, DropIn] = {
    "ADD": DropIn("kernel_binary.cpp", "01o"),
    "AVERAGE_POOL_2D": DropIn("kernel_pool.cpp", "0o"),
    "CONV_2D": DropIn("kernel_spatial.cpp", "01o2"),
    "DEPTHWISE_CONV_2D": DropIn("kernel_spatial.cpp", "01o2"),
    "FULLY_CONNECTED": DropIn("kernel_fully_connected.cpp", "01o2"),
    "MAX_POOL_2D": DropIn("kernel_pool.cpp", "0o"),
    "MUL": DropIn("kernel_binary.cpp", "01o"),
    "SOFTMAX": DropIn("kernel_softmax.cpp", "0o"),
}


def drop_in_types(graphs: Iterable[Graph]) -> tuple[str, ...]:
    """The types of operator, sorted, all of whose operators the drop-in kernels take.

    A resolver holds one kernel for a type: where one operator needs TFLite Micro's own, all of its type get that.
    """
    taken: dict[str, bool] = {}
    for graph in graphs:
        for i, op in enumerate(graph.ops):
            if op.type in DROP_INS:
                taken[op.type] = taken.get(op.type, True) and _takes(graph, i)
    return tuple(sorted(t for t, is_taken in taken.items() if is_taken))


def drop_in_memory(
    types: Iterable[str], enum_bytes: int = 4, has_dsp: bool = False
) -> dict[str, KernelModel]:
    """The models of these kernels, for `tflm.memory`.

    Args:
        types: iterable of str. The operators' types.
        enum_bytes: int. The size of enums on the machine.
        has_dsp: bool. Whether kernels use a DSP extension; see `drop_in_scratch.DSP_CORES`.
    """
    return dict.fromkeys(types, partial(_memory, enum_bytes, has_dsp))


def _takes(graph: Graph, index: int) -> bool:
    """Whether the kernel is exact for an operator: what the generated programs refuse, its Prepare refuses too."""
    op = graph.ops[index]
    if graph.tensors[op.inputs[0]].dtype != "int8":
        return False
    try:
        lower(graph, index)
    except UnsupportedOpError:
        return False
    return True


def _memory(enum_bytes: int, has_dsp: bool, graph: Graph, op: Op, pointer_bits: int) -> KernelMemory:
    stock = KERNELS[op.type]
    pointer = pointer_bits // 8
    options = stock.memory(graph, op, pointer, enum_bytes).options
    kept: tuple[int, ...] = ()
    scratch = scratch_bytes(graph, op, pointer) if has_dsp else 0
    if op.type in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        weights = graph.tensors[op.inputs[1]].shape
        channels = weights[0 if op.type == "CONV_2D" else 3]
        kept = (4 * channels, channels, *(() if scratch else (weights[1] * pointer,)))
    elif op.type == "FULLY_CONNECTED":
        units = graph.tensors[op.inputs[1]].shape[0]
        kept = (4 * units, units, pointer)
    elif op.type in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        kept = (int(op.options["filter_height"]) * pointer,)
    elif op.type == "SOFTMAX":
        shape = graph.tensors[op.inputs[0]].shape
        kept = (4 * (shape[-1] if prod(shape) <= _FEW_VALUES else _DISTANCES),)
    records = {"0": 0, "1": 1, "2": 2}
    early = tuple(
        op.outputs[0] if r == "o" else op.inputs[records[r]]
        for r in DROP_INS[op.type].records
        if r == "o" or (records[r] < len(op.inputs) and op.inputs[records[r]] >= 0)
    )
    return KernelMemory(options, (_data_bytes(op.type, pointer),), kept, (scratch,) if scratch else (), early)


def _data_bytes(type: str, pointer: int) -> int:
    """The structure that the kernel's Init keeps: `sizeof` of what `src/tflm/` declares."""
    walk = (_WALK_POINTERS, _WALK_WORDS)
    if type in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        pointers, words = _of("depthwise_conv_2d_row")
        either = (_of("conv_2d_row"), (pointers, words + _UNPACKED_WORDS))
        return max(_structure((walk, params), pointer) for params in either)
    if type == "FULLY_CONNECTED":
        return _structure((walk, _of("fully_connected_row")), pointer)
    if type in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        return _structure((walk, _of("average_pool_2d_row")), pointer)
    if type == "SOFTMAX":
        return _structure((_of("softmax_row"), walk, (2, _SOFTMAX_SCALE_WORDS)), pointer)
    operands = (_of("sum_row"), _of("product_row"), (1, _BROADCAST_WORDS))
    return aligned(_structure(operands, pointer) + 1, pointer)


def _of(kernel: str) -> tuple[int, int]:
    found = stage_kernels()[kernel]
    return found.pointers, found.words


def _structure(members: Iterable[tuple[int, int]], pointer: int) -> int:
    """Bytes of a structure of structures, each (pointers, 32-bit words) in this order."""
    end = 0
    for pointers, words in members:
        alignment = pointer if pointers else 4
        end = aligned(aligned(end, alignment) + pointers * pointer + 4 * words, alignment)
    return aligned(end, pointer)
