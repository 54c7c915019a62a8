"""From which to which step every byte of the arena is in use, for a given operator order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.schedule.dependencies import check_order, predecessors
from tflm_mcunet.schedule.in_place import Pair, Whitelist, candidates
from tflm_mcunet.schedule.schedule import Buffer, aligned

#: (Graph, Op) -> bytes of each scratch buffer that the operator's kernel asks for.
Scratch = Callable[[Graph, Op], Sequence[int]]

#: Which operand an output takes where several could be taken (ADD).
REUSE = ("older", "younger")


class Nested(NamedTuple):
    """A PAD in place: the inner buffer lies at a fixed place in the outer one.

    Its own lifetime ends one step early: at the step of the PAD its bytes are the outer's.

    Args:
        inner, outer: int. Indices of buffers.
        shift_bytes: int. Where the inner begins in the outer.
    """

    inner: int
    outer: int
    shift_bytes: int


@dataclass(frozen=True)
class Lifetimes:
    """The buffers of an order, unplaced, and which of them holds which tensor.

    Args:
        buffers: tuple of Buffer. One per tensor, or per chain of tensors that share bytes in place (under the
            chain's first tensor, with the merged lifetime), in the order of the tensor index; then the scratch
            buffers in the order of their steps.
        buffer_of: mapping. Tensor index -> index into `buffers`, for every tensor that needs arena bytes.
        steps: int. Number of steps, which is the number of operators.
        nested: tuple of Nested. Buffers that hand part of another buffer's bytes over to it.
    """

    buffers: tuple[Buffer, ...]
    buffer_of: Mapping[int, int]
    steps: int
    nested: tuple[Nested, ...] = ()

    @property
    def shared(self) -> dict[int, int]:
        """Tensors that live in another tensor's buffer -> index into `buffers`."""
        return {t: b for t, b in self.buffer_of.items() if self.buffers[b].tensor != t}


def lifetimes(
    graph: Graph,
    order: Sequence[int] | None = None,
    *,
    in_place: Whitelist | None = None,
    scratch: Scratch | None = None,
    overwrite_inputs: bool = False,
    variables: bool = True,
    reuse: str = "older",
    apart: Collection[int] = (),
) -> Lifetimes:
    """Exact lifetimes of all tensors that need arena bytes, in steps of `order`.

    A graph input lives from step 0, because it is fed before; a graph output to the last step; a variable through
    all steps; an output that nothing reads at its producer's step. An unread graph input counts at step 0.

    Args:
        graph: Graph.
        order: sequence of int. Operator indices in execution order; by default the graph's own.
        in_place: the operand positions that an output may take, by operator type or by (Graph, Op); None for none.
        scratch: callable or None. Bytes of an operator's scratch buffers, each alive at its step.
        overwrite_inputs: bool. Whether an output may take the bytes of a graph input.
        variables: bool. Whether variable tensors lie in this arena (TFLite Micro keeps them in the tail).
        reuse: str. Of several operands that could be taken: "older" takes the one whose bytes are in use longest,
            so that a residual stream stays where it is; "younger" the other way round.
        apart: collection of int. Output tensors that must not share.

    Raises:
        ModelError: the order is not one of this graph, or its tensors contradict each other.

    Example:
        >>> from tflm_mcunet.builder import GraphBuilder
        >>> b = GraphBuilder()
        >>> x = b.input((1, 4, 4, 8))
        >>> y = b.op("RELU", [b.op("RELU", [x])])
        >>> [(s.first_step, s.last_step) for s in lifetimes(b.finish([y])).buffers]
        [(0, 0), (0, 1), (1, 1)]
        >>> [(s.first_step, s.last_step) for s in lifetimes(b.finish([y]), in_place={"RELU": (0,)}).buffers]
        [(0, 0), (0, 1)]
    """
    if reuse not in REUSE:
        raise ValueError(f"Expected `reuse` to be one of {REUSE}, got {reuse!r}")
    before = predecessors(graph)
    order = tuple(range(len(graph.ops))) if order is None else tuple(order)
    check_order(order, before)
    end = max(len(order) - 1, 0)
    first, last = _spans(graph, order, end, variables)
    owner, shifts = _share(graph, order, first, last, in_place, overwrite_inputs, reuse, apart)
    for operand, _, _ in shifts:
        last[operand] -= 1
    merged: dict[int, list[int]] = {}
    for t in sorted(first):
        span = merged.setdefault(owner.get(t, t), [first[t], last[t]])
        span[0], span[1] = min(span[0], first[t]), max(span[1], last[t])
    index = {t: i for i, t in enumerate(sorted(merged))}
    buffers = [Buffer(t, graph.tensors[t].size_bytes, *merged[t]) for t in sorted(merged)]
    if scratch is not None:
        for step, i in enumerate(order):
            buffers += [Buffer(-1, size, step, step) for size in scratch(graph, graph.ops[i]) if size]
    buffer_of = {t: index[owner.get(t, t)] for t in sorted(first)}
    nested = tuple(Nested(buffer_of[x], buffer_of[y], shift) for x, y, shift in shifts)
    return Lifetimes(tuple(buffers), buffer_of, len(order), nested)


def live_bytes(buffers: Sequence[Buffer], steps: int) -> list[int]:
    """Aligned bytes in use at every step: what no placement can undercut."""
    change = [0] * (steps + 1)
    for b in buffers:
        if b.first_step < steps:
            change[b.first_step] += aligned(b.size_bytes)
            change[min(b.last_step + 1, steps)] -= aligned(b.size_bytes)
    total, result = 0, []
    for step in range(steps):
        total += change[step]
        result.append(total)
    return result


def _spans(
    graph: Graph, order: Sequence[int], end: int, variables: bool
) -> tuple[dict[int, int], dict[int, int]]:
    """First and last step of every tensor by itself."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}

    def use(t: int, step: int) -> None:
        tensor = graph.tensors[t] if t >= 0 else None
        if tensor is None or tensor.is_constant or tensor.is_variable or not tensor.size_bytes:
            return
        first.setdefault(t, step)
        last[t] = step

    for t in graph.inputs:
        use(t, 0)
    for step, i in enumerate(order):
        for t in (*graph.ops[i].inputs, *graph.ops[i].outputs):
            use(t, step)
    for t in graph.outputs:
        use(t, end)
    if variables:
        for t, tensor in enumerate(graph.tensors):
            if tensor.is_variable and not tensor.is_constant and tensor.size_bytes:
                first[t], last[t] = 0, end
    return first, last


def _share(
    graph: Graph,
    order: Sequence[int],
    first: Mapping[int, int],
    last: Mapping[int, int],
    whitelist: Whitelist | None,
    overwrite_inputs: bool,
    reuse: str,
    apart: Collection[int],
) -> tuple[dict[int, int], list[Pair]]:
    """Tensor -> the first tensor of its chain, for every output that takes an operand's bytes; and PADs in place."""
    owner: dict[int, int] = {}
    shifts: list[Pair] = []
    pairs_of = candidates(graph, whitelist, overwrite_inputs)
    for step, i in enumerate(order):
        taken: set[int] = set()
        pairs = [p for p in pairs_of[i] if p.output not in apart and last[p.operand] == step]
        for output in dict.fromkeys(p.output for p in pairs):
            free = [p for p in pairs if p.output == output and p.operand not in taken]
            if not free:
                continue
            birth = [first[owner.get(p.operand, p.operand)] for p in free]
            chosen = free[birth.index(min(birth) if reuse == "older" else max(birth))]
            taken.add(chosen.operand)
            if chosen.shift_bytes:
                shifts.append(chosen)
            else:
                owner[output] = owner.get(chosen.operand, chosen.operand)
    return owner, shifts
