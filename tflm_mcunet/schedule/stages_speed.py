"""`prefer="speed"`: the plan whose streams cost least in given bytes, or that of fewest bytes with cheap streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tflm_mcunet.schedule.rows import RowGraph
from tflm_mcunet.schedule.schedule import Schedule
from tflm_mcunet.schedule.stages_cost import SHARE, StreamCosts, schedule_cost, with_rows_of_pointwise
from tflm_mcunet.schedule.stages_quick import least_layer_bytes

#: What streams may cost where neither the target nor the caller says how many bytes there are: this share of what the
#: graph's layers take.
MOST_COST = 0.031

PlanIn = Callable[[int, Sequence[StreamCosts]], Schedule]

#: Sizes of arena to look at between the lowest peak and what layers need.
SIZES = 24


def within_bytes(
    rows: RowGraph,
    plan: Schedule,
    most_bytes: int,
    plan_in: PlanIn,
    costs: Sequence[StreamCosts],
) -> Schedule:
    """The plan of at most `most_bytes` whose streams cost least; `plan`, that of lowest peak, where none costs less."""
    most = max(most_bytes, plan.arena_bytes)
    for size in reversed(_sizes(plan.arena_bytes, most_bytes)):
        found = [p for p in _plans_in(size, plan_in, costs) if p.arena_bytes <= most]
        if found:  # else the search has found no placement in that size
            return min((plan, *found), key=lambda p: schedule_cost(rows, p, costs))
    return plan


def _plans_in(size: int, plan_in: PlanIn, costs: Sequence[StreamCosts]) -> list[Schedule]:
    """The plan of least cost, and one of fewer maps that lie over others, which may fit where the first does not."""
    return [plan_in(size, way) for way in (costs, with_rows_of_pointwise(costs))]


def within_cost(
    rows: RowGraph,
    plan: Schedule,
    layers: Schedule | None,
    plan_in: PlanIn,
    costs: Sequence[StreamCosts],
) -> Schedule:
    """The plan of fewest bytes whose streams cost at most `MOST_COST`.

    Args:
        rows: RowGraph.
        plan: Schedule. Of lowest peak.
        layers: Schedule or None. The one without streams, where there is one: what is left if all streams cost more.
        plan_in: function. From bytes and costs to the plan of least cost that the search finds in about as many.
        costs: sequence of StreamCosts. Those to go by.

    Returns:
        Schedule. With a note where it takes more bytes than the lowest peak. Without `layers`, the plan of least cost
        where none is within `MOST_COST`.
    """
    goal = int(MOST_COST * SHARE)
    layer_bytes = layers.arena_bytes if layers is not None else least_layer_bytes(rows)

    def rank(cost: int, size: int) -> tuple[int, int]:
        return max(cost, goal), size  # what is below the goal is as good as the goal

    least = schedule_cost(rows, plan, costs)
    best, cost = plan, least
    for size in _sizes(plan.arena_bytes, layer_bytes):
        if cost <= goal and size >= best.arena_bytes:
            break
        for found in _plans_in(size, plan_in, costs):
            price = schedule_cost(rows, found, costs)
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
        f"about {100 * cost / SHARE:.1f} % more instructions than layers instead of {100 * least / SHARE:.1f} % "
        "(modelled)"
    )
    return replace(best, notes=(*best.notes, note))


def _sizes(least: int, most: int) -> list[int]:
    """Sizes of arena in equal ratios."""
    growth = max(most / max(least, 1), 1.0)
    return sorted({int(least * growth ** (n / SIZES)) for n in range(SIZES + 1)})
