"""Schedules of one stage in tiles, whether that pays or not."""

from __future__ import annotations

from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.patch import Tiling, can_tile, tiled, tiled_macs
from tflm_mcunet.schedule.rows import row_graph
from tflm_mcunet.schedule.schedule import Buffer, Schedule, Stage, aligned
from tflm_mcunet.schedule.stages_build import stage_plan
from tflm_mcunet.schedule.stages_maps import gaps, place_maps
from tflm_mcunet.schedule.stages_place import place_stage
from tflm_mcunet.schedule.stages_search import live_sets
from tflm_mcunet.schedule.stages_work import size_of, stage_work
from tflm_mcunet.schedule.stream import PatchPlan
from tflm_mcunet.schedule.stream_pack import Effort


def tiled_schedule(graph: Graph, tiling: Tiling, fed: bool) -> Schedule | None:
    """The whole graph as one stage in tiles, whether that pays or not."""
    rows = row_graph(graph)
    live = live_sets(rows)
    if not all(n.streams for n in rows.nodes) or (fed and rows.inputs[0] in live[-1]):
        return None
    source = rows.inputs[0] if fed else -1
    work = stage_work(rows, 0, len(rows.nodes), "stream", live, source)
    if len(work.outs) != 1 or not can_tile(rows, 0, len(rows.nodes), work.outs[0]):
        return None
    _, height, width, _ = graph.tensors[work.outs[0]].shape
    if tiling.bands > height or tiling.strips > width:
        return None
    macs = tiled_macs(work, tiling)
    work = tiled(work, tiling)
    _, pairs = gaps([work])
    at = place_maps({t: size_of(rows, t) for t in work.maps}, pairs, [*work.outs, *work.ins], 16)
    placement = place_stage(work, at, 0, Effort(0))
    plan = stage_plan(work, at, placement, macs)
    assert isinstance(plan, PatchPlan) and plan.end_bytes <= placement.end
    ops = tuple(range(len(graph.ops)))
    buffers = tuple(Buffer(t, size_of(rows, t), 0, 0, at[t]) for t in at)
    buffers += tuple(Buffer(t, size_of(rows, s), 0, 0, at[s]) for t, s in rows.alias.items() if s in at)
    return Schedule(
        graph, (Stage("patch", ops, placement.end, plan, plan.macs),), buffers, aligned(placement.end)
    )
