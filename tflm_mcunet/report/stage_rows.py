"""What each stage of a plan holds: rows and bytes of every tensor, MACs with and without overlap, what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tflm_mcunet.report.memory_report import printable, shape_text
from tflm_mcunet.report.row_flow import Piece, row_flow
from tflm_mcunet.schedule.rows import row_graph
from tflm_mcunet.schedule.schedule import Schedule
from tflm_mcunet.schedule.stream import PatchPlan, StreamPlan


@dataclass(frozen=True)
class Held:
    """A tensor of a stage.

    Args:
        tensor: str. Its name.
        detail: str. Shape and dtype.
        role: str. "input", "output", "fed", "inner" or "sums".
        rows: int. The most rows in use at a time; of a stage in strips, in any of them.
        size_bytes: int. Of its ring or of those rows; of the whole map for "input" and "output", which may lie over
            one another.
    """

    tensor: str
    detail: str
    role: str
    rows: int
    size_bytes: int


@dataclass(frozen=True)
class StageRow:
    """A stage of the plan.

    Args:
        kind: str. "layer", "stream" or "patch".
        ops: tuple of str. Its operators, "6 CONV_2D", numbered as planned.
        peak_bytes: int. Arena that the stage takes.
        macs, macs_once: int. As executed, and without what strips compute twice.
        strips: int. Passes; 1 but for "patch".
        bands: int. Into so many bands of rows the passes cut the output map; 1 where each takes all rows.
        held: tuple of Held. Empty for a layer.
    """

    kind: str
    ops: tuple[str, ...]
    peak_bytes: int
    macs: int
    macs_once: int
    strips: int
    held: tuple[Held, ...]
    bands: int = 1

    @property
    def label(self) -> str:
        """The kind in words: "stream", "patch, 3 strips", "patch, 4 × 2 tiles"."""
        if self.kind != "patch":
            return self.kind
        if self.bands == 1:
            return f"patch, {self.strips} strips"
        return f"patch, {self.bands} × {self.strips // self.bands} tiles"

    def to_dict(self) -> dict[str, object]:
        """JSON-ready data."""
        return asdict(self)


def stage_rows(schedule: Schedule) -> tuple[StageRow, ...]:
    """The stages of a plan in execution order."""
    macs = {n.op: n.macs for n in row_graph(schedule.graph).nodes}
    found = []
    for number, stage in enumerate(schedule.stages):
        plans = stage.plan.passes if isinstance(stage.plan, PatchPlan) else (stage.plan,)
        held: dict[str, Held] = {}
        for plan in plans:
            if isinstance(plan, StreamPlan):
                for item in _held(schedule, number, plan):
                    before = held.get(item.tensor + item.role)
                    if before is None or item.size_bytes > before.size_bytes:
                        held[item.tensor + item.role] = item
        names = tuple(f"{i} {printable(schedule.graph.ops[i].name, 40)}" for i in stage.ops)
        once = sum(macs.get(i, 0) for i in stage.ops)
        found.append(
            StageRow(
                stage.kind,
                names,
                stage.peak_bytes,
                stage.macs,
                once,
                len(plans),
                tuple(held.values()),
                _bands(plans),
            )
        )
    return tuple(found)


def _bands(plans: Sequence[StreamPlan | None]) -> int:
    """Bands of rows that the passes of a stage write."""
    return len({s.first_row for p in plans if p is not None for s in p.storages if s.role == "output"}) or 1


def _held(schedule: Schedule, number: int, plan: StreamPlan) -> list[Held]:
    graph = schedule.graph
    last = {b.tensor: b.last_step for b in schedule.buffers}
    kept = [s.tensor for s in plan.storages if s.role == "output" or last.get(s.tensor, -1) > number]
    flow = row_flow(plan, kept)
    found = []
    for storage in plan.storages:
        tensor, rows = graph.tensors[storage.tensor], _most(flow.rows[storage.tensor])
        if storage.role in ("input", "output"):
            size = (storage.height - 1) * storage.pitch_bytes + storage.row_bytes
        elif storage.row_offsets:
            size = rows * storage.row_bytes
        else:
            rows, size = storage.slots, storage.slots * storage.pitch_bytes
        name, detail = printable(tensor.name, 60), shape_text(tensor.shape, tensor.dtype)
        found.append(Held(name, detail, storage.role, rows, size))
    for op, (_, _, _, size) in flow.sums.items():
        name = printable(graph.tensors[graph.ops[op].outputs[0]].name, 60)
        found.append(Held(name, "int32 sums", "sums", 1, size))
    return found


def _most(pieces: list[Piece]) -> int:
    """The most pieces in use at a time."""
    change: dict[int, int] = {}
    for start, end, _, _ in pieces:
        change[start] = change.get(start, 0) + 1
        change[end] = change.get(end, 0) - 1
    most = now = 0
    for step in sorted(change):
        now += change[step]
        most = max(most, now)
    return most


def left_out(schedule: Schedule) -> tuple[tuple[str, str], ...]:
    """(operator, why) for each that runs as a layer, on whole maps."""
    rows = row_graph(schedule.graph)
    reason = {i: n.reason for n in rows.nodes for i in n.covers if not n.streams}
    streams = any(stage.kind != "layer" for stage in schedule.stages)
    here = "alone on whole maps it takes no more here" if streams else "streaming does not lower the peak"
    return tuple(
        (f"{i} {printable(schedule.graph.ops[i].name, 40)}", reason.get(i) or here)
        for stage in schedule.stages
        if stage.kind == "layer"
        for i in stage.ops
    )
