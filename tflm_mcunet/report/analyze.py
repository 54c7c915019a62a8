"""`analyze`: how much memory a model needs, four ways, and what to do about it. Runs nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tflm_mcunet import ops
from tflm_mcunet.errors import UsageError
from tflm_mcunet.graph import Graph
from tflm_mcunet.load import is_keras_model, load_graph
from tflm_mcunet.report.advice import advise
from tflm_mcunet.report.folded import folded
from tflm_mcunet.report.memory_report import Arena, FrontierPoint, MemoryReport, OpRow, Peak, shape_text
from tflm_mcunet.report.stage_rows import left_out, stage_rows
from tflm_mcunet.report.timelines import schedule_timeline, stock_timeline
from tflm_mcunet.schedule.in_place import own_kernels
from tflm_mcunet.schedule.layer import plan_layer
from tflm_mcunet.schedule.lifetimes import lifetimes
from tflm_mcunet.schedule.schedule import Schedule
from tflm_mcunet.schedule.stages import FACTORS, frontier, plan_stages
from tflm_mcunet.schedule.stream import StreamPlan
from tflm_mcunet.targets import Target, as_target
from tflm_mcunet.tflm.memory import TflmMemory, memory
from tflm_mcunet.tflm.rewrite import layer_plan
from tflm_mcunet.tflm.stage_op import STAGE
from tflm_mcunet.tflm.stage_reader import stage_family
from tflm_mcunet.transforms import canonical

#: Graphs of more operators are planned layer by layer only: the partition into stages weighs every run of operators.
MOST_STREAMED = 250


def analyze(
    model: Any,
    target: Target | str | Path | None = None,
    *,
    calibration: Any = None,
    pointer_bits: int = 32,
    with_frontier: bool = False,
) -> MemoryReport:
    """How much memory a model needs: in stock TFLite Micro, and planned by us in four ways.

    Args:
        model: path or bytes of a `.tflite`, a Graph, a Conversion, a Keras model or the path of one.
        target: Target, its name, or None. What the model should fit.
        calibration: samples to quantise a float Keras model with. Without them it is quantised with random
            samples: every figure stays the same, since ranges change no size.
        pointer_bits: int. 32 for stock TFLite Micro's persistent part on a device, 64 on a desk.
        with_frontier: bool. Also plan with MACs computed twice, the input resident and fed by rows; up to a minute.

    Returns:
        MemoryReport. Its arenas hold activations and scratch; stack and code come on top.

    Raises:
        ModelError: the model is not valid.
        UnsupportedOpError: a tensor is of a type without a size, or past 2 GiB.
        UsageError: no such file or target, or an argument outside its values.

    Example:
        >>> from tflm_mcunet.builder import GraphBuilder
        >>> b = GraphBuilder()
        >>> x = b.input((1, 32, 32, 3))
        >>> y = b.conv_2d(b.conv_2d(x, 8, (3, 3)), 4)
        >>> report = analyze(b.finish([y]), "STM32F103")
        >>> report.macs, report.peak.layer, report.fits
        (253952, 12288, True)
    """
    target = as_target(target)
    if pointer_bits not in (32, 64):
        raise UsageError(f"Expected `pointer_bits` to be 32 or 64, got {pointer_bits!r}.")
    name, graph, model_bytes, notes = _opened(model, calibration)
    stock = memory(graph, pointer_bits)
    host = stock if pointer_bits == 64 else memory(graph, 64)
    live = _live_bytes(graph)
    rows = tuple(_row(graph, i, live[i]) for i in range(len(graph.ops)))
    clean, left = canonical(graph)
    plans = _plans(clean)
    int8_bytes = _int8_edges_bytes(graph, clean)
    peak = Peak(**{way: plan.arena_bytes if plan else None for way, plan in plans.items()})
    planned = None if stock.head_bytes is None else layer_plan(graph, clean)[1]
    best = min(
        (p for way, p in plans.items() if p and way != "stream_rows_input"), key=lambda p: p.arena_bytes
    )
    most = max(live, default=0)
    return MemoryReport(
        name=name,
        macs=sum(row.macs for row in rows),
        ops=rows,
        peak=peak,
        tflm=_arena(stock),
        tflm_host=_arena(host),
        planned_head=planned,
        model_bytes=model_bytes,
        target=target,
        peak_ops=tuple(i for i, size in enumerate(live) if size == most),
        before=stock_timeline(graph, stock, "Stock TFLite Micro"),
        after=schedule_timeline(best, _title(best)),
        advice=tuple(
            advise(
                graph, clean, rows, live, (stock.head_bytes, planned), peak, int8_bytes, model_bytes, target
            )
        ),
        stages=stage_rows(best),
        left_out=left_out(best),
        frontier=_frontier(clean) if with_frontier else (),
        notes=(*notes, *_notes(clean, stock, (*(f"in the file, {line}" for line in left), *best.notes))),
    )


def _opened(model: Any, calibration: Any) -> tuple[str, Graph, int | None, list[str]]:
    """Name, Graph, bytes of the file and notes of a model in any form."""
    if isinstance(model, Graph):
        return model.name, model, None, []
    notes: list[str] = []
    name = "model"
    if isinstance(model, str | os.PathLike):
        name = Path(model).name
    if is_keras_model(model) or (isinstance(model, str | os.PathLike) and _is_keras_path(Path(model))):
        from tflm_mcunet.backend import open_model, random_calibration, to_tflite

        name = getattr(model, "name", name)
        serving = open_model(model)
        if calibration is None:
            calibration = random_calibration(serving.inputs)
            notes.append("quantised to int8 with random samples: sizes are right, outputs mean nothing")
        model = to_tflite(serving, calibration)
    graph = load_graph(model, calibration)
    if isinstance(model, str | os.PathLike):
        return name, graph, Path(model).stat().st_size, notes
    data = model if isinstance(model, bytes | bytearray | memoryview) else model.tflite
    return name, graph, len(data), notes


def _is_keras_path(path: Path) -> bool:
    return path.exists() and (path.is_dir() or path.suffix.lower() in (".keras", ".h5", ".hdf5"))


def _live_bytes(graph: Graph) -> list[int]:
    """Bytes of the tensors in use at every operator, in the file's order, without alignment."""
    found = lifetimes(graph)
    change = [0] * (found.steps + 1)
    for buffer in found.buffers:
        change[min(buffer.first_step, found.steps)] += buffer.size_bytes
        change[min(buffer.last_step + 1, found.steps)] -= buffer.size_bytes
    live, total = [], 0
    for step in range(found.steps):
        total += change[step]
        live.append(total)
    return live


