"""Executes a Schedule in one bytearray, by its plain data alone: counters, windows, offsets; no list of steps.

Two sets of kernels: `Exact` computes (`stream_kernels`), `Mixing` hashes the bytes of the window's rows, so that one
wrong byte anywhere changes the output; it needs no weights and takes any operator that streams.
"""

from __future__ import annotations

import numpy as np
import stream_kernels as kernels

from tflm_mcunet import ops
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.rows import row_graph
from tflm_mcunet.schedule.schedule import Schedule, Stage
from tflm_mcunet.schedule.stream import PatchPlan, RowOperator, RowStorage, StreamPlan


def mixed(data: np.ndarray, salt: int) -> np.uint64:
    """A hash of bytes that depends on every one and on its place."""
    n = np.arange(data.size, dtype=np.uint64)
    with np.errstate(over="ignore"):
        keys = (n + np.uint64(salt * 2 + 1)) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
        return np.uint64(
            ((data.view(np.uint8).astype(np.uint64) + np.uint64(1)) * (keys | np.uint64(1))).sum()
        )


def spread(seed: np.uint64, count: int) -> np.ndarray:
    """`count` bytes out of one hash."""
    with np.errstate(over="ignore"):
        n = (np.arange(count, dtype=np.uint64) + seed) * np.uint64(0xBF58476D1CE4E5B9)
        n ^= n >> np.uint64(31)
        n *= np.uint64(0x94D049BB133111EB)
    return (n >> np.uint64(40)).astype(np.uint8).view(np.int8)


class Mixing:
    """Kernels that hash."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def row(
        self, operator: RowOperator, y: int, rows: list[list[np.ndarray | None]], size: int
    ) -> np.ndarray:
        total = np.uint64(operator.op * 977 + y)
        with np.errstate(over="ignore"):
            for i, operand in enumerate(rows):
                for k, row in enumerate(operand):
                    total += mixed(row, 31 * i + k) if row is not None else np.uint64(0x51 * (k + 1))
        return spread(total, size)

    def added(self, operator: RowOperator, sums: np.ndarray, y: int, row: np.ndarray) -> np.ndarray:
        return sums + spread(mixed(row, y), sums.size).astype(np.int32)

    def finished(self, operator: RowOperator, sums: np.ndarray, count: int, size: int) -> np.ndarray:
        return spread(mixed(sums.view(np.int8), operator.op), size)


class Exact:
    """Kernels that compute."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def row(
        self, operator: RowOperator, y: int, rows: list[list[np.ndarray | None]], size: int
    ) -> np.ndarray:
        graph, op = self.graph, self.graph.ops[operator.op]
        if op.type in kernels.SPATIAL:
            shape = graph.tensors[operator.inputs[0]].shape
            given = [None if r is None else r.view(np.int8).reshape(shape[2:]) for r in rows[0]]
            return kernels.spatial_row(graph, op, operator.windows[0], given, shape[2]).reshape(-1)
        if op.type == "PAD":
            out, window = graph.tensors[op.outputs[0]], operator.windows[0]
            result = np.full(out.shape[2:], out.zero_point, np.int8)
            if rows[0][0] is not None:
                width = graph.tensors[operator.inputs[0]].shape[2]
                inner = rows[0][0].view(np.int8).reshape(width, -1)
                result[window.pad_left : window.pad_left + width] = inner
            return result.reshape(-1)
        if op.type == "FULLY_CONNECTED":
            return kernels.fully_connected(graph, op, rows[0][0].view(np.int8)).reshape(-1)
        shapes = [graph.tensors[t].shape for t in operator.inputs]
        by_tensor = {
            t: r[0].view(np.int8).reshape(s[-2:] if len(s) == 4 else s[-1:])
            for t, r, s in zip(operator.inputs, rows, shapes)
        }
        if op.type == "CONCATENATION":
            alias = row_graph(graph).alias
            return np.concatenate([by_tensor[alias.get(t, t)] for t in op.inputs], axis=-1).reshape(-1)
        return kernels.elementwise(graph, op, list(by_tensor.values())).reshape(-1)

    def added(self, operator: RowOperator, sums: np.ndarray, y: int, row: np.ndarray) -> np.ndarray:
        channels = self.graph.tensors[operator.inputs[0]].shape[3]
        pixels = row.view(np.int8).reshape(-1, channels).astype(np.int32)
        return sums + pixels[: self.pooled_columns(operator)].sum(axis=0, dtype=np.int32)

    def pooled_columns(self, operator: RowOperator) -> int:
        """Columns of the one window that lie inside the map."""
        window = operator.windows[0]
        return min(self.graph.tensors[operator.inputs[0]].shape[2], window.kernel_w - window.pad_left)

    def finished(self, operator: RowOperator, sums: np.ndarray, count: int, size: int) -> np.ndarray:
        op = self.graph.ops[operator.op]
        width = self.pooled_columns(operator)
        if op.type == "MEAN":
            return kernels.global_mean(self.graph, op, sums, count * width).reshape(-1)
        return kernels.quantized(sums / (count * width), 0).reshape(-1)


