"""A graph as row operators: what each output row reads, with PADs folded and identities removed.

The planner of stages thinks in *nodes*. A node is one operator that computes, besides the operators that vanish into
it: an explicit PAD whose value is the zero point becomes part of the window of the convolution that follows, and an
operator that moves no byte (a PAD by nothing, a RESHAPE of one row) becomes another name of its input. A *gate* is an
operand of one value a channel (squeeze-and-excite): its one row is read at every step, so no stage both makes and
reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from tflm_mcunet import ops
from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.ops import Window

_ALIASES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_BINARY = ("ADD", "SUB", "MUL")
_JOINS = (*_BINARY, "CONCATENATION")
_ONE_ROW = ("FULLY_CONNECTED", "SOFTMAX")


@dataclass(frozen=True)
class RowNode:
    """One operator of a stage.

    Args:
        op: int. The operator that computes, an index of the graph.
        covers: tuple of int. `op` and the operators folded into it, ascending.
        inputs: tuple of int. Computed tensors that it reads, without the folded padding.
        windows: tuple of Window. The row relation to each input.
        outputs: tuple of int. Tensors that it writes; one where it `streams`.
        streams: bool. An output row needs only a window of rows; else the node runs as a layer.
        accumulate: bool. The one output row is the sum over the window's rows, added up as they come.
        in_place: tuple of int. Positions in `inputs` whose row (the first of the window) the output row may take.
        gates: tuple of int. Positions in `inputs` of operands of one row, which every output row reads: they must be
            there before the stage begins. Their windows have stride_h 0.
        reason: str. Why it does not stream; "" where it does.
        macs: int.
    """

    op: int
    covers: tuple[int, ...]
    inputs: tuple[int, ...]
    windows: tuple[Window, ...]
    outputs: tuple[int, ...]
    streams: bool
    accumulate: bool = False
    in_place: tuple[int, ...] = ()
    gates: tuple[int, ...] = ()
    reason: str = ""
    macs: int = 0


@dataclass(frozen=True)
class RowGraph:
    """The nodes of a graph, in execution order.

    Args:
        graph: Graph.
        nodes: tuple of RowNode.
        alias: mapping. Tensor -> the tensor whose bytes it names, where they differ.
        inputs, outputs: tuple of int. The graph's, through `alias`; state that is kept between inferences is both.
        narrow: mapping. Tensor -> bytes of a row where only some columns are held.
        few: mapping. Tensor -> rows where only some are computed.
        wide: mapping. Tensor -> bytes from row to row where a whole map does not lie dense.
    """

    graph: Graph
    nodes: tuple[RowNode, ...]
    alias: Mapping[int, int]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    narrow: Mapping[int, int] = field(default_factory=dict)
    wide: Mapping[int, int] = field(default_factory=dict)
    few: Mapping[int, int] = field(default_factory=dict)

    @cached_property
    def shape(self) -> Mapping[int, tuple[int, int]]:
        """Tensor -> (rows, bytes of a row); a tensor that is no batch-1 map counts as one row."""
        used = {t for node in self.nodes for t in (*node.inputs, *node.outputs)} | {
            *self.inputs,
            *self.outputs,
        }
        full = {t: rows_of(self.graph, t) for t in sorted(used)}
        narrow = {t: (full[t][0], width) for t, width in self.narrow.items()}
        return full | narrow | {t: (rows, self.narrow.get(t, full[t][1])) for t, rows in self.few.items()}

    @cached_property
    def barriers(self) -> frozenset[int]:
        """Nodes that a stage may begin with, but not contain: their gates must be whole before it."""
        return frozenset(i for i, node in enumerate(self.nodes) if node.gates)

    def with_gates_as_layers(self) -> RowGraph:
        """The same graph, its operators that read gates as layers: these may let go of a gate earlier."""
        nodes = tuple(replace(n, streams=False, gates=()) if n.gates else n for n in self.nodes)
        return replace(self, nodes=nodes)

    def pitch(self, tensor: int) -> int:
        """Bytes from row to row of a whole map."""
        return self.wide.get(tensor, self.shape[tensor][1])


def rows_of(graph: Graph, tensor: int) -> tuple[int, int]:
    """(rows, bytes of a row) of a tensor; what is no batch-1 NHWC map counts as one row."""
    t = graph.tensors[tensor]
    if len(t.shape) == 4 and t.shape[0] == 1 and t.shape[1] > 0 and t.size_bytes % t.shape[1] == 0:
        return t.shape[1], t.size_bytes // t.shape[1]
    return 1, t.size_bytes


def _computed(graph: Graph, op: Op) -> list[int]:
    return list(dict.fromkeys(t for t in op.inputs if t >= 0 and not graph.tensors[t].is_constant))


def _same_quantization(graph: Graph, a: int, b: int) -> bool:
    first, second = graph.tensors[a], graph.tensors[b]
    return first.dtype == second.dtype and first.quantization == second.quantization


def _pads(graph: Graph, op: Op) -> list[int] | None:
    """[top, bottom, left, right] of a PAD that fills rows and columns with the zero point, else None."""
    if op.type != "PAD" and op.type != "PADV2":
        return None
    pads = ops.constant_ints(graph, op, 1)
    source, result = op.inputs[0], op.outputs[0]
    if pads is None or len(pads) != 8 or any(pads[:2]) or any(pads[6:]) or min(pads) < 0:
        return None
    if graph.tensors[source].is_constant or not _same_quantization(graph, source, result):
        return None
    if op.type == "PADV2" and any(pads):
        value = ops.constant_ints(graph, op, 2)
        if value is None or value[0] != graph.tensors[result].zero_point:
            return None
    return pads[2:6]


def _is_alias(graph: Graph, op: Op) -> bool:
    """Whether the output is byte for byte the input, row for row."""
    if not op.inputs or not op.outputs or graph.tensors[op.inputs[0]].is_constant:
        return False
    if op.type in _ALIASES:
        return rows_of(graph, op.inputs[0]) == rows_of(graph, op.outputs[0])
    pads = _pads(graph, op)
    return pads is not None and not any(pads)


def _foldable(graph: Graph, op: Op, reader: Op) -> bool:
    """Whether the padding of `op` can become part of the window of `reader`."""
    if reader.type not in _CONVOLUTIONS or op.outputs[0] != reader.inputs[0]:
        return False
    if any(t >= 0 and not graph.tensors[t].is_constant for t in reader.inputs[1:]):
        return False
    return graph.tensors[op.outputs[0]].shape[0] == 1


def _gate(graph: Graph, op: Op, canonical: Callable[[int], int]) -> int:
    """The computed operand that has one value a channel, under the name that its maker gave it; or -1."""
    if op.type not in _BINARY:
        return -1
    named = replace(op, inputs=tuple(canonical(t) for t in op.inputs))
    position = ops.channel_operand(graph, named)
    is_gate = position >= 0 and not graph.tensors[op.inputs[position]].is_constant
    return named.inputs[position] if is_gate else -1


def _windows(graph: Graph, op: Op) -> tuple[tuple[Window, ...], bool, str]:
    """The window of each computed operand, whether the one output row accumulates, and why not if there is none."""
    sources, results = _computed(graph, op), [t for t in op.outputs if t >= 0]
    if not sources or len(results) != 1:
        return (), False, "it has no computed operand" if not sources else "it has several outputs"
    if len(sources) > 1 and op.type not in _JOINS:
        return (), False, "more than its first operand is computed"
    if op.type.startswith("PAD") and min(ops.constant_ints(graph, op, 1) or [0]) < 0:
        return (), False, "its padding is negative"
    shapes = [graph.tensors[t].shape for t in (*sources, *results)]
    if op.type in _ONE_ROW:
        one = all(
            len(s) in (2, 4) and s[0] == 1 and rows_of(graph, t)[0] == 1
            for s, t in zip(shapes, [*sources, *results])
        )
        return ((Window(),), False, "") if one else ((), False, "it reads the whole map")
    if any(len(s) != 4 or s[0] != 1 for s in shapes) and op.type != "MEAN":
        return (), False, f"its tensors {shapes} are no batch-1 maps"
    if op.type == "MEAN":
        height = shapes[0][1] if len(shapes[0]) == 4 and shapes[0][0] == 1 else 0
        if not height or ops.mean_axes(graph, op) != (1, 2):
            return (), False, "it reduces other axes than rows and columns"
        return (Window(kernel_h=height, kernel_w=shapes[0][2], stride_h=height),), True, ""
    window = ops.window(graph, op)
    if window is None:
        return (), False, "an output row may need every input row"
    one_pixel = graph.tensors[results[0]].shape[1:3] == (1, 1)
    accumulate = op.type == "AVERAGE_POOL_2D" and one_pixel and window.kernel_h > 1
    return tuple(window for _ in sources), accumulate, ""


def _in_place(graph: Graph, op: Op, sources: tuple[int, ...]) -> tuple[int, ...]:
    """Operand positions over whose dying row our kernels may write the output row, from the first byte on."""
    result = op.outputs[0]
    width = rows_of(graph, result)[1]
    room = tuple(i for i, t in enumerate(sources) if rows_of(graph, t)[1] >= width)
    dtypes = {graph.tensors[t].dtype for t in (*sources, result)}
    if op.type == "DEPTHWISE_CONV_2D":
        same = graph.tensors[sources[0]].shape[3] == graph.tensors[result].shape[3]
        return room if same else ()
    if op.type == "CONV_2D":
        kernel = graph.tensors[op.inputs[1]].shape[1:3]
        shallow = graph.tensors[result].shape[3] <= graph.tensors[sources[0]].shape[3]
        return room if tuple(kernel) == (1, 1) and shallow else ()
    if op.type in ops.OPS and ops.OPS[op.type].in_place and len(dtypes) == 1:
        allowed = {op.inputs[p] for p in ops.OPS[op.type].in_place if p < len(op.inputs)}
        return tuple(i for i in room if sources[i] in allowed)
    return ()


def row_graph(graph: Graph) -> RowGraph:
    """Read a graph as row operators.

    Exact for any graph: an operator whose row relation is unknown becomes a node that does not stream, with the reason.
    """
    outputs, readers = set(graph.outputs), graph.consumers()
    alias: dict[int, int] = {}
    folded: dict[int, tuple[int, list[int]]] = {}
    vanished: list[int] = []
    nodes: list[RowNode] = []
    fixed = set(graph.inputs)

    def canonical(tensor: int) -> int:
        return alias.get(tensor, tensor)

    for index, op in enumerate(graph.ops):
        if _is_alias(graph, op) and not (op.outputs[0] in outputs and canonical(op.inputs[0]) in fixed):
            alias[op.outputs[0]] = canonical(op.inputs[0])
            vanished.append(index)
            continue
        pads = _pads(graph, op)
        users = readers.get(op.outputs[0], []) if op.outputs else []
        if (
            pads
            and users
            and op.outputs[0] not in outputs
            and all(_foldable(graph, op, graph.ops[i]) for i in users)
        ):
            folded[op.outputs[0]] = (canonical(op.inputs[0]), pads)
            vanished.append(index)
            continue
        nodes.append(_node(graph, index, op, canonical, folded))
    nodes = _cover(graph, nodes, vanished)
    state = [i for i in dict.fromkeys(t for n in nodes for t in n.inputs) if graph.tensors[i].is_variable]
    return RowGraph(
        graph,
        tuple(nodes),
        alias,
        tuple(dict.fromkeys((*graph.inputs, *state))),
        tuple(dict.fromkeys((*(canonical(t) for t in graph.outputs), *state))),
    )


def _node(
    graph: Graph,
    index: int,
    op: Op,
    canonical: Callable[[int], int],
    folded: Mapping[int, tuple[int, list[int]]],
) -> RowNode:
    windows, accumulate, reason = _windows(graph, op)
    sources = tuple(_computed(graph, op))
    streams = not reason and (op.type in ops.OPS)
    if streams and sources[0] in folded:
        source, pads = folded[sources[0]]
        windows = (
            replace(windows[0], pad_top=windows[0].pad_top + pads[0], pad_left=windows[0].pad_left + pads[2]),
        )
        real: tuple[int, ...] = (source,)
    else:
        real = tuple(dict.fromkeys(canonical(t) for t in sources))
        windows = windows[: len(real)]
    results = tuple(t for t in op.outputs if t >= 0)
    in_place = _in_place(graph, op, real) if streams and not accumulate else ()
    gate = _gate(graph, op, canonical) if streams else -1
    gates = tuple(i for i, t in enumerate(real) if t == gate)
    if (
        streams
        and op.type in _BINARY
        and len(real) == 2
        and not gates
        and len({rows_of(graph, t) for t in real}) > 1
    ):
        streams, reason = False, "an operand of one value a channel has another shape before its RESHAPE"
    if gates:
        in_place = tuple(i for i in in_place if i not in gates)
        windows = tuple(replace(w, stride_h=0) if i in gates else w for i, w in enumerate(windows))
    macs = ops.macs(graph, op)
    return RowNode(
        index, (index,), real, windows, results, streams, accumulate, in_place, gates, reason, macs
    )


def _cover(graph: Graph, nodes: list[RowNode], vanished: list[int]) -> list[RowNode]:
    """Give each vanished operator to the first node that follows it, or to the last node."""
    extra: dict[int, list[int]] = {}
    for index in vanished:
        home = next((i for i, node in enumerate(nodes) if node.op > index), len(nodes) - 1)
        extra.setdefault(home, []).append(index)
    return [replace(n, covers=tuple(sorted((*n.covers, *extra.get(i, ()))))) for i, n in enumerate(nodes)]
