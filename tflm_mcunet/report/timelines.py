"""Plans turned into Timelines: stock TFLite Micro's head, and a Schedule of ours."""

from __future__ import annotations

from collections.abc import Sequence

from tflm_mcunet.graph import Graph
from tflm_mcunet.report.memory_report import Span, Timeline, shape_text
from tflm_mcunet.report.row_flow import Piece, row_flow
from tflm_mcunet.schedule.schedule import Buffer, Schedule, Stage
from tflm_mcunet.schedule.stream import StreamPlan
from tflm_mcunet.tflm.memory import TflmMemory


def op_labels(graph: Graph) -> tuple[str, ...]:
    """`6 PAD` for every operator in order."""
    return tuple(f"{i} {op.name}" for i, op in enumerate(graph.ops))


def role_of(graph: Graph, tensor: int) -> str:
    """Whether a tensor is the graph's input, its output or neither."""
    return "input" if tensor in graph.inputs else "output" if tensor in graph.outputs else "tensor"


def stock_timeline(graph: Graph, memory: TflmMemory, title: str) -> Timeline:
    """TFLite Micro's own plan for the graph's order.

    Its time counts scopes: operator i of a graph that calls no other runs in scope i + 1. Where operators
    call subgraphs the scopes are shown as they are.
    """
    steps = op_labels(graph)
    calls = any(p.owner.subgraph != 0 or p.last > len(steps) for p in memory.buffers)
    if calls or not steps:
        steps = tuple(f"{i} scope" for i in range(max((p.last for p in memory.buffers), default=1) or 1))
    end = max(len(steps) - 1, 0)
    spans = []
    for placed in memory.buffers:
        if not placed.size_bytes:
            continue
        first, last = (min(max(scope - 1, 0), end) for scope in (placed.first, placed.last))
        owner = placed.owner
        if owner.tensor is None:
            label, detail, role = f"scratch of op {owner.op}", "scratch", "scratch"
        elif owner.subgraph != 0:
            label, detail, role = f"tensor {owner.tensor} of subgraph {owner.subgraph}", "tensor", "tensor"
        else:
            tensor = graph.tensors[owner.tensor]
            label, detail = tensor.name, shape_text(tensor.shape, tensor.dtype)
            role = role_of(graph, owner.tensor)
        spans.append(Span(label, detail, role, placed.size_bytes, placed.offset_bytes, first, last))
    arena = max((s.offset + s.size_bytes for s in spans), default=0)
    return Timeline(title, steps, tuple(spans), arena)


def schedule_timeline(schedule: Schedule, title: str) -> Timeline:
    """A plan of ours, every stage stretched over the operators that it runs.

    Inside a streamed stage time counts row steps, evenly over the stage's width, and a tensor is shown as the
    rows that are in use; other tensors are rectangles.
    """
    graph = schedule.graph
    bounds, start = [], 0
    for stage in schedule.stages:
        length = max(len(stage.ops), 1)
        bounds.append((start, start + length - 1))
        start += length
    order = [i for stage in schedule.stages for i in stage.ops]
    steps = tuple(f"{i} {graph.ops[i].name}" for i in order) or ("0 start",)
    spans = [
        _whole(graph, buffer, bounds[run[0]][0] if bounds else 0, bounds[run[1]][1] if bounds else 0)
        for buffer in schedule.buffers
        if buffer.size_bytes
        for run in _whole_runs(schedule, buffer)
    ]
    for number, stage in enumerate(schedule.stages):
        if isinstance(stage.plan, StreamPlan):
            spans += _flowing(schedule, number, stage, *bounds[number])
    stages = tuple(
        (stage.kind, *bound)
        for stage, bound in zip(schedule.stages, bounds, strict=True)
        if len(stage.ops) > 1
    )
    return Timeline(title, steps, tuple(spans), schedule.arena_bytes, stages)


def _whole_runs(schedule: Schedule, buffer: Buffer) -> list[tuple[int, int]]:
    """The runs of stages in which a buffer is not shown row by row."""
    last = min(buffer.last_step, max(len(schedule.stages) - 1, 0))
    runs: list[tuple[int, int]] = []
    for number in range(buffer.first_step, last + 1):
        plan = schedule.stages[number].plan if schedule.stages else None
        if isinstance(plan, StreamPlan) and buffer.tensor in plan.storage_of:
            continue
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _whole(graph: Graph, buffer: Buffer, first: int, last: int) -> Span:
    if buffer.tensor < 0:
        return Span("scratch", "scratch", "scratch", buffer.size_bytes, buffer.offset, first, last)
    tensor = graph.tensors[buffer.tensor]
    detail = shape_text(tensor.shape, tensor.dtype)
    role = role_of(graph, buffer.tensor)
    return Span(tensor.name, detail, role, buffer.size_bytes, buffer.offset, first, last)


def _flowing(schedule: Schedule, number: int, stage: Stage, first: int, last: int) -> list[Span]:
    """One Span with pieces for every tensor of a streamed stage, and one for the sums of each accumulator."""
    graph, plan = schedule.graph, stage.plan
    assert isinstance(plan, StreamPlan)
    later = {b.tensor for b in schedule.buffers if b.last_step > number}
    kept = {s.tensor for s in plan.storages if s.tensor in later or s.tensor in graph.outputs}
    flow = row_flow(plan, kept)
    scale = (last - first + 1) / max(flow.steps, 1)

    def drawn(pieces: Sequence[Piece]) -> tuple[tuple[float, float, int, int], ...]:
        return tuple((first + a * scale, first + b * scale, offset, size) for a, b, offset, size in pieces)

    spans = []
    for storage in plan.storages:
        tensor, rows = graph.tensors[storage.tensor], flow.rows[storage.tensor]
        low, high = min(p[2] for p in rows), max(p[2] + p[3] for p in rows)
        detail = (
            f"{shape_text(tensor.shape, tensor.dtype)}, {storage.height} rows of {storage.row_bytes:,} bytes"
        )
        role = role_of(graph, storage.tensor)
        role = "rows" if role == "tensor" else role
        spans.append(Span(tensor.name, detail, role, high - low, low, first, last, drawn(rows)))
    for op, piece in flow.sums.items():
        _, _, offset, size = piece
        label = f"sums of op {op}"
        spans.append(Span(label, "int32", "scratch", size, offset, first, last, drawn([piece])))
    return spans
