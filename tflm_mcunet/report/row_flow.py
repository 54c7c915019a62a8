"""The rows of a streamed stage as they come and go: which bytes each row takes, from which row step to which."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tflm_mcunet.schedule.rows import RowNode
from tflm_mcunet.schedule.stream import StreamPlan
from tflm_mcunet.schedule.stream_order import RowOrder, row_order

#: (first row step, step after the last, byte offset, bytes) of one row.
Piece = tuple[int, int, int, int]


def stage_order(plan: StreamPlan, kept: Collection[int]) -> RowOrder:
    """The order in which the engine's counters run a stage.

    Args:
        plan: StreamPlan.
        kept: the tensors that something after the stage reads.
    """
    nodes = [
        RowNode(o.op, (o.op,), o.inputs, o.windows, (o.output,), streams=True, accumulate=o.accumulator >= 0)
        for o in plan.operators
    ]
    shape = {s.tensor: (s.height, s.row_bytes) for s in plan.storages}
    holds = {i: o.hold for i, o in enumerate(plan.operators) if o.hold >= 0}
    return row_order(nodes, shape, plan.fed, frozenset(kept), holds)


@dataclass(frozen=True)
class Flow:
    """What a streamed stage holds over its row steps.

    Args:
        steps: int. Row steps of the stage.
        rows: mapping. Tensor -> one piece for each row; a row that is there before the stage starts at step 0, one
            that something reads later stays to the end.
        sums: mapping. Operator -> the piece of its int32 sums.
    """

    steps: int
    rows: Mapping[int, list[Piece]]
    sums: Mapping[int, Piece]


def row_flow(plan: StreamPlan, kept: Collection[int]) -> Flow:
    """The pieces of a stage; `kept` are the tensors that something after it reads."""
    order = stage_order(plan, kept)
    count = len(order.steps)
    rows: dict[int, list[Piece]] = {}
    for storage in plan.storages:
        birth, death = order.birth[storage.tensor], order.death[storage.tensor]
        rows[storage.tensor] = [
            (max(birth[y], 0), min(death[y] + 1, count), storage.row_offset(y), storage.row_bytes)
            for y in range(storage.height)
        ]
    sums = {}
    for i, o in enumerate(plan.operators):
        if o.accumulator >= 0:
            size = 4 * plan.storage_of[o.output].row_bytes
            sums[o.op] = (order.began[i], order.birth[o.output][0] + 1, o.accumulator, size)
    return Flow(count, rows, sums)
