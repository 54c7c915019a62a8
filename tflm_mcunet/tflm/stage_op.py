"""Stages of a Schedule as the options and operands of the operator TFLM_MCUNET_STAGE.

The layout of the options is told in `src/tflm/stage_options.h`; every number is a little-endian 32-bit word.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tflm_mcunet.codegen.program import Rows, Step
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.schedule import aligned
from tflm_mcunet.tflm.stage_kernels import Pointer, StageRoutine, params_parts, stage_kernel

#: The operator's name in a model.
STAGE = "TFLM_MCUNET_STAGE"

MAGIC, VERSION = 0x5355434D, 2
HEADER_WORDS, MAP_WORDS, STAGE_WORDS, TENSOR_WORDS, OP_WORDS, POINTER_WORDS = 16, 2, 4, 7, 12, 3
NONE, ROUTINE, WORDS_OF = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_NO_TENSOR = 0xFFFF
_CHECKED = 4  # Words before the part that the checksum covers.


class Tables:
    """The constants that no tensor of the model holds, in one array that all stages share."""

    def __init__(self, tensor: int) -> None:
        self.tensor = tensor
        self.data = b""
        self._offsets: dict[bytes, int] = {}

    def add(self, raw: bytes) -> int:
        """The offset of these bytes, a multiple of 4."""
        if raw not in self._offsets:
            self._offsets[raw] = len(self.data)
            self.data += raw + bytes(-len(raw) % 4)
        return self._offsets[raw]


@dataclass(frozen=True)
class Run:
    """What the engine runs to its end before the next begins.

    Args:
        steps: tuple of Step, as `build_program` makes them.
        row_bytes: mapping. Tensor -> bytes of one of its rows, where not the whole row is held.
        peak_bytes: int. One past the last byte that is in use meanwhile, also by maps that only lie there: the scratch
            that steps share begins there.
    """

    steps: tuple[Step, ...]
    row_bytes: Mapping[int, int]
    peak_bytes: int


@dataclass(frozen=True)
class PackedStage:
    """One operator.

    Args:
        inputs, outputs: tuple of int. The maps that it reads and writes, tensors of the graph.
        constants: tuple of int. Tensors of the graph, or of the tables.
        workspace_bytes: int. One past the last byte of the arena that it touches.
        options: bytes.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    constants: tuple[int, ...]
    workspace_bytes: int
    options: bytes = field(repr=False)


def pack_stage(
    graph: Graph,
    runs: Sequence[Run],
    tensors: Sequence[Rows],
    offsets: Mapping[int, int],
    needed: Collection[int],
    tables: Tables,
) -> PackedStage:
    """The operator that runs one or several stages.

    Args:
        graph: Graph.
        runs: sequence of Run.
        tensors: sequence of Rows. What the steps' operands index.
        offsets: mapping. Tensor -> offset in the arena, for whole maps.
        needed: collection of int. The tensors that are read elsewhere.
        tables: Tables. Takes the derived constants.

    Raises:
        UnsupportedOpError: the operator cannot run the stages.
    """
    steps = [step for run in runs for step in run.steps]
    written = {tensors[s.tensors[-1]].tensor for s in steps}
    used = list(dict.fromkeys(t for s in steps for t in s.tensors))
    maps = dict.fromkeys(tensors[t].tensor for t in used if not tensors[t].is_constant)
    inputs = tuple(t for t in maps if t not in written)
    outputs = tuple(t for t in maps if t in written and t in needed)
    row_bytes = _row_bytes(runs, tensors)
    ends = [offsets[t] + graph.tensors[t].size_bytes for t in (*inputs, *outputs)]
    shared = [aligned(max(_end_bytes(run.steps, tensors, row_bytes), run.peak_bytes)) for run in runs]
    for run, place in zip(runs, shared, strict=True):
        scratch_bytes = max(s.scratch_bytes for s in run.steps)
        ends.append(place + scratch_bytes if scratch_bytes else _end_bytes(run.steps, tensors, row_bytes))
    workspace_bytes = max(ends)

    sections = _Sections(graph, tables, used)
    for number in used:
        sections.add_tensor(tensors[number], row_bytes[number])
    bases = len(sections.constants)
    for run, place in zip(runs, shared, strict=True):
        for step in run.steps:
            scratch = place if step.scratch_bytes else step.scratch_offset
            # Whoever needs none is given an offset inside the workspace all the same.
            sections.add_step(step, scratch if scratch <= workspace_bytes else 0)
    map_words = [n for t in (*inputs, *outputs) for n in (offsets[t], graph.tensors[t].size_bytes)]
    counts = [
        workspace_bytes, len(inputs), len(outputs), len(sections.constants), bases, len(used), len(runs),
        *sections.counts,
    ]  # fmt: skip
    head = _bytes([*counts, *map_words, *_stage_words(runs)])
    return PackedStage(
        inputs, outputs, tuple(sections.constants), workspace_bytes, sealed(head + sections.data)
    )


def _stage_words(runs: Sequence[Run]) -> list[int]:
    """The records of stages: first operator, how many, one image, nothing fed."""
    words, first = [], 0
    for run in runs:
        words += [_halves(first, len(run.steps)), _halves(1, _NO_TENSOR), 0, 0]
        first += len(run.steps)
    return words


