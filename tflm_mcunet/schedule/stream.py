"""What the engine needs to execute a stage as rows: plain data, the contract between planner, C++ and simulator.

A `StreamPlan` is executed by counters alone, without a heap and without a list of steps:

* Every *operator* (`RowOperator`) counts the output rows that it has produced. Its next row y can be computed when, for
  each operand, row min(last row of the window, height - 1) exists, and, where `hold` names a tensor, row y of that
  tensor exists. Rows of a window outside [0, height) are padding (nullptr): a convolution skips them or reads the
  zero point. The `Window` is the effective one: a PAD before a convolution is already part of `pad_top`, `pad_left`.
* *Gates*: an operand whose window has stride_h 0 has one row, which every output row reads. It is whole before the
  stage begins.
* *Order*: scan the operators from the last to the first, run one row of the first that can, restart from the last. If
  none can and rows of `fed` are missing, take one row from the caller into its place, restart. Else the stage is done.
  There is no test for space: the plan was made for exactly this order.
* *Accumulators*: an operator with `accumulator >= 0` (global pool, mean over rows and columns) takes one step an input
  row, as soon as the row exists: zero the int32 sums at that offset at the first, add every row, and requantise into
  output row 0 at the last. Output row 0 may lie at the accumulator's offset: sums are read before they are overwritten
  if channels are finished in ascending order.
* *Storage* (`RowStorage`): where row y of a tensor lies, from the start of the arena:
  `row_offsets[y]` if that tuple is not empty, else
  `offset + ((y * step + phase) mod slots) * pitch_bytes` (mod of floored division: phase may be negative).
  A whole map is the ring with slots = height, step = 1, phase = 0, pitch = row_bytes, dense; planned with
  `spread_maps`, the pitch of maps between stages may be larger.
* *In place*: an output row y either lies at exactly the address of the first row of the window (row
  y·stride_h - pad_top) of one of the operands that `in_place` lists, or is apart from all rows that the operator reads;
  which of it may change from row to row, so the kernel compares pointers. DEPTHWISE_CONV_2D with a window wider than
  one column then needs a delay line; a 1x1 CONV_2D (whose output pixel is never longer than its input pixel) must have
  read a pixel before it writes that pixel, ascending; elementwise operators as usual. No other overlap between a row
  that is read and the row that is written ever occurs, and no convolution's output begins where the first row of its
  window does without being in place (in a pass that row may begin with columns that it does not read).
* Several storages may share bytes; the order makes it legal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tflm_mcunet.ops import Window


@dataclass(frozen=True)
class RowStorage:
    """Where the rows of one tensor lie while a stage runs.

    Args:
        tensor: int. Index in the graph.
        height: int. Rows of the tensor.
        row_bytes: int. Bytes of a row, without alignment.
        offset: int. Of slot 0, from the start of the arena; unused where `row_offsets` is given.
        pitch_bytes: int. From slot to slot.
        slots: int. Rows held; `height` for a whole map.
        step, phase: int. Row y lies in slot (y·step + phase) mod slots.
        row_offsets: tuple of int. The offset of each row, or empty.
        role: str. "input" (a whole map from before the stage), "output" (a whole map for after it), "fed" (rows from
            the caller) or "inner".
        first_column, columns: int. In a pass of a `PatchPlan`, the columns of the tensor that the pass holds (rows
            inside the stage and fed rows: `row_bytes` are the bytes of these columns alone, and `row_offset` is that of
            the first of them) or reads and writes (whole maps: rows are whole, `row_offset` is that of column 0).
            0 columns: all.
        first_row, rows: int. In a pass over some rows, those that the pass computes of a tensor that it makes; rows are
            numbered as in the whole tensor, and `row_offsets` begins with the first of them. 0 rows: all.
    """

    tensor: int
    height: int
    row_bytes: int
    offset: int
    pitch_bytes: int
    slots: int
    step: int = 1
    phase: int = 0
    row_offsets: tuple[int, ...] = ()
    role: str = "inner"
    first_column: int = 0
    columns: int = 0
    first_row: int = 0
    rows: int = 0

    @property
    def end_row(self) -> int:
        """One past the last row that is computed."""
        return self.first_row + (self.rows or self.height)

    def row_offset(self, y: int) -> int:
        """The offset of row `y` from the start of the arena."""
        if self.row_offsets:
            return self.row_offsets[y - self.first_row]
        return self.offset + (y * self.step + self.phase) % self.slots * self.pitch_bytes


@dataclass(frozen=True)
class RowOperator:
    """One operator of a stage.

    Args:
        op: int. Index in the graph.
        inputs: tuple of int. The computed tensors whose rows it reads, without folded padding.
        windows: tuple of Window. The effective window on each input.
        output: int. The tensor whose rows it writes.
        accumulator: int. Offset of 4·row_bytes(output) bytes of int32 sums, or -1.
        in_place: tuple of int. Positions in `inputs` of the operands that some output row overwrites.
        hold: int. A tensor of the stage whose row y must exist before row y is computed, or -1.
    """

    op: int
    inputs: tuple[int, ...]
    windows: tuple[Window, ...]
    output: int
    accumulator: int = -1
    in_place: tuple[int, ...] = ()
    hold: int = -1


@dataclass(frozen=True)
class PatchPlan:
    """A stage that is executed in passes, each on some columns, or some rows and columns, of every tensor.

    Args:
        passes: tuple of StreamPlan. In order; each runs like a stage of its own on the same operators: output column x
            (of those that its storage has) reads columns x·stride_w - pad_left + k·dilation_w of the tensor, those
            outside [0, width) being padding; all others are held. `fed` rows are fed anew for each pass, of which it
            takes the columns that it holds. Where a pass computes some rows only, an operator's count begins at
            `first_row` of its output and ends at `end_row`. A depthwise output row may start exactly at the first row
            of its window although that row begins at an earlier column: pixel i is written after pixels 0 to i of the
            row were read.
        macs: int. Of all passes.
        mac_factor: float. `macs` as a factor of what the operators need without overlap.
    """

    passes: tuple[StreamPlan, ...]
    macs: int
    mac_factor: float

    @property
    def end_bytes(self) -> int:
        """One past the last byte of the arena that the stage touches."""
        return max(p.end_bytes for p in self.passes)


@dataclass(frozen=True)
class StreamPlan:
    """A stage whose tensors flow as rows.

    Args:
        operators: tuple of RowOperator, in execution order.
        storages: tuple of RowStorage. One for each tensor of the stage.
        fed: int. The tensor whose rows the caller feeds, or -1.
        layout: str. "rings" (every storage is a ring or a map) or "rows" (some list their row offsets).
        steps: int. Row steps of one inference, fed rows included.
        slack_bytes: int. How far the output map must start below the input map so that it overwrites only rows that
            are consumed; negative where it could start above.
        scratch_bytes: int. The most bytes that rows held inside the stage (neither input nor output map) take.
    """

    operators: tuple[RowOperator, ...]
    storages: tuple[RowStorage, ...]
    fed: int = -1
    layout: str = "rings"
    steps: int = 0
    slack_bytes: int = 0
    scratch_bytes: int = 0

    @cached_property
    def storage_of(self) -> dict[int, RowStorage]:
        """Tensor -> its storage."""
        return {s.tensor: s for s in self.storages}

    @property
    def end_bytes(self) -> int:
        """One past the last byte of the arena that the stage touches."""
        rows = [s.row_offset(y) + s.row_bytes for s in self.storages for y in range(s.first_row, s.end_row)]
        sums = [
            o.accumulator + 4 * self.storage_of[o.output].row_bytes
            for o in self.operators
            if o.accumulator >= 0
        ]
        return max(rows + sums, default=0)
