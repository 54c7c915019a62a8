"""The Schedule: what runs in which order, in which stages, and where every buffer lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.stream import PatchPlan, StreamPlan

#: Offsets of buffers are multiples of this, as in TFLite Micro (`MicroArenaBufferAlignment`).
ALIGNMENT = 16


def aligned(size_bytes: int, alignment: int = ALIGNMENT) -> int:
    """`size_bytes` rounded up to a multiple of `alignment`."""
    return -(-size_bytes // alignment) * alignment


@dataclass(frozen=True)
class Buffer:
    """Bytes of the arena that hold one tensor, or the scratch of one stage, over a span of steps.

    Args:
        tensor: int. Index in the graph; -1 for scratch.
        size_bytes: int. Without alignment.
        first_step, last_step: int. The first and last stage (inclusive) at which the bytes are in use.
        offset: int. From the start of the arena; -1 until placed.
        rows: int. Rows held by a rolling buffer; 0 for a whole map or scratch.
    """

    tensor: int
    size_bytes: int
    first_step: int
    last_step: int
    offset: int = -1
    rows: int = 0

    def overlaps_in_time(self, other: Buffer) -> bool:
        return self.first_step <= other.last_step and other.first_step <= self.last_step


@dataclass(frozen=True)
class Stage:
    """A run of operators executed together.

    Args:
        kind: str. "layer", "stream" or "patch".
        ops: tuple of int. Operator indices of the Schedule's graph, in order.
        peak_bytes: int. Arena bytes in use while the stage runs.
        plan: StreamPlan, PatchPlan or None. How a "stream" or "patch" stage executes.
        macs: int. Multiply-accumulates of the stage, recomputed ones included.
    """

    kind: str
    ops: tuple[int, ...]
    peak_bytes: int
    plan: StreamPlan | PatchPlan | None = None
    macs: int = 0


@dataclass(frozen=True)
class Schedule:
    """A plan of execution under a memory; immutable, and everything downstream is a view of it.

    Args:
        graph: Graph. Its operators stand in execution order.
        stages: tuple of Stage. They cover every operator once, in order.
        buffers: tuple of Buffer, placed.
        arena_bytes: int. The end of the highest buffer, aligned.
        lower_bound_bytes: int. No placement for this order can be smaller.
        notes: tuple of str. What was not done, and why.
        shared: mapping. Tensor -> the tensor whose buffer holds its bytes, for tensors that are computed in place.
    """

    graph: Graph
    stages: tuple[Stage, ...]
    buffers: tuple[Buffer, ...]
    arena_bytes: int
    lower_bound_bytes: int = 0
    notes: tuple[str, ...] = field(default=())
    shared: Mapping[int, int] = field(default_factory=dict)

    @cached_property
    def offsets(self) -> dict[int, int]:
        """Tensor index -> byte offset in the arena."""
        own = {b.tensor: b.offset for b in self.buffers if b.tensor >= 0}
        return own | {tensor: own[holder] for tensor, holder in self.shared.items()}

    @property
    def kind(self) -> str:
        """The kind of the stages where they agree, else "mixed"."""
        kinds = {stage.kind for stage in self.stages}
        return kinds.pop() if len(kinds) == 1 else "mixed"
