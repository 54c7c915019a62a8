"""Placed stages and maps as a Schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tflm_mcunet.schedule.rows import RowGraph
from tflm_mcunet.schedule.schedule import Buffer, Schedule, Stage, aligned
from tflm_mcunet.schedule.stages_build import Placement, covered_ops, stage_plan
from tflm_mcunet.schedule.stages_maps import map_lives
from tflm_mcunet.schedule.stages_work import StageWork, size_of


def assembled(
    rows: RowGraph,
    works: Sequence[StageWork],
    at: Mapping[int, int],
    placements: Sequence[Placement | None],
    macs: Sequence[int],
    bound_bytes: int,
    notes: Sequence[str],
) -> Schedule:
    """Build the Schedule of placed stages, every row of them checked.

    Args:
        rows: RowGraph.
        works: sequence of StageWork, in order.
        at: mapping. The offset of every whole map.
        placements: sequence of Placement or None, one for each stage; None for a layer.
        macs: sequence of int. MACs of each stage, recomputed ones included.
        bound_bytes: int. No placement of these stages is smaller.
        notes: sequence of str. What was not done, and why.
    """
    life = map_lives(works)
    sizes = {t: size_of(rows, t) for t in life}
    stages, end = [], 0
    for work, placement, cost in zip(works, placements, macs):
        maps_end = max((at[t] + sizes[t] for t in work.maps), default=0)
        stage_end = max(maps_end, placement.end if placement else 0)
        plan = stage_plan(work, at, placement, cost) if placement else None
        stages.append(Stage(work.kind, covered_ops(rows, work.first, work.last), stage_end, plan, cost))
        end = max(end, stage_end)
    buffers = [Buffer(t, sizes[t], *life[t], at[t]) for t in sorted(life)]
    for t in sorted({t for t in rows.graph.outputs if t in rows.alias}):
        source = rows.alias[t]
        buffers.append(Buffer(t, sizes[source], *life[source], at[source]))
    return Schedule(rows.graph, tuple(stages), tuple(buffers), aligned(end), bound_bytes, tuple(notes))
