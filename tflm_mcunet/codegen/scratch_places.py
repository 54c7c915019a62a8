"""Where a kernel's scratch lies: in bytes of the arena that its stage leaves free, else behind what it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tflm_mcunet.schedule.schedule import Schedule, aligned
from tflm_mcunet.schedule.stream import PatchPlan, StreamPlan

#: (first byte, one past the last) in the arena.
Span = tuple[int, int]


def taken_spans(schedule: Schedule, number: int) -> list[Span]:
    """What is in use while a stage runs: the maps that are live, and its own rows and sums.

    Args:
        schedule: Schedule.
        number: int. Of the stage.
    """
    spans = [
        (b.offset, b.offset + b.size_bytes) for b in schedule.buffers if b.first_step <= number <= b.last_step
    ]
    plan = schedule.stages[number].plan
    if plan is not None:
        for part in plan.passes if isinstance(plan, PatchPlan) else (plan,):
            spans += _stream_spans(part)
    return spans


def first_free(taken: Sequence[Span], size_bytes: int) -> int:
    """The lowest aligned offset at which so many bytes are free.

    Example:
        >>> first_free([(40, 50), (0, 10)], 16), first_free([(40, 50), (0, 10)], 32)
        (16, 64)
    """
    at = 0
    for begin, end in sorted(taken):
        if begin - at >= size_bytes:
            break
        at = max(at, aligned(end))
    return at


def _stream_spans(plan: StreamPlan) -> Iterator[Span]:
    for storage in plan.storages:
        for y in range(storage.first_row, storage.end_row):
            yield storage.row_offset(y), storage.row_offset(y) + storage.row_bytes
    for operator in plan.operators:
        if operator.accumulator >= 0:
            row_bytes = plan.storage_of[operator.output].row_bytes
            yield operator.accumulator, operator.accumulator + 4 * row_bytes
