"""What every rewrite uses: its result as data, and a Graph that can be edited."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tflm_mcunet.graph import Graph, Op, Tensor


@dataclass(frozen=True)
class Rewritten:
    """A graph that computes what another one did, byte for byte.

    Args:
        graph: Graph.
        done: tuple of str. Each change, in words.
        refused: tuple of str. Each change that looked possible and is not exact, and why.
    """

    graph: Graph
    done: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


#: A rewrite takes a Graph and gives it back changed, or as it was.
Rewrite = Callable[[Graph], Rewritten]


def chained(graph: Graph, rewrites: Sequence[Rewrite]) -> Rewritten:
    """Apply rewrites in turn, again and again until none changes anything; what is refused is what is left then."""
    done: tuple[str, ...] = ()
    while True:
        refused: tuple[str, ...] = ()
        changes = 0
        for rewrite in rewrites:
            result = rewrite(graph)
            graph = result.graph
            changes += len(result.done)
            done += result.done
            refused += result.refused
        if not changes:
            return Rewritten(graph, done, tuple(dict.fromkeys(refused)))


class Draft:
    """A Graph being edited. Who writes and who reads each tensor stays known, so an edit costs what it touches.

    Args:
        graph: Graph. It is not changed.
    """

    def __init__(self, graph: Graph) -> None:
        self.source = graph
        self.tensors = list(graph.tensors)
        self.ops: list[Op | None] = list(graph.ops)
        self.inputs, self.outputs = list(graph.inputs), list(graph.outputs)
        self.fed, self.returned = set(graph.inputs), set(graph.outputs)
        self.producer = graph.producers()
        self._readers = {t: dict.fromkeys(r) for t, r in graph.consumers().items()}
        self.done: list[str] = []
        self.refused: list[str] = []

    def __iter__(self) -> Iterator[tuple[int, Op]]:
        """The operators that are left, each as it stands when its turn comes, with its index in the source."""
        for index in range(len(self.ops)):
            op = self.ops[index]
            if op is not None:
                yield index, op

    def readers(self, t: int) -> list[int]:
        """The operators that read a tensor now, ascending."""
        return sorted(self._readers.get(t, ()))

    def maker(self, t: int) -> Op | None:
        """The operator that writes a tensor now."""
        return self.ops[self.producer[t]] if t in self.producer else None

    def put(self, index: int, op: Op | None) -> None:
        """Replace an operator, or drop it."""
        old = self.ops[index]
        assert old is not None
        for t in old.inputs:
            self._readers.get(t, {}).pop(index, None)
        for t in old.outputs:
            if self.producer.get(t) == index:
                del self.producer[t]
        self.ops[index] = op
        if op is not None:
            for t in op.inputs:
                self._readers.setdefault(t, {})[index] = None
            self.producer.update((t, index) for t in op.outputs if t >= 0)

    def read_instead(self, old: int, new: int) -> None:
        """Let every reader of one tensor read another."""
        for index in self.readers(old):
            op = self.ops[index]
            assert op is not None
            self.put(index, replace(op, inputs=tuple(new if t == old else t for t in op.inputs)))

    def bypass(self, index: int) -> str:
        """Drop an operator whose output holds its first input's bytes, under the same shape and meaning.

        Returns:
            Why it stays; empty if it is dropped.
        """
        op = self.ops[index]
        assert op is not None
        x, y = op.inputs[0], op.outputs[0]
        if self.tensors[x].is_variable or self.tensors[y].is_variable:
            return "it copies a variable, which may change later"
        if y not in self.returned:
            self.put(index, None)
            self.read_instead(y, x)
            return ""
        # The output tensor is the caller's: whatever computes the input writes it instead.
        maker = self.maker(x)
        if maker is None or x in self.returned:
            return "it copies a graph input, a constant or another graph output to a graph output"
        self.put(index, None)
        self.put(self.producer[x], replace(maker, outputs=tuple(y if t == x else t for t in maker.outputs)))
        self.read_instead(x, y)
        return ""

    def note(self, index: int, change: str, reason: str) -> None:
        """Say what was done with an operator of the source, or why it was not."""
        what = self.source.describe(index)
        if reason:
            self.refused.append(f"{what} stays: {reason}")
        else:
            self.done.append(f"{what} {change}")

    def finish(self) -> Rewritten:
        """The result; the source itself where nothing was done."""
        graph = self.source
        if self.done:
            graph = replace(
                graph,
                tensors=tuple(self.tensors),
                ops=tuple(op for op in self.ops if op is not None),
                inputs=tuple(self.inputs),
                outputs=tuple(self.outputs),
            )
        return Rewritten(graph, tuple(self.done), tuple(self.refused))


def same_values(a: Tensor, b: Tensor) -> bool:
    """Whether equal bytes mean equal numbers: dtype, scale and zero point agree."""
    if a.dtype != b.dtype:
        return False
    if a.quantization is None or b.quantization is None:
        return a.quantization == b.quantization
    return (a.quantization.scale, a.quantization.zero_point) == (
        b.quantization.scale,
        b.quantization.zero_point,
    )


def is_per_tensor(tensor: Tensor) -> bool:
    """Whether the tensor has one scale and one zero point."""
    q = tensor.quantization
    return q is not None and len(q.scale) == 1 and len(q.zero_point) == 1
