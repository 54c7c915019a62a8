"""Plans turned into Timelines: stock TFLite Micro's head, and a Schedule of ours."""

from __future__ import annotations

from tflm_mcunet.graph import Graph
from tflm_mcunet.report.memory_report import Span, Timeline, shape_text
from tflm_mcunet.schedule.schedule import Schedule
from tflm_mcunet.schedule.stream import RowStorage, StreamPlan
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

    Scratch and rolling rows are shown for the whole of their stage.
    """
    graph = schedule.graph
    bounds, start = [], 0
    for stage in schedule.stages:
        length = max(len(stage.ops), 1)
        bounds.append((start, start + length - 1))
        start += length
    order = [i for stage in schedule.stages for i in stage.ops]
    steps = tuple(f"{i} {graph.ops[i].name}" for i in order) or ("0",)
    spans = []
    for buffer in schedule.buffers:
        if not buffer.size_bytes:
            continue
        first = bounds[min(buffer.first_step, len(bounds) - 1)][0] if bounds else 0
        last = bounds[min(buffer.last_step, len(bounds) - 1)][1] if bounds else 0
        if buffer.tensor < 0:
            label, detail, role = "scratch", "scratch", "scratch"
        else:
            tensor = graph.tensors[buffer.tensor]
            label, detail = tensor.name, shape_text(tensor.shape, tensor.dtype)
            role = role_of(graph, buffer.tensor)
            if buffer.rows:
                detail += f", {buffer.rows} rows"
                role = "rows"
        spans.append(Span(label, detail, role, buffer.size_bytes, buffer.offset, first, last))
    for stage, (first, last) in zip(schedule.stages, bounds, strict=True):
        if stage.plan is not None:
            spans += [_held_rows(graph, storage, first, last) for storage in _inner(stage.plan)]
            spans += _sums(stage.plan, first, last)
    stages = tuple(
        (stage.kind, *bound)
        for stage, bound in zip(schedule.stages, bounds, strict=True)
        if len(stage.ops) > 1
    )
    return Timeline(title, steps, tuple(spans), schedule.arena_bytes, stages)


def _inner(plan: StreamPlan) -> list[RowStorage]:
    """The storages that only the stage itself uses; its input and output maps are buffers of the schedule."""
    return [s for s in plan.storages if s.role in ("inner", "fed")]


def _held_rows(graph: Graph, storage: RowStorage, first: int, last: int) -> Span:
    """The bytes that the rows of one tensor take while they flow."""
    starts = [storage.row_offset(y) for y in range(storage.height)]
    low, high = min(starts), max(starts) + storage.row_bytes
    tensor = graph.tensors[storage.tensor]
    rows = len(set(starts))
    detail = f"{shape_text(tensor.shape, tensor.dtype)}, {rows} of {storage.height} rows"
    return Span(tensor.name, detail, "rows", high - low, low, first, last)


def _sums(plan: StreamPlan, first: int, last: int) -> list[Span]:
    """The int32 sums of operators that add up rows as they come."""
    return [
        Span(
            f"sums of op {o.op}",
            "int32",
            "scratch",
            4 * plan.storage_of[o.output].row_bytes,
            o.accumulator,
            first,
            last,
        )
        for o in plan.operators
        if o.accumulator >= 0
    ]
