"""The operator order with the smallest peak, over all orders that give the same result."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.dependencies import predecessors, topological_order
from tflm_mcunet.schedule.in_place import Whitelist
from tflm_mcunet.schedule.lifetimes import Scratch
from tflm_mcunet.schedule.order_exact import best_order
from tflm_mcunet.schedule.order_search import (
    Found,
    Segment,
    beam_order,
    depth_first_order,
    evaluation_cost,
)
from tflm_mcunet.schedule.peak import peak_model, step_bytes
from tflm_mcunet.schedule.segments import cuts, segment

#: Operators tried by default before the search gives up; about a second of Python.
BUDGET = 200_000

#: Widths of the beam searches that look for a good order where the exact search gave up.
BEAM_WIDTHS = (1, 4, 16, 64)


@dataclass(frozen=True)
class Reordering:
    """The best order found.

    Args:
        order: tuple of int. Operator indices of the graph in execution order.
        before_bytes: int. Peak of the model's own order.
        peak_bytes: int. Peak of `order`: the sum of the aligned live sizes at its worst step.
        lower_bound_bytes: int. No order has a smaller peak; equal to `peak_bytes` where the search finished.
        evaluations: int. What was used of the budget.
    """

    order: tuple[int, ...]
    before_bytes: int
    peak_bytes: int
    lower_bound_bytes: int
    evaluations: int

    @property
    def gap_bytes(self) -> int:
        """How far the peak may be from the optimum; 0 where it is proven to be the smallest."""
        return self.peak_bytes - self.lower_bound_bytes


def reorder(
    graph: Graph,
    *,
    in_place: Whitelist | None = None,
    scratch: Scratch | None = None,
    overwrite_inputs: bool = False,
    variables: bool = True,
    budget: int = BUDGET,
) -> Reordering:
    """Find the order with the smallest peak; the model's own order is kept wherever it is as good.

    The graph is cut where every order passes, and each segment that decides the peak is searched exactly (see
    `order_exact`). The peak is that of `lifetimes` with the same arguments. The result depends on the arguments
    only, not on the machine.

    Args:
        graph: Graph.
        in_place, scratch, overwrite_inputs, variables: as in `lifetimes`.
        budget: int. Operators to try at most; beyond it the best order found is returned with the gap.

    Raises:
        ModelError: the operators form a cycle, or the tensors contradict each other.

    Example: two branches whose wide halves should not wait for each other.
        >>> from tflm_mcunet.builder import GraphBuilder
        >>> b = GraphBuilder()
        >>> x = b.input((1, 8, 8, 4))
        >>> wide = [b.conv_2d(x, 32), b.conv_2d(x, 32)]
        >>> narrow = [b.conv_2d(w, 4, stride=(2, 2)) for w in wide]
        >>> found = reorder(b.finish([b.concatenation(narrow)]))
        >>> found.order, found.before_bytes, found.peak_bytes
        ((0, 2, 1, 3, 4), 4352, 2368)
    """
    before = predecessors(graph)
    own = topological_order(graph, before)
    model = peak_model(
        graph, in_place=in_place, scratch=scratch, overwrite_inputs=overwrite_inputs, variables=variables
    )
    during, between = step_bytes(model, own)
    points, position = cuts(own, before), {op: p for p, op in enumerate(own)}
    peaks = {(a, b): max(during[a:b]) for a, b in pairwise(points)}
    # A step that every order takes, and every segment's floor, bounds the peak whatever the others do.
    floor = max((peak for (a, b), peak in peaks.items() if b - a == 1), default=0)
    floor = max(floor, between[0] if during else between[0] + model.unread_bytes)
    segments: dict[tuple[int, int], Segment] = {}
    for (a, b), peak in peaks.items():
        if b - a > 1 and peak > floor:
            segments[a, b] = segment(model, position, before, own[a:b], between[a])
            floor = max(floor, segments[a, b].floor_bytes)
    reached, bound, used = floor, floor, 0
    orders: dict[tuple[int, int], tuple[int, ...]] = {}
    for (a, b), problem in sorted(segments.items(), key=lambda item: (-peaks[item[0]], item[0])):
        if peaks[a, b] <= reached:
            break
        found = _search(problem, reached, peaks[a, b], budget - used)
        used += found.evaluations
        if found.order is not None:
            orders[a, b] = tuple(own[a + i] for i in found.order)
        reached, bound = max(reached, found.peak_bytes), max(bound, found.bound_bytes)
    order: list[int] = []
    for a, b in pairwise(points):
        order += own[a:b] if peaks[a, b] <= reached else orders[a, b]
    return Reordering(tuple(order), max(during, default=floor), reached, bound, used)


def _search(problem: Segment, floor: int, own_peak: int, budget: int) -> Found:
    """The exact search with three quarters of the budget; where it gives up, depth first, and beams with the rest."""
    exact = best_order(problem, floor, own_peak, budget - budget // 4)
    best, used = exact, exact.evaluations
    if best.peak_bytes > exact.bound_bytes:
        deep = depth_first_order(problem, best.peak_bytes)
        used += deep.evaluations
        best = best if deep.order is None else deep
    least = len(problem.before) * evaluation_cost(problem)
    for width in BEAM_WIDTHS:
        if best.peak_bytes <= exact.bound_bytes or budget - used < least:
            break
        beam = beam_order(problem, best.peak_bytes, width, budget - used)
        used += beam.evaluations
        best = best if beam.order is None else beam
    return Found(best.order, best.peak_bytes, exact.bound_bytes, used)
