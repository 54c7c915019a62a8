"""What a kernel takes from TFLite Micro's arena: options, what it keeps, scratch, temporary records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tflm_mcunet.graph import Graph, Op


@dataclass(frozen=True)
class KernelMemory:
    """Bytes of arena that one operator's kernel asks for.

    Args:
        options: (bytes, alignment) or None. The parsed builtin options.
        init: tuple of int. What `Init` keeps, in order of request.
        prepare: tuple of int. What `Prepare` keeps, in order.
        scratch: tuple of int. Buffers that the planner places for the duration of the operator, in order.
        early, late: tuple of int. The tensors of which `Prepare` makes temporary records before, and after, it
            asks for what it keeps; all of them are held until it ends.
    """

    options: tuple[int, int] | None = None
    init: tuple[int, ...] = ()
    prepare: tuple[int, ...] = ()
    scratch: tuple[int, ...] = ()
    early: tuple[int, ...] = ()
    late: tuple[int, ...] = ()


#: (Graph, Op) -> (what Prepare keeps, scratch buffers), in bytes.
Requests = tuple[tuple[int, ...], tuple[int, ...]]

#: (Graph, Op, pointer bits) -> KernelMemory; for kernels that are not TFLite Micro's own.
KernelModel = Callable[[Graph, Op, int], KernelMemory]


def nothing(graph: Graph, op: Op) -> Requests:
    """What most kernels ask for in `Prepare`."""
    return (), ()


@dataclass(frozen=True)
class Kernel:
    """One operator type's fixed sizes.

    Args:
        records: str. The temporary records of tensors that `Prepare` makes, in order: a digit for an operand, "o"
            for the output, "q" for the output where the first operand is int8, "*" for all operands; "|" where it
            asks for what it keeps, if it makes records after that.
        options: (bytes, alignment) of the parsed options on the host, or None for none.
        options_32, options_short: the same on 32 bits, and there with short enums; None where it does not differ.
        init: int. What `Init` keeps on the host; 0 for no `Init`.
        init_32: int or None. The same on 32 bits; None where it does not differ.
        requests: what else depends on the tensors.
    """

    records: str
    options: tuple[int, int] | None = None
    options_short: tuple[int, int] | None = None
    init: int = 0
    init_32: int | None = None
    options_32: tuple[int, int] | None = None
    requests: Callable[[Graph, Op], Requests] = nothing

    def memory(self, graph: Graph, op: Op, pointer_bytes: int, enum_bytes: int) -> KernelMemory:
        """The sizes for one operator on one kind of machine."""
        options, init = self.options, self.init
        if pointer_bytes == 4:
            options = self.options_32 or options
            init = init if self.init_32 is None else self.init_32
        if enum_bytes == 1:
            options = self.options_short or options
        kept, scratch = self.requests(graph, op)
        early, _, late = self.records.partition("|")
        return KernelMemory(
            options,
            (init,) if init else (),
            kept,
            scratch,
            _recorded(graph, op, early),
            _recorded(graph, op, late) if late else (),
        )


def _recorded(graph: Graph, op: Op, records: str) -> tuple[int, ...]:
    """Tensor indices for a string of records; absent operands have none."""
    found: list[int] = []
    for record in records:
        if record == "o":
            found.append(op.outputs[0])
        elif record == "*":
            found.extend(op.inputs)
        elif record == "q":
            found.extend(op.outputs[:1] if graph.tensors[op.inputs[0]].dtype == "int8" else ())
        elif int(record) < len(op.inputs):
            found.append(op.inputs[int(record)])
    return tuple(t for t in found if t >= 0)
