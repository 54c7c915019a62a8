"""A candidate stage: its rows as blocks with lifetimes, and the fewest bytes that it can need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from tflm_mcunet.schedule.rows import RowGraph, RowNode
from tflm_mcunet.schedule.stream_order import FEED, RowOrder, row_order
from tflm_mcunet.schedule.stream_pack import Block, Packer

#: (tensor, row) or, for the sums of an accumulating node, (-1 - position of the node, 0).
Key = tuple[int, int]


@dataclass(frozen=True)
class StageWork:
    """A run of nodes, executed as rows or as layers.

    Args:
        rows: RowGraph.
        first, last: int. The nodes [first, last).
        kind: str. "stream", "layer" (one node) or "patch" (in passes).
        ins: tuple of int. Whole maps that the stage reads.
        outs: tuple of int. Whole maps that it writes.
        through: tuple of int. Whole maps that only lie there.
        fed: int. The tensor whose rows the caller feeds, or -1.
        order: RowOrder.
        holds: tuple of (int, int). (position of a node, tensor that it waits for).
        alignment: int. Of the rows held inside the stage; 4 at least where it holds int32 sums.
        columns: mapping. In a pass of a "patch" stage: tensor -> (first, count) of the columns held or written.
        later: mapping. In a pass: input map -> for each row, the first column that a later pass reads, or the number
            of columns; empty in the last pass.
        spans: mapping. In a pass over some rows: tensor -> (first, count) of the rows computed. Rows inside the stage
            are numbered from that first one; rows of maps and fed rows as ever.
        passes: tuple of StageWork. Of a "patch" stage.
    """

    rows: RowGraph
    first: int
    last: int
    kind: str
    ins: tuple[int, ...]
    outs: tuple[int, ...]
    through: tuple[int, ...]
    fed: int
    order: RowOrder
    holds: tuple[tuple[int, int], ...]
    alignment: int
    columns: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    later: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    spans: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    passes: tuple[StageWork, ...] = ()

    @property
    def nodes(self) -> tuple[RowNode, ...]:
        return self.rows.nodes[self.first : self.last]

    @property
    def maps(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys((*self.ins, *self.outs, *self.through)))

    @cached_property
    def holds_nothing(self) -> bool:
        """Whether all of its rows belong to maps from before it or for after it."""
        return not self.passes and not self.order.began and set(self.order.birth) <= set(self.maps)

    @property
    def end(self) -> int:
        """One past the last step."""
        return len(self.order.steps)

    @cached_property
    def keyed_blocks(self) -> tuple[tuple[Key, ...], tuple[Block, ...]]:
        """Every row (and every accumulator) of the stage with its bytes and its life."""
        maps = set(self.maps)
        keys: list[Key] = []
        raw: list[tuple[int, int, int]] = []
        index: dict[Key, int] = {}
        for tensor, births in self.order.birth.items():
            if self.columns and tensor in maps:
                continue  # of whose rows a pass reads and writes parts: `segments`
            size = self.rows.shape[tensor][1]
            if tensor not in maps:
                size = -(-size // self.alignment) * self.alignment
            deaths = self.order.death[tensor]
            for y, (birth, death) in enumerate(zip(births, deaths)):
                index[tensor, y] = len(keys)
                keys.append((tensor, y))
                raw.append((size, birth, death))
        partners: dict[int, list[int]] = {}
        for step, (position, y) in enumerate(self.order.steps):
            if position == FEED:
                continue
            node = self.nodes[position]
            for p in self.in_place(node):
                row = node.windows[p].first_row(y)
                operand = index.get((node.inputs[p], row))
                if operand is not None and raw[operand][2] == step:
                    partners.setdefault(index[node.outputs[0], y], []).append(operand)
        for position, step in self.order.began.items():
            output = self.nodes[position].outputs[0]
            result = index[output, 0]
            size = -(-self.sums_bytes(output) // self.alignment) * self.alignment
            partners.setdefault(result, []).append(len(keys))
            keys.append((-1 - position, 0))
            raw.append((size, step, raw[result][1]))
        return tuple(keys), tuple(Block(*r, tuple(partners.get(i, ()))) for i, r in enumerate(raw))

    @cached_property
    def segments(self) -> tuple[tuple[int, int, Block], ...]:
        """In a pass, the parts of the rows of whole maps that are in use: (map, bytes from its start, block)."""
        found = []
        for t in self.maps if self.columns else ():
            height, width = self.rows.shape[t]
            if t in self.through:
                found.append((t, 0, Block(size_of(self.rows, t), -1, self.end)))
                continue
            first, count = self.columns[t]
            across = self.rows.graph.tensors[t].shape[2]
            pixel = width // across
            birth, death = self.order.birth[t], self.order.death[t]
            later = self.later.get(t, (across,) * height)
            top, rows = self.spans.get(t, (0, height))
            for y in range(height):
                if t in self.outs and t not in self.ins:
                    if y < top:
                        parts = [(0, across, -1, self.end)]  # by the passes before
                    elif y < top + rows:
                        parts = [(0, first, -1, self.end), (first, first + count, birth[y], self.end)]
                    else:
                        parts = []
                elif death[y] >= self.end:
                    parts = [(0, across, -1, self.end)]
                else:
                    own = min(first + count, later[y])
                    parts = [(first, own, -1, death[y]), (later[y], across, -1, self.end)]
                for low, high, born, dies in parts:
                    if low < high and max(born, 0) <= dies:
                        start = y * self.rows.pitch(t) + low * pixel
                        found.append((t, start, Block((high - low) * pixel, born, dies)))
        return tuple(found)

    @cached_property
    def row_packer(self) -> Packer:
        """Packs the rows one by one: all blocks, then `fixed_blocks`; loose are those that belong to no whole map."""
        keys, blocks = self.keyed_blocks
        maps = set(self.maps)
        loose = [i for i, (tensor, _) in enumerate(keys) if tensor not in maps]
        return Packer((*blocks, *self.fixed_blocks), loose, self.alignment)

    @cached_property
    def fixed_blocks(self) -> tuple[Block, ...]:
        """What lies where it is besides rows of its own: maps that are left alone, in a pass the parts of all maps."""
        if self.columns:
            return tuple(b for _, _, b in self.segments)
        return tuple(Block(size_of(self.rows, t), -1, self.end) for t in self.through)

    @cached_property
    def false_starts(self) -> tuple[tuple[Key, Key], ...]:
        """In a pass: (row that a kernel writes, row of a map that is the first of its window).

        A kernel takes an output that begins where the first row of its window does for one in place. Of a map, that
        is column 0, whose bytes may be free for others in a pass that reads later columns only.
        """
        if not self.columns:
            return ()
        found = []
        for node in self.nodes:
            if self.rows.graph.ops[node.op].type not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
                continue
            source, output, window = node.inputs[0], node.outputs[0], node.windows[0]
            if source in self.ins and self.columns[source][0] > 0:
                top, rows = self.spans.get(output, (0, self.rows.shape[output][0]))
                for y in range(rows):
                    row = window.first_row(y)
                    if 0 <= row < self.rows.shape[source][0]:
                        found.append(((output, y + top if output in self.outs else y), (source, row)))
        return tuple(found)

    def written_from(self, tensor: int) -> int:
        """In a pass, bytes from the start of a row of `tensor` to the first that the pass writes."""
        if tensor not in self.outs:
            return 0
        width = self.rows.shape[tensor][1] // self.rows.graph.tensors[tensor].shape[2]
        return self.columns[tensor][0] * width

    def sums_bytes(self, tensor: int) -> int:
        """Bytes of the int32 sums behind the one row of `tensor`."""
        return 4 * self.rows.graph.tensors[tensor].elements

    def in_place(self, node: RowNode) -> tuple[int, ...]:
        """Operands that the node may write over: in a pass, no map, and only where both rows begin at one column."""
        if not self.columns:
            return node.in_place
        if node.outputs[0] in self.maps:
            return ()
        first = self.columns[node.outputs[0]]
        depthwise = self.rows.graph.ops[node.op].type == "DEPTHWISE_CONV_2D"
        return tuple(
            p
            for p in node.in_place
            if node.inputs[p] not in self.maps
            and (self.columns[node.inputs[p]] == first or depthwise)
            and self.rows.shape[node.inputs[p]][1] >= self.rows.shape[node.outputs[0]][1]
        )

    @cached_property
    def live_bytes(self) -> int:
        """The most bytes in use at any step: no placement of this order is smaller."""
        if self.passes:
            return max(p.live_bytes for p in self.passes)
        if self.columns:
            return self._live_in_pass()
        end, order, shape, maps = self.end, self.order, self.rows.shape, set(self.maps)
        change = np.zeros(end + 3, np.int64)
        saved = np.zeros(end + 2, np.int64)
        times = {
            t: (np.array(b, np.int64), np.array(order.death[t], np.int64)) for t, b in order.birth.items()
        }

        def padded(tensor: int) -> int:
            size = shape[tensor][1]
            return size if tensor in maps else -(-size // self.alignment) * self.alignment

        for t, (births, deaths) in times.items():
            np.add.at(change, np.maximum(births, 0), padded(t))
            np.subtract.at(change, np.minimum(deaths, end) + 1, padded(t))
        for position, step in order.began.items():
            output = self.nodes[position].outputs[0]
            born = order.birth[output][0]
            size = -(-self.sums_bytes(output) // self.alignment) * self.alignment
            change[step] += size
            change[born + 1] -= size
            saved[born] = padded(output)
        if self.kind == "stream":
            for node in self.nodes:
                written = times[node.outputs[0]][0]
                for p in self.in_place(node):
                    deaths, window = times[node.inputs[p]][1], node.windows[p]
                    over = np.arange(len(written)) * window.stride_h - window.pad_top
                    inside = (over >= 0) & (over < len(deaths))
                    dying = written[inside][deaths[over[inside]] == written[inside]]
                    saved[dying] = padded(node.outputs[0])
        live = np.cumsum(change)[: end + 1] - saved[: end + 1]
        return int(live.max()) + sum(size_of(self.rows, t) for t in self.through)

    def _live_in_pass(self) -> int:
        change, saved = np.zeros(self.end + 3, np.int64), np.zeros(self.end + 2, np.int64)
        for block in (*self.keyed_blocks[1], *(b for _, _, b in self.segments)):
            change[max(block.birth, 0)] += block.size
            change[min(block.death, self.end) + 1] -= block.size
            if block.partners:
                saved[block.birth] = block.size
        return int((np.cumsum(change)[: self.end + 1] - saved[: self.end + 1]).max())


def size_of(rows: RowGraph, tensor: int) -> int:
    """Bytes of a whole map."""
    height, width = rows.shape[tensor]
    return (height - 1) * rows.pitch(tensor) + width


def layer_order(rows: RowGraph, node: RowNode, kept: frozenset[int]) -> RowOrder:
    """One step that reads all operands and writes all results."""
    birth = {t: [-1] * rows.shape[t][0] for t in node.inputs}
    death = {t: [1 if t in kept else 0] * rows.shape[t][0] for t in node.inputs}
    for t in node.outputs:
        birth[t] = [0] * rows.shape[t][0]
        death[t] = [1 if t in kept else 0] * rows.shape[t][0]
    return RowOrder(((0, 0),), birth, death, {})


def shortcuts(nodes: Sequence[RowNode]) -> tuple[tuple[int, int], ...]:
    """Nodes worth holding back, each with the tensor to wait for.

    A node on the short side of a join (its output goes to one join only, and it reads what is there before the long
    side is) need not run before the other operand exists.
    """
    made = {t: i for i, node in enumerate(nodes) for t in node.outputs}
    readers: dict[int, list[int]] = {}
    for i, node in enumerate(nodes):
        for t in node.inputs:
            readers.setdefault(t, []).append(i)
    held = []
    for join in nodes:
        inner = [t for t in join.inputs if t in made]
        if len(inner) != 2 or len(join.inputs) != 2:
            continue
        depth = {t: _chain(nodes, made, t) for t in inner}
        short, long = sorted(inner, key=lambda t: depth[t])
        maker = made[short]
        alone = len(readers[short]) == 1 and depth[short] == 1 < depth[long]
        if alone and len(readers.get(nodes[maker].inputs[0], ())) > 1:
            held.append((maker, long))
    return tuple(held)


def _chain(nodes: Sequence[RowNode], made: Mapping[int, int], tensor: int) -> int:
    """Nodes in a row before `tensor`, back to the first branch or join."""
    length = 0
    uses: dict[int, int] = {}
    for node in nodes:
        for t in node.inputs:
            uses[t] = uses.get(t, 0) + 1
    while tensor in made and uses.get(tensor, 0) <= 1:
        node = nodes[made[tensor]]
        length += 1
        if len(node.inputs) != 1:
            break
        tensor = node.inputs[0]
    return length


def stage_work(
    rows: RowGraph,
    first: int,
    last: int,
    kind: str,
    live: Sequence[frozenset[int]],
    fed: int = -1,
    holds: tuple[tuple[int, int], ...] = (),
    alignment: int = 4,
) -> StageWork:
    """Put nodes [first, last) together as a stage.

    Args:
        live: sequence of frozenset. For each cut, the tensors that exist before it and are needed after it.
        fed: int. The tensor that the caller feeds to this stage, or -1.
    """
    nodes = rows.nodes[first:last]
    kept = live[last]
    if any(node.accumulate for node in nodes):
        alignment = max(alignment, 4)  # int32 sums
    made = {t for node in nodes for t in node.outputs}
    read = {t for node in nodes for t in node.inputs}
    ins = tuple(sorted(t for t in live[first] if t in read and t != fed))
    # A whole operator writes every output, also one that nothing reads.
    outs = tuple(sorted(made if kind == "layer" else made & kept))
    through = tuple(sorted(t for t in live[first] if t not in read and t != fed))
    if kind == "layer":
        order = layer_order(rows, nodes[0], kept)
    else:
        order = row_order(nodes, rows.shape, fed, kept, dict(holds))
    return StageWork(rows, first, last, kind, ins, outs, through, fed, order, holds, alignment)