def plans(stage: Stage) -> tuple[StreamPlan, ...]:
    """What a stage executes row by row, in order."""
    if isinstance(stage.plan, PatchPlan):
        return stage.plan.passes
    return (stage.plan,) if stage.plan is not None else ()


class Machine:
    """One arena and what runs in it."""

    def __init__(self, schedule: Schedule, arithmetic) -> None:
        self.schedule, self.graph, self.kernels = schedule, schedule.graph, arithmetic
        self.rows = row_graph(schedule.graph)
        self.noise = np.random.default_rng(7)
        self.arena = self.noise.integers(-128, 128, schedule.arena_bytes, dtype=np.int8)

    def run(self, inputs: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
        """The bytes of every graph output."""
        fed = {plan.fed for s in self.schedule.stages for plan in plans(s)}
        for t, value in inputs.items():
            if t not in fed:
                at = self.schedule.offsets[t]
                self.arena[at : at + value.size] = value.reshape(-1)
        for stage in self.schedule.stages:
            if stage.plan is None:
                self.layer(stage.ops)
            for plan in plans(stage):
                self.stream(plan, inputs)
        found = {}
        for t in self.graph.outputs:
            at = self.schedule.offsets[t]
            found[t] = self.arena[at : at + self.graph.tensors[t].size_bytes].copy()
        return found

    def layer(self, indices: tuple[int, ...]) -> None:
        """A node on whole maps; what was folded into it is computed on the side."""
        node = next(n for n in self.rows.nodes if n.op in indices)
        where = self.schedule.offsets
        values: dict[int, np.ndarray] = {}
        for t in node.inputs:
            at, tensor = where[t], self.graph.tensors[t]
            values[t] = self.arena[at : at + tensor.size_bytes].copy().reshape(tensor.shape)
        for alias, t in self.rows.alias.items():
            if t in values:
                values[alias] = values[t].reshape(self.graph.tensors[alias].shape)
        result = self.whole_node(node, indices, values)
        at = where[node.outputs[0]]
        self.arena[at : at + result.size] = result.reshape(-1)

    def whole_node(self, node, indices, values) -> np.ndarray:
        if isinstance(self.kernels, Mixing):
            return mixing_node(self.rows, node, values)
        for i in sorted(range(node.op)):
            op = self.graph.ops[i]
            if (
                op.type == "PAD"
                and op.outputs[0] in self.graph.ops[node.op].inputs
                and op.inputs[0] in values
            ):
                values[op.outputs[0]] = kernels.whole_op(self.graph, op, values, ops.window)
        return kernels.whole_op(self.graph, self.graph.ops[node.op], values, ops.window)

    def stream(self, plan: StreamPlan, inputs: dict[int, np.ndarray]) -> None:
        """The driver of `stream.py`'s contract."""
        done = {s.tensor: s.height if s.role == "input" else s.first_row for s in plan.storages}
        taken = [plan.storage_of[o.output].first_row if o.accumulator < 0 else 0 for o in plan.operators]
        steps = 0
        while True:
            for i in reversed(range(len(plan.operators))):
                if self.step(plan, i, taken, done):
                    break
            else:
                if plan.fed < 0 or done[plan.fed] >= plan.storage_of[plan.fed].height:
                    break
                storage, y = plan.storage_of[plan.fed], done[plan.fed]
                row = inputs[plan.fed].reshape(storage.height, -1)[y]
                low, high, _ = self.columns(storage)
                self.write(storage.row_offset(y), row[low:high])
                done[plan.fed] += 1
            steps += 1
        assert steps == plan.steps
        assert all(done[s.tensor] == (s.height if s.role == "input" else s.end_row) for s in plan.storages)

    def write(self, at: int, row: np.ndarray) -> None:
        assert 0 <= at and at + row.size <= self.arena.size, "outside the arena"
        self.arena[at : at + row.size] = row

    def columns(self, storage: RowStorage) -> tuple[int, int, int]:
        """The bytes [low, high) of a whole row that a pass has to do with, and how far they lie into its place."""
        row = self.graph.tensors[storage.tensor].size_bytes // storage.height
        if not storage.columns:
            return 0, row, 0
        pixel = row // self.graph.tensors[storage.tensor].shape[2]
        low, high = storage.first_column * pixel, (storage.first_column + storage.columns) * pixel
        return low, high, low if storage.role in ("input", "output") else 0

    def full_row(self, storage: RowStorage, at: int, low: int, high: int) -> np.ndarray:
        """A row as the kernels here want it: noise where the pass holds no column."""
        row = self.graph.tensors[storage.tensor].size_bytes // storage.height
        if not storage.columns:
            return self.arena[at : at + row].copy()
        whole = self.noise.integers(-128, 128, row, dtype=np.int8)
        whole[low:high] = self.arena[at : at + high - low]
        return whole

    def step(self, plan: StreamPlan, i: int, taken: list[int], done: dict[int, int]) -> bool:
        operator, y = plan.operators[i], taken[i]
        out = plan.storage_of[operator.output]
        if operator.hold >= 0 and done[operator.hold] <= y:
            return False
        if operator.accumulator >= 0:
            return self.accumulate(plan, operator, i, taken, done)
        if y >= out.end_row:
            return False
        rows: list[list[np.ndarray | None]] = []
        spans = []
        for t, window in zip(operator.inputs, operator.windows):
            source = plan.storage_of[t]
            if done[t] <= min(window.last_row(y), source.height - 1):
                return False
            picked: list[np.ndarray | None] = []
            for k in range(window.kernel_h):
                r = window.first_row(y) + k * window.dilation_h
                if 0 <= r < source.height:
                    low, high, skip = self.columns(source)
                    at = source.row_offset(r) + skip
                    picked.append(self.full_row(source, at, low, high))
                    spans.append((at, at + high - low, t, k))
                else:
                    picked.append(None)
            rows.append(picked)
        low, high, skip = self.columns(out)
        if self.graph.ops[operator.op].type in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            # The engine's kernels compare these two addresses: an output in place brings a delay line.
            source, first = plan.storage_of[operator.inputs[0]], operator.windows[0].first_row(y)
            if 0 <= first < source.height and source.row_offset(first) == out.row_offset(y) + skip:
                assert 0 in operator.in_place, "begins where its window does and is not in place"
        at, size = out.row_offset(y) + skip, self.graph.tensors[operator.output].size_bytes // out.height
        for start, end, t, k in spans:
            if start < at + high - low and at < end:
                assert start == at and k == 0, "output row overlaps an operand row that is not its first"
                assert t in [operator.inputs[p] for p in operator.in_place], "undeclared in-place"
        self.write(at, self.kernels.row(operator, y, rows, size)[low:high])
        taken[i] += 1
        done[operator.output] += 1
        return True

    def accumulate(self, plan: StreamPlan, operator: RowOperator, i: int, taken, done) -> bool:
        source, out = plan.storage_of[operator.inputs[0]], plan.storage_of[operator.output]
        window = operator.windows[0]
        first, last = max(window.first_row(0), 0), min(window.last_row(0), source.height - 1)
        r = first + taken[i]
        if r > last or done[operator.inputs[0]] <= r:
            return False
        elements = self.graph.tensors[operator.output].elements
        begin, end = operator.accumulator, operator.accumulator + 4 * elements
        assert begin % 4 == 0 and end <= self.arena.size
        sums = np.zeros(elements, np.int32) if r == first else self.arena[begin:end].copy().view(np.int32)
        at = source.row_offset(r)
        assert at >= end or at + source.row_bytes <= begin, "sums over the row that they add"
        sums = self.kernels.added(operator, sums, r, self.arena[at : at + source.row_bytes].copy())
        self.arena[begin:end] = sums.view(np.int8)
        taken[i] += 1
        if r == last:
            self.write(
                out.row_offset(0), self.kernels.finished(operator, sums, last - first + 1, out.row_bytes)
            )
            done[operator.output] += 1
        return True


def mixing_node(rows, node, values: dict[int, np.ndarray]) -> np.ndarray:
    """A node on whole maps with hashing kernels, row by row where it streams."""
    graph, mix = rows.graph, Mixing(rows.graph)
    height, width = rows.shape[node.outputs[0]]
    if not node.streams:
        seed = np.uint64(node.op)
        with np.errstate(over="ignore"):
            for n, t in enumerate(node.inputs):
                seed += mixed(values[t].reshape(-1), n)
        return spread(seed, height * width)
    operator = RowOperator(node.op, node.inputs, node.windows, node.outputs[0])
    maps = [values[t].reshape(rows.shape[t][0], -1) for t in node.inputs]
    if node.accumulate:
        window = node.windows[0]
        first, last = max(window.first_row(0), 0), min(window.last_row(0), len(maps[0]) - 1)
        sums = np.zeros(graph.tensors[node.outputs[0]].elements, np.int32)
        for r in range(first, last + 1):
            sums = mix.added(operator, sums, r, maps[0][r])
        return mix.finished(operator, sums, last - first + 1, width)
    result = np.empty((height, width), np.int8)
    for y in range(height):
        picked = []
        for window, m in zip(node.windows, maps):
            wanted = [window.first_row(y) + k * window.dilation_h for k in range(window.kernel_h)]
            picked.append([m[r] if 0 <= r < len(m) else None for r in wanted])
        result[y] = mix.row(operator, y, picked, width)
    return result


def reference(graph: Graph, inputs: dict[int, np.ndarray], arithmetic) -> dict[int, np.ndarray]:
    """The bytes of every graph output, computed on whole maps that share nothing."""
    if isinstance(arithmetic, Exact):
        values = kernels.run_whole(graph, inputs, ops.window)
        return {t: values[t].reshape(-1) for t in graph.outputs}
    rows = row_graph(graph)
    values = dict(inputs)
    for node in rows.nodes:
        values[node.outputs[0]] = mixing_node(rows, node, values)
    return {t: values[rows.alias.get(t, t)].reshape(-1) for t in graph.outputs}