class _Sections:
    """The sections of the options that grow with tensors and operators."""

    def __init__(self, graph: Graph, tables: Tables, used: Sequence[int]) -> None:
        self.graph = graph
        self.tables = tables
        self.used = used
        self.constants: dict[int, None] = {}
        self.tensors: list[int] = []
        self.ops: list[int] = []
        self.operands: list[int] = []
        self.offsets: list[int] = []
        self.pointers: list[int] = []
        self.params = b""

    @property
    def counts(self) -> tuple[int, ...]:
        """Of operators, operands, offsets, pointers and words: the end of the header."""
        return (
            len(self.ops) // OP_WORDS, len(self.operands), len(self.offsets),
            len(self.pointers) // POINTER_WORDS, len(self.params) // 4,
        )  # fmt: skip

    @property
    def data(self) -> bytes:
        """The sections from the tensors on."""
        halves = [*self.operands, *([0] * (len(self.operands) % 2))]
        first, last = _bytes([*self.tensors, *self.ops]), _bytes([*self.offsets, *self.pointers])
        return first + np.array(halves, "<u2").tobytes() + last + self.params

    def constant(self, tensor: int) -> int:
        """The number of a constant of the stage."""
        self.constants.setdefault(tensor)
        return list(self.constants).index(tensor)

    def add_tensor(self, place: Rows, row_bytes: int) -> None:
        self.tensors += [
            place.offset,
            place.pitch_bytes,
            row_bytes,
            _halves(place.height, place.height if place.row_offsets else place.slots),
            _halves(place.step % 65536, place.phase),
            1 + self.constant(place.tensor) if place.is_constant else 0,
            self.listed(place.row_offsets),
        ]

    def add_step(self, step: Step, scratch: int) -> None:
        call, window, kernel = step.call, step.call.window, stage_kernel(step.call)
        self.ops += [
            kernel.number | kernel.pointers << 16 | kernel.is_sum << 23 | kernel.words << 24,
            _halves(len(call.inputs) | len(call.outputs) << 8, len(self.operands)),
            _halves(window.kernel_h, window.stride_h),
            _halves(window.dilation_h, window.pad_top % 65536),
            *step.columns,
            scratch,
            _halves(
                call.outputs[0].row_bytes if call.is_sum else step.first_row,
                _NO_TENSOR if step.hold < 0 else self.used.index(step.hold),
            ),
            len(self.pointers) // POINTER_WORDS,
            len(self.params) // 4,
            self.listed(step.shifts),
        ]
        self.operands += [self.used.index(t) for t in step.tensors]
        pointers, words = params_parts(call)
        self.params += words
        for pointer in pointers:
            self.pointers += self.pointer(step.op, pointer)

    def listed(self, numbers: Sequence[int]) -> int:
        """Where a list of offsets begins, or `NONE` for an empty one."""
        first = len(self.offsets) if numbers else NONE
        self.offsets += numbers
        return first

    def pointer(self, op: int, pointer: Pointer) -> list[int]:
        """A pointer's record: an array lies in the model's own tensor where that holds it."""
        if pointer is None:
            return [NONE, 0, 0]
        if isinstance(pointer, StageRoutine):
            return [ROUTINE, pointer.number, 0]
        if isinstance(pointer, bytes):
            first = len(self.params) // 4
            self.params += pointer
            return [WORDS_OF, first, len(pointer) // 4]
        raw = np.ascontiguousarray(pointer).tobytes()
        inputs = self.graph.ops[op].inputs
        own = next((t for t in inputs if t >= 0 and self.graph.tensors[t].data == raw), -1)
        offset = 0 if own >= 0 else self.tables.add(raw)
        return [self.constant(own if own >= 0 else self.tables.tensor), offset, len(raw)]


def _bytes(words: Sequence[int]) -> bytes:
    return np.array(words, np.int64).astype("<u4").tobytes()


def sealed(checked: bytes) -> bytes:
    """Options from what follows their checksum, FNV-1a by words."""
    checksum = 2166136261
    for word in np.frombuffer(checked, "<u4").tolist():
        checksum = (checksum ^ word) * 16777619 % (1 << 32)
    words = [MAGIC, VERSION, _CHECKED + len(checked) // 4, checksum]
    return np.array(words, "<u4").tobytes() + checked


def _row_bytes(runs: Sequence[Run], tensors: Sequence[Rows]) -> dict[int, int]:
    """Bytes of a row of each tensor, as far as it is held."""
    found: dict[int, int] = {}
    for run in runs:
        for step in run.steps:
            views = (*step.call.inputs, *step.call.outputs)
            if step.call.batch != 1:
                raise UnsupportedOpError("a stage takes one image at a time")
            for number, view in zip(step.tensors, views, strict=True):
                held = run.row_bytes.get(tensors[number].tensor, view.row_bytes)
                found[number] = max(found.get(number, 0), held)
    return found


def _end_bytes(steps: Sequence[Step], tensors: Sequence[Rows], row_bytes: Mapping[int, int]) -> int:
    """One past the last byte of rows, sums, and scratch inside the arena."""
    ends = []
    for number in {t for s in steps for t in s.tensors}:
        place = tensors[number]
        if not place.is_constant:
            last = max(place.row_offsets, default=place.offset + (place.slots - 1) * place.pitch_bytes)
            ends.append(last + row_bytes[number])
    for step in steps:
        if not step.scratch_bytes:
            sums = 4 * step.call.outputs[0].row_bytes if step.call.is_sum else step.call.scratch_bytes
            ends.append(step.scratch_offset + sums if sums else 0)
    return max(ends)


def _halves(low: int, high: int) -> int:
    if not (0 <= low < 65536 and 0 <= high < 65536):
        raise UnsupportedOpError(f"a stage counts to 65535, not {max(low, high)}")
    return low | high << 16
