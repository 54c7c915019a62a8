"""What TFLite Micro runs of a model: stages as operators where these need a smaller head, else whole layers."""

from __future__ import annotations

from collections.abc import Sequence

from tflm_mcunet.codegen.family import PORTABLE
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import total_macs
from tflm_mcunet.schedule.schedule import Schedule
from tflm_mcunet.targets import Target
from tflm_mcunet.tflm.memory import memory
from tflm_mcunet.tflm.rewrite import layer_plan
from tflm_mcunet.tflm.stage_graph import stage_graph


def best_form(
    source: Graph,
    cleaned: tuple[Graph, Graph],
    ways: Sequence[tuple[Schedule, str]],
    target: Target | None,
) -> tuple[Graph, int, tuple[str, ...]]:
    """What TFLite Micro runs: a Schedule's stages as operators, or whole layers where these need no more.

    Args:
        source: Graph. The model as it was given.
        cleaned: the model after exact clean-ups, and the same where kernels may be padded with zero taps.
        ways: sequence of (Schedule, family of kernels), the portable one last: for where the others need too much. Of
            the others the smallest head is taken, the first one's of equals.
        target: Target or None.

    Returns:
        (Graph, its head in bytes, notes).
    """
    layer, head, notes = layer_plan(source, cleaned[0])
    grown, grown_head, _ = layer_plan(source, cleaned[1])
    if grown_head < head:
        factor = total_macs(grown) / total_macs(source)
        layer, head, notes = (
            grown,
            grown_head,
            (f"zero taps fold PADs in TFLite Micro, for {factor:.3f}x MACs",),
        )
    plan = ways[-1][0]
    if all(stage.plan is None for stage in plan.stages):
        return layer, head, notes
    if plan.graph.state:
        return layer, head, (*notes, "in TFLite Micro every operator runs whole: the model has variables")
    best: tuple[Graph, int, str] | None = None
    reasons = []
    for schedule, family in ways:
        if best and family == PORTABLE:
            break
        try:
            best = _staged(schedule, family, best[1] if best else head, target)
        except UnsupportedOpError as error:
            reasons.append(error.message)
    if best is None:
        return layer, head, (*notes, f"in TFLite Micro every operator runs whole: {reasons[-1]}")
    if best[2] != ways[0][1]:
        return *best[:2], (f"in TFLite Micro stages run the portable kernels: {reasons[0]}",)
    return *best[:2], ()


def _staged(plan: Schedule, family: str, head_bytes: int, target: Target | None) -> tuple[Graph, int, str]:
    """The graph with stages of one family's kernels, its head, and the family.

    Raises:
        UnsupportedOpError: there is none whose head takes less than `head_bytes`, and why.
    """
    staged = stage_graph(plan, family)
    head = memory(staged).head_bytes
    if head is None or head >= head_bytes:
        raise UnsupportedOpError("stages need no smaller head there")
    arena = memory(staged, 32, enum_bytes=1).arena_bytes or 0
    if family != PORTABLE and target is not None and arena > target.contiguous_sram:
        why = f"with those of {family} the arena of {arena} bytes does not fit {target.name}"
        raise UnsupportedOpError(why)
    return staged, head, family
