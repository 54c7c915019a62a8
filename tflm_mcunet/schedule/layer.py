"""The plan that runs one whole operator after the other: best order, in-place sharing, and offsets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tflm_mcunet import ops
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.allocate import EFFORT, Placement, place
from tflm_mcunet.schedule.dependencies import predecessors, topological_order
from tflm_mcunet.schedule.in_place import Whitelist
from tflm_mcunet.schedule.lifetimes import REUSE, Lifetimes, Scratch, lifetimes, live_bytes
from tflm_mcunet.schedule.reorder import BUDGET
from tflm_mcunet.schedule.reorder import reorder as smallest_peak
from tflm_mcunet.schedule.schedule import Schedule, Stage, aligned


def plan_layer(
    graph: Graph,
    *,
    in_place: Whitelist | None,
    reorder: bool = True,
    scratch: Scratch | None = None,
    overwrite_inputs: bool = False,
    variables: bool = True,
    budget: int = BUDGET,
    effort: int = EFFORT,
) -> Schedule:
    """Plan a graph for execution operator by operator in the smallest arena that can be found.

    The model's own order stays unless another one gives a smaller arena. Where the smallest possible arena of an order
    is not reached with all sharing in place, sharing is varied too: which operand of an ADD is overwritten, and
    whether tensors share that need not.

    Args:
        graph: Graph.
        in_place: the operand positions whose bytes an output may take, by operator type or by (Graph, Op); None
            for none. For PAD see `in_place.pad_shift`.
        reorder: bool. Whether the order may change.
        scratch: callable or None. (Graph, Op) -> bytes of each scratch buffer of the operator's kernel.
        overwrite_inputs: bool. Whether graph inputs may be overwritten before the inference ends.
        variables: bool. Whether variable tensors lie in this arena.
        budget: int. Operators that the search for the order may try.
        effort: int. Placements of one buffer that may be tried beyond the greedy ones.

    Returns:
        Schedule of one "layer" stage per operator; its graph has the operators in execution order, its tensors as
        they were.

    Raises:
        ModelError: the operators form a cycle, or the tensors contradict each other.

    Example:
        >>> from tflm_mcunet.builder import GraphBuilder
        >>> b = GraphBuilder()
        >>> x = b.conv_2d(b.input((1, 8, 8, 4)), 8)
        >>> y = b.binary("ADD", x, b.depthwise_conv_2d(x))
        >>> [plan_layer(b.finish([y]), in_place=w).arena_bytes for w in (None, {"ADD": (0, 1)})]
        [1536, 1024]
    """
    own = topological_order(graph, predecessors(graph))
    options: dict[str, Any] = {
        "scratch": scratch,
        "overwrite_inputs": overwrite_inputs,
        "variables": variables,
    }
    notes = []
    if own != tuple(range(len(graph.ops))):
        notes.append(
            "the operators stood in an order that cannot be executed; they were sorted by their dependencies"
        )
    order = own
    if reorder:
        found = smallest_peak(graph, in_place=in_place, budget=budget, **options)
        order = found.order
        if found.gap_bytes:
            notes.append(
                f"order: the search stopped after {found.evaluations} tries at a peak of {found.peak_bytes} bytes; "
                f"no order is below {found.lower_bound_bytes}"
            )
    best = _placed(graph, order, in_place, options, effort)
    # The own order's peak bounds its arena: it is placed too only where that could be as good.
    if order != own and best[1].arena_bytes >= found.before_bytes:
        kept = _placed(graph, own, in_place, options, effort)
        if kept[1].arena_bytes <= best[1].arena_bytes:
            notes.append(
                f"order kept: another one has a smaller peak ({found.peak_bytes} instead of {found.before_bytes} "
                f"bytes), but needs an arena of {best[1].arena_bytes} bytes"
            )
            best, order = kept, own
    lives, placement = best
    if placement.arena_bytes > placement.lower_bound_bytes:
        notes.append(
            f"placement: {placement.arena_bytes} bytes; for this order no arena is below "
            f"{placement.lower_bound_bytes} bytes, and none between was found"
        )
    planned = graph.with_ops([graph.ops[i] for i in order])
    live = live_bytes(lives.buffers, lives.steps)
    return Schedule(
        graph=planned,
        stages=tuple(
            Stage("layer", (step,), live[step], macs=ops.macs(planned, op))
            for step, op in enumerate(planned.ops)
        ),
        buffers=placement.buffers,
        arena_bytes=placement.arena_bytes,
        lower_bound_bytes=placement.lower_bound_bytes,
        notes=tuple(notes),
        shared={tensor: lives.buffers[b].tensor for tensor, b in lives.shared.items()},
    )


def _placed(
    graph: Graph, order: Sequence[int], whitelist: Whitelist | None, options: dict[str, Any], effort: int
) -> tuple[Lifetimes, Placement]:
    """The lifetimes and the placement with the smallest arena for one order."""
    best: tuple[Lifetimes, Placement] | None = None
    for lives in _sharings(graph, order, whitelist, options):
        quick = place(lives.buffers, nested=lives.nested, effort=0)
        if best is None or quick.arena_bytes < best[1].arena_bytes:
            best = lives, quick
        # The first has the smallest peak: no other way to share has a lower bound below its.
        if best[1].arena_bytes <= max(live_bytes(best[0].buffers, best[0].steps), default=0):
            return best
    assert best is not None
    return best[0], place(best[0].buffers, nested=best[0].nested, effort=effort)


def _sharings(
    graph: Graph, order: Sequence[int], whitelist: Whitelist | None, options: dict[str, Any]
) -> Iterator[Lifetimes]:
    """Ways to share: everything possible; with the other choice of operand; only what the peak demands; nothing."""
    lives = lifetimes(graph, order, in_place=whitelist, reuse=REUSE[0], **options)
    yield lives
    if lives.shared or lives.nested:
        yield lifetimes(graph, order, in_place=whitelist, reuse=REUSE[1], **options)
        live = live_bytes(lives.buffers, lives.steps)
        step_of = {t: step for step, i in enumerate(order) for t in graph.ops[i].outputs}
        taken = {**lives.shared, **{lives.buffers[n.outer].tensor: n.inner for n in lives.nested}}
        needless = [
            t
            for t, b in taken.items()
            if live[step_of[t]] + aligned(lives.buffers[b].size_bytes) <= max(live)
        ]
        if needless:
            yield lifetimes(graph, order, in_place=whitelist, apart=needless, **options)
        yield lifetimes(graph, order, **options)
