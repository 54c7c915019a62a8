"""How much memory stock TFLite Micro takes for a model, without running it: head, tail and their parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import Graph
from tflm_mcunet.tflm import greedy
from tflm_mcunet.tflm.arena import Arena, fill
from tflm_mcunet.tflm.kernel_memory import KernelModel
from tflm_mcunet.tflm.layout import layout
from tflm_mcunet.tflm.lifetimes import Owner, aligned, planned_buffers
from tflm_mcunet.tflm.needs import kernel_needs
from tflm_mcunet.tflm.offline_plan import offline_offsets
from tflm_mcunet.tflm.sizes import MAX_BYTES, tensor_sizes
from tflm_mcunet.tflm.stage_op import STAGE
from tflm_mcunet.tflm.stage_reader import stage_memory
from tflm_mcunet.tflm.subgraphs import all_subgraphs, resource_variable_count

#: The runtime whose memory this is.
RUNTIME = "TFLite Micro of 2026-02-03 (tflite-micro 0.dev20260203175027), reference kernels"

EXACT, MODELLED, UNKNOWN = "exact", "modelled", "unknown"


@dataclass(frozen=True)
class Part:
    """One share of the arena.

    Args:
        name: str.
        bytes: int or None. With alignment; None where it is unknown.
        label: str. "exact", "modelled" or "unknown".
        note: str. Why it is not exact; "" where it is.
    """

    name: str
    bytes: int | None
    label: str
    note: str = ""


@dataclass(frozen=True)
class Placed:
    """One buffer of the head.

    Args:
        owner: Owner. The tensor, or the operator of a scratch buffer.
        offset_bytes, size_bytes: int. The size is aligned.
        first, last: int. The scopes that use it; operator i of the main graph runs at i + 1.
    """

    owner: Owner
    offset_bytes: int
    size_bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class TflmMemory:
    """What `memory` finds.

    Args:
        head_bytes: int or None. Planned tensors and scratch; None where an operator's scratch is unknown.
        tail_bytes: int or None. What lives as long as the interpreter; None where a kernel's needs are unknown.
        total_bytes: int or None. Their sum: what TFLite Micro reports as used.
        arena_bytes: int or None. The smallest 16-byte aligned arena in which the model can be allocated; larger
            than the total where making the plan takes more room than the plan.
        parts: tuple of Part. The head, then the parts of the tail.
        buffers: tuple of Placed. The head's plan; without the scratch of operators that `reasons` names.
        reasons: tuple of str. Why something is not known.
        pointer_bits: int.
        runtime: str. The version that this models.
    """

    head_bytes: int | None
    tail_bytes: int | None
    total_bytes: int | None
    arena_bytes: int | None
    parts: tuple[Part, ...]
    buffers: tuple[Placed, ...]
    reasons: tuple[str, ...]
    pointer_bits: int
    runtime: str = RUNTIME


def memory(
    graph: Graph,
    pointer_bits: int = 64,
    *,
    enum_bytes: int | None = None,
    kernels: Mapping[str, KernelModel] | None = None,
) -> TflmMemory:
    """The arena that stock TFLite Micro uses for a model.

    On 64 bits this is what the host package records, to the byte. On 32 bits it is the model of the same code for a
    Cortex-M (or, with `enum_bytes=4`, for RISC-V and Xtensa); kernels optimised for a core ask for more scratch.

    Args:
        graph: Graph. Other subgraphs and the offline plan of its file count.
        pointer_bits: int. 64 or 32.
        enum_bytes: int or None. On 32 bits, 4 where the ABI has no short enums.
        kernels: mapping of an operator's name (`Op.name`) to the model of a kernel that is not TFLite Micro's own; the
            operator of stages is known.

    Raises:
        ModelError: the graph's indices, shapes or offline plan contradict themselves.
        UnsupportedOpError: a tensor is of a type without a size, or past what TFLite Micro's int32 planner holds.

    Example:
        >>> from tflm_mcunet.builder import GraphBuilder
        >>> b = GraphBuilder()
        >>> memory(b.finish([b.conv_2d(b.input((1, 8, 8, 3)), filters=4)])).head_bytes
        448
    """
    of = layout(pointer_bits, enum_bytes)
    graphs = all_subgraphs(graph)
    sizes = tensor_sizes(graphs)
    needs, reasons = kernel_needs(graphs, sizes, of, {STAGE: stage_memory, **(kernels or {})})
    offline = offline_offsets(graph)
    scratch = [[need.scratch if need else () for need in ops] for ops in needs]
    buffers, owners = planned_buffers(graphs, sizes, scratch, offline)
    offsets = greedy.place(buffers)
    head = greedy.head_bytes(buffers, offsets)
    if head > MAX_BYTES:
        raise UnsupportedOpError(
            f"the plan takes {head} bytes; TFLite Micro's planner holds at most {MAX_BYTES}",
            "make the input or the widest layers smaller",
        )
    variables = resource_variable_count(graphs)
    arena = fill(graphs, sizes, needs, head, len(buffers), offline, variables, of)
    placed = tuple(
        Placed(w, o, b.size_bytes, b.first, b.last) for w, o, b in zip(owners, offsets, buffers, strict=True)
    )
    return _report(head, arena, placed, reasons, pointer_bits)


def _report(
    head: int, arena: Arena, placed: tuple[Placed, ...], reasons: Sequence[str], pointer_bits: int
) -> TflmMemory:
    """Totals and labelled parts."""
    label = EXACT if pointer_bits == 64 else MODELLED
    note = "" if pointer_bits == 64 else "the same code's structures as compiled for 32 bits"
    unknown = "; ".join(reasons)
    parts = [Part("head", None if reasons else head, UNKNOWN if reasons else label, unknown or note)]
    uncertain = ("operator options", "kernels", "scratch handles") if reasons else ()
    for name in [*arena.parts, *(n for n in uncertain if n not in arena.parts)]:
        if name in uncertain:
            parts.append(Part(name, None, UNKNOWN, unknown))
        else:
            parts.append(Part(name, arena.parts[name], label, note))
    if reasons:
        return TflmMemory(None, None, None, None, tuple(parts), placed, tuple(reasons), pointer_bits)
    total = head + arena.tail_bytes
    needed = aligned(arena.needed_bytes)
    return TflmMemory(head, arena.tail_bytes, total, needed, tuple(parts), placed, (), pointer_bits)
