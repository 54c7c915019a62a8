"""Where a program's state waits between two calls: in the arena, at the places from which the next call reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.schedule import aligned

#: (first byte, one past the last) in the arena.
_Span = tuple[int, int]


@dataclass(frozen=True)
class Variable:
    """A variable between two calls.

    Args:
        before, after: int. Offsets in the arena: where a call reads it, and where a call leaves its new value.
        size_bytes: int.
        first: bytes. Its value before the first call.
        aside: int. Where it waits in the memory beside the arena; -1 where it waits at `before`.
    """

    before: int
    after: int
    size_bytes: int
    first: bytes = field(repr=False)
    aside: int = -1


@dataclass(frozen=True)
class WaitingState:
    """What is moved as a call ends, so that the state costs no bytes beside the arena where that is possible.

    Args:
        variables: tuple of Variable. Those that wait aside first, then the others, in an order in which no move
            destroys what a later one reads.
        outputs: mapping. Position of a model output -> where its bytes wait aside, since a variable takes their place.
        aside_bytes: int. Beside the arena.
    """

    variables: tuple[Variable, ...] = ()
    outputs: tuple[tuple[int, int], ...] = ()
    aside_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """Of all variables."""
        return sum(v.size_bytes for v in self.variables)

    def aside_of(self, output: int) -> int:
        """Where the bytes of a model output wait aside, or -1."""
        return dict(self.outputs).get(output, -1)


def waiting_state(graph: Graph, inputs: Sequence[int], outputs: Sequence[int]) -> WaitingState:
    """Decide for every variable of a graph where it waits.

    Between two calls the caller reads the model's outputs and writes its inputs; nothing else of the arena is used.
    Inputs live together, so a variable at the place of its own input is in nobody's way there, except for outputs:
    then whichever is smaller waits aside, the outputs or the variables. A variable that no operator reads is dropped.

    Args:
        graph: Graph. Its last inputs and outputs are the variables of `graph.state`.
        inputs, outputs: offsets in the arena of the graph's inputs and outputs, as `Program` has them.

    Example:
        >>> from tflm_mcunet.builder import GraphBuilder
        >>> b = GraphBuilder(1)
        >>> waiting_state(b.finish([b.op("RELU", [b.input((1, 4))])]), (0,), (0,)).variables
        ()
    """
    count = len(graph.state)
    if count == 0:
        return WaitingState()
    sizes = [len(first) for first in graph.state]
    before = _spans(inputs[-count:], sizes)
    after = _spans(outputs[-count:], sizes)
    taken = _spans(outputs[:-count], [graph.tensors[t].size_bytes for t in graph.model_outputs])

    read = {i for i, t in enumerate(graph.inputs[-count:]) if any(t in op.inputs for op in graph.ops)}
    aside: set[int] = set()
    aside_outputs = []
    for position, span in enumerate(taken):
        hit = {i for i in read if _touch(before[i], span)} - aside
        if hit and sum(sizes[i] for i in hit) <= span[1] - span[0]:
            aside |= hit
        elif hit:
            aside_outputs.append(position)
    order: list[int] = []
    pending = read - aside
    while pending:
        free = [i for i in pending if not any(j != i and _touch(before[i], after[j]) for j in pending)]
        if free:
            order.append(min(free))
            pending.remove(order[-1])
        else:  # They stand in a circle: the smallest steps out.
            smallest = min(pending, key=lambda i: (sizes[i], i))
            aside.add(smallest)
            pending.remove(smallest)

    at = 0
    waiting = {}
    for i in sorted(aside):
        waiting[i], at = at, at + aligned(sizes[i])
    kept = []
    for position in aside_outputs:
        kept.append((position, at))
        at += aligned(taken[position][1] - taken[position][0])
    variables = tuple(
        Variable(before[i][0], after[i][0], sizes[i], graph.state[i], waiting.get(i, -1))
        for i in (*sorted(aside), *order)
    )
    return WaitingState(variables, tuple(kept), at)


def _spans(offsets: Sequence[int], sizes: Sequence[int]) -> list[_Span]:
    return [(offset, offset + size) for offset, size in zip(offsets, sizes, strict=True)]


def _touch(one: _Span, other: _Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]
