"""`prefer="speed"`: the plan whose streams cost least in given bytes, or that of fewest bytes with cheap streams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tflm_mcunet.schedule.rows import RowGraph
from tflm_mcunet.schedule.schedule import Schedule
from tflm_mcunet.schedule.stages_cost import schedule_cost
from tflm_mcunet.schedule.stages_quick import least_layer_bytes

#: What streams may cost where neither the target nor the caller says how many bytes there are: this share of the
#: graph's MACs, each of which takes about one instruction.
MOST_COST = 0.035

#: Sizes of arena to look at between the lowest peak and what layers need.
SIZES = 24


def within_bytes(
    rows: RowGraph, plan: Schedule, most_bytes: int, plan_in: Callable[[int], Schedule]
) -> Schedule:
    """The plan of at most `most_bytes` whose streams cost least; `plan`, that of lowest peak, where none costs less."""
    for size in reversed(_sizes(plan.arena_bytes, most_bytes)):
        found = plan_in(size)  # it may not have found a placement in that size
        if found.arena_bytes <= max(most_bytes, plan.arena_bytes):
            return found if schedule_cost(rows, found) < schedule_cost(rows, plan) else plan
    return plan


def within_cost(
    rows: RowGraph, plan: Schedule, layers: Schedule | None, plan_in: Callable[[int], Schedule]
) -> Schedule:
    """The plan of fewest bytes whose streams cost at most `MOST_COST`.

    Args:
        rows: RowGraph.
        plan: Schedule. Of lowest peak.
        layers: Schedule or None. The one without streams, where there is one: what is left if all streams cost more.
        plan_in: function. From bytes to the plan of least cost that the search finds in about as many.

    Returns:
        Schedule. With a note where it takes more bytes than the lowest peak. Without `layers`, the plan of least cost
        where none is within `MOST_COST`.
    """
    total = max(sum(node.macs for node in rows.nodes), 1)
    goal = int(MOST_COST * total)
    layer_bytes = layers.arena_bytes if layers is not None else least_layer_bytes(rows)

    def rank(cost: int, size: int) -> tuple[int, int]:
        return max(cost, goal), size  # what is below the goal is as good as the goal

    least = schedule_cost(rows, plan)
    best, cost = plan, least
    for size in _sizes(plan.arena_bytes, layer_bytes):
        if cost <= goal and size >= best.arena_bytes:
            break
        found = plan_in(size)
        price = schedule_cost(rows, found)
        is_allowed = found.arena_bytes <= plan.arena_bytes or found.arena_bytes < layer_bytes
        if is_allowed and rank(price, found.arena_bytes) < rank(cost, best.arena_bytes):
            best, cost = found, price
    if cost > goal and layers is not None:
        note = (
            f"prefer='speed': every operator runs as a layer, since in fewer bytes streams cost more than "
            f"{100 * MOST_COST:.1f} % more instructions (modelled); the lowest peak is {plan.arena_bytes} bytes"
        )
        return replace(layers, notes=(*layers.notes, note))
    if best.arena_bytes <= plan.arena_bytes:
        return best
    note = (
        f"prefer='speed': {best.arena_bytes} bytes where the lowest peak is {plan.arena_bytes}, so that streams cost "
        f"about {100 * cost / total:.1f} % more instructions than layers instead of {100 * least / total:.1f} % "
        "(modelled)"
    )
    return replace(best, notes=(*best.notes, note))


def _sizes(least: int, most: int) -> list[int]:
    """Sizes of arena in equal ratios."""
    growth = max(most / max(least, 1), 1.0)
    return sorted({int(least * growth ** (n / SIZES)) for n in range(SIZES + 1)})