def _row(graph: Graph, index: int, live_bytes: int) -> OpRow:
    op = graph.ops[index]
    made = [graph.tensors[t] for t in op.outputs if t >= 0]
    constants = {t for t in op.inputs if t >= 0 and graph.tensors[t].is_constant}
    return OpRow(
        index=index,
        type=op.name,
        output=shape_text(made[0].shape, made[0].dtype) if made else "",
        macs=ops.macs(graph, op),
        live_bytes=live_bytes,
        weight_bytes=sum(graph.tensors[t].size_bytes for t in constants),
    )


def _plans(graph: Graph) -> dict[str, Schedule | None]:
    """The four ways of `Peak`; None where the graph cannot be run that way."""
    streams, whole = len(graph.ops) <= MOST_STREAMED, folded(graph)
    return {
        "layer": plan_layer(whole, in_place=None),
        "layer_in_place": plan_layer(whole, in_place=own_kernels()),
        "stream": plan_stages(graph, kinds=("layer", "stream")) if streams else None,
        "stream_rows_input": _rows_fed(graph) if streams else None,
    }


def _frontier(graph: Graph) -> tuple[FrontierPoint, ...]:
    """Bytes against MACs, for an input that lies in the arena and, where that can be, for one that is fed by rows."""
    if len(graph.ops) > MOST_STREAMED:
        return ()
    sources = ["resident"] + (["rows"] if _rows_fed(graph) else [])
    return tuple(
        FrontierPoint(source, factor, size)
        for source in sources
        for factor, size, _ in frontier(graph, input=source, factors=FACTORS)
    )


def _int8_edges_bytes(graph: Graph, clean: Graph) -> int | None:
    """The smallest arena with the input if the model took and gave int8; None where it does already."""
    edges, _ = canonical(graph, io="int8")
    if len(edges.ops) == len(clean.ops):
        return None
    if len(edges.ops) > MOST_STREAMED:
        return plan_layer(folded(edges), in_place=own_kernels()).arena_bytes
    return plan_stages(edges, kinds=("layer", "stream")).arena_bytes


def _rows_fed(graph: Graph) -> Schedule | None:
    """The plan whose input rows the caller feeds; None where its input has to stay."""
    schedule = plan_stages(graph, kinds=("layer", "stream"), input="rows")
    is_fed = any(isinstance(stage.plan, StreamPlan) and stage.plan.fed >= 0 for stage in schedule.stages)
    return schedule if is_fed else None


def _title(schedule: Schedule) -> str:
    kind = {"layer": "layer by layer", "stream": "streamed", "mixed": "streamed, with whole layers"}
    return f"Ours, {kind.get(schedule.kind, schedule.kind)}"


def _arena(found: TflmMemory) -> Arena:
    labels = {part.label for part in found.parts}
    basis = next((label for label in ("unknown", "modelled") if label in labels), "exact")
    return Arena(found.head_bytes, found.tail_bytes, found.pointer_bits, basis)


def _notes(graph: Graph, stock: TflmMemory, planning: Sequence[str]) -> list[str]:
    """What the figures leave out, and what a planner could not do."""
    lines = [
        f"stock TFLite Micro is modelled on {stock.runtime}",
        "arenas hold activations and kernel scratch that is planned; stack and code come on top",
    ]
    family = stage_family(graph)
    if family is not None:
        lines.append(f"{STAGE} runs {family} kernels: those its firmware must register (tflm_ops.h)")
    notes = dict.fromkeys(part.note for part in stock.parts if part.note)
    if len(graph.ops) > MOST_STREAMED:
        lines.append(
            f"streaming is planned for at most {MOST_STREAMED} operators; this graph has {len(graph.ops)}"
        )
    return [*lines, *notes, *_cut(stock.reasons), *_cut(tuple(dict.fromkeys(planning)))]


def _cut(lines: Sequence[str], most: int = 6) -> list[str]:
    """The first lines, and how many more there are."""
    more = [f"and {len(lines) - most} more of this kind"] if len(lines) > most else []
    return [*lines[:most], *more]
