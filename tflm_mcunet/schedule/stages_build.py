"""From placed rows to the plain data of a stage: rings where they fit, row offsets else, every byte checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from tflm_mcunet.ops import Window
from tflm_mcunet.schedule.rows import RowGraph, RowNode, rows_of
from tflm_mcunet.schedule.stages_maps import overlay
from tflm_mcunet.schedule.stages_work import Key, StageWork, size_of
from tflm_mcunet.schedule.stream import PatchPlan, RowOperator, RowStorage, StreamPlan
from tflm_mcunet.schedule.stream_check import collisions
from tflm_mcunet.schedule.stream_pack import Block, Effort, Packer
from tflm_mcunet.schedule.stream_rings import ring_blocks, rings


@dataclass(frozen=True)
class Placement:
    """A placed stage.

    Args:
        end: int. One past its highest byte.
        where: mapping. The offset of each row and of each sum.
        storages: mapping. Tensor -> RowStorage.
        passes: tuple of Placement. Of a "patch" stage, which has nothing else.
    """

    end: int
    where: Mapping[Key, int] = field(default_factory=dict)
    storages: Mapping[int, RowStorage] = field(default_factory=dict)
    passes: tuple[Placement, ...] = ()


def place_rings(work: StageWork, at: Mapping[int, int], goal: int, repairs: int, effort: Effort) -> Placement:
    """Place a stage's rings around its maps: (end, offset of each row, storage of each tensor)."""
    keys, blocks = work.keyed_blocks
    shape = work.rows.shape
    found = rings(work)
    loose_rings = [r for r in found if not r.whole]
    packed = ring_blocks(work, loose_rings)
    sums = [i for i, k in enumerate(keys) if k[0] < 0]
    packed += [Block(blocks[i].size, blocks[i].birth, blocks[i].death) for i in sums]
    count, offsets = len(packed), [-1] * len(packed)
    for i, (tensor, y) in enumerate(keys):
        if tensor in at:
            packed.append(blocks[i])
            offsets.append(at[tensor] + y * work.rows.pitch(tensor))
    packed = [Block(b.size, b.birth, b.death) for b in packed]
    packed += work.fixed_blocks
    offsets += _fixed_places(work, at)
    placed, top = Packer(packed, range(count), work.alignment).best(offsets, goal, repairs, effort)
    storages: dict[int, RowStorage] = {}
    held = _held(work)
    for ring in found:
        base = placed[loose_rings.index(ring)] if not ring.whole else at[next(iter(ring.members))]
        for tensor, (step, phase) in ring.members.items():
            height, width = shape[tensor]
            storages[tensor] = RowStorage(
                tensor,
                height,
                width,
                base,
                ring.pitch,
                ring.slots,
                step,
                phase,
                (),
                _role(work, tensor),
                *held(tensor),
            )
    where = {(t, y): storages[t].row_offset(y) for t in work.order.birth for y in range(shape[t][0])}
    if _starts_falsely(work, storages):
        top = 1 << 60  # row by row, those rows are led elsewhere
    for n, i in enumerate(sums):
        where[keys[i]] = placed[len(loose_rings) + n]
    return Placement(max(top, _maps_end(work, at)), where, storages)


def place_rows(
    work: StageWork,
    at: Mapping[int, int],
    goal: int,
    repairs: int,
    effort: Effort,
    every_start: bool = False,
    starts: int = 99,
) -> Placement:
    """Place a stage's rows one by one around its maps: (end, offset of each row, storage of each tensor)."""
    keys, shape = work.keyed_blocks[0], work.rows.shape
    offsets = [-1] * len(keys)
    for i, (tensor, y) in enumerate(keys):
        if tensor in at:
            offsets[i] = at[tensor] + y * work.rows.pitch(tensor)
    offsets += _fixed_places(work, at)
    end = _maps_end(work, at)
    placed, top = work.row_packer.best(
        offsets, max(goal, end), repairs, effort, every_start, starts, _avoided(work, at)
    )
    where = dict(zip(keys, placed))
    storages, held = {}, _held(work)
    for tensor in work.order.birth:
        height, width = shape[tensor]
        whole = tensor in at
        pitch = work.rows.pitch(tensor) if whole else width
        rows = tuple(at[tensor] + y * pitch if whole else where[tensor, y] for y in range(height))
        dense = whole or height == 1
        storages[tensor] = RowStorage(
            tensor,
            height,
            width,
            rows[0],
            pitch,
            height,
            1,
            0,
            () if dense else rows,
            _role(work, tensor),
            *held(tensor),
        )
    return Placement(max(end, top), where, storages)


def _avoided(work: StageWork, at: Mapping[int, int]) -> dict[int, list[int]]:
    """Row inside a pass -> a byte that it must not cover, the start of a map's row (`StageWork.false_starts`)."""
    index = {key: i for i, key in enumerate(work.keyed_blocks[0])}
    found: dict[int, list[int]] = {}
    for written, (source, row) in work.false_starts:
        if written in index:
            found.setdefault(index[written], []).append(at[source] + row * work.rows.pitch(source))
    return found


def _starts_falsely(work: StageWork, storages: Mapping[int, RowStorage]) -> bool:
    """Whether a kernel would take a row for one that is written in place although it is not."""
    return any(
        storages[t].row_offset(y) + work.written_from(t) == storages[source].row_offset(row)
        for (t, y), (source, row) in work.false_starts
    )


def _role(work: StageWork, tensor: int) -> str:
    if tensor in work.outs:
        return "output"
    if tensor == work.fed:
        return "fed"
    return "input" if tensor in work.ins else "inner"


def _held(work: StageWork) -> Callable[[int], tuple[int, int]]:
    """The columns of each tensor that a pass holds; (0, 0) for all."""
    return lambda tensor: work.columns.get(tensor, (0, 0))


def _maps_end(work: StageWork, at: Mapping[int, int]) -> int:
    return max((at[t] + size_of(work.rows, t) for t in work.maps), default=0)


def _fixed_places(work: StageWork, at: Mapping[int, int]) -> list[int]:
    """The offsets of `StageWork.fixed_blocks`."""
    if work.columns:
        return [at[t] + start for t, start, _ in work.segments]
    return [at[t] for t in work.through]


def stage_plan(
    work: StageWork, at: Mapping[int, int], placement: Placement, macs: int
) -> StreamPlan | PatchPlan:
    """The plan of a placed stage of kind "stream" or "patch"."""
    if not work.passes:
        return stream_plan(work, at, placement)
    passes = tuple(stream_plan(w, at, p) for w, p in zip(work.passes, placement.passes))
    return PatchPlan(passes, macs, macs / max(sum(n.macs for n in work.nodes), 1))


def stream_plan(work: StageWork, at: Mapping[int, int], placement: Placement) -> StreamPlan:
    """The plan of a placed stage. Raises AssertionError if two rows that live together share a byte."""
    where, storages = placement.where, placement.storages
    keys, blocks = work.keyed_blocks
    wrong = collisions((*blocks, *work.fixed_blocks), [*(where[k] for k in keys), *_fixed_places(work, at)])
    if wrong:
        a, b = wrong[0]
        raise AssertionError(
            f"rows {[keys[i] if i < len(keys) else 'map' for i in (a, b)]} share bytes while both live"
        )
    if _starts_falsely(work, storages):
        raise AssertionError("a row begins where the first row of its window does and is not in place")
    holds = dict(work.holds)
    operators = []
    for i, node in enumerate(work.nodes):
        output = storages[node.outputs[0]]
        in_place = []
        for p in work.in_place(node):
            operand, window = storages[node.inputs[p]], node.windows[p]
            starts = [(window.first_row(y), output.row_offset(y)) for y in range(output.height)]
            if any(0 <= row < operand.height and operand.row_offset(row) == at for row, at in starts):
                in_place.append(p)
        sums = where.get((-1 - i, 0), -1)
        windows = _whole_windows(work, node)
        operators.append(
            RowOperator(
                node.op, node.inputs, windows, node.outputs[0], sums, tuple(in_place), holds.get(i, -1)
            )
        )
    slack = 0
    for a in work.ins if not work.columns else ():
        for b in work.outs:
            if a not in work.outs and a in work.order.death and max(work.order.death[a]) < work.end:
                gap = overlay(work, a, b)
                slack = max(slack, 0 if gap.exact else -gap.low)
    layout = "rows" if any(s.row_offsets for s in storages.values()) else "rings"
    return StreamPlan(
        tuple(operators),
        tuple(_whole_rows(work, s) for s in storages.values()),
        work.fed,
        layout,
        work.end,
        slack,
        _scratch(work, keys, blocks),
    )


def _whole_windows(work: StageWork, node: RowNode) -> tuple[Window, ...]:
    """The windows of a node in the rows of whole tensors."""
    if not work.spans:
        return node.windows
    start = work.spans[node.outputs[0]][0]
    inner = {t: span[0] for t, span in work.spans.items() if t not in work.outs}
    return tuple(
        replace(w, pad_top=w.pad_top + start * w.stride_h - inner.get(t, 0))
        for t, w in zip(node.inputs, node.windows)
    )


def _whole_rows(work: StageWork, storage: RowStorage) -> RowStorage:
    """A storage whose rows are numbered as those of the whole tensor."""
    tensor = storage.tensor
    if tensor not in work.spans:
        return storage
    first, count = work.spans[tensor]
    if tensor in work.outs:
        return replace(storage, first_row=first, rows=count)
    height = rows_of(work.rows.graph, tensor)[0]
    phase = (storage.phase - first * storage.step) % storage.slots
    return replace(storage, height=height, phase=phase, first_row=first, rows=count)


def _scratch(work: StageWork, keys: tuple[Key, ...], blocks: tuple[Block, ...]) -> int:
    """The most bytes that rows and sums inside the stage take at any step."""
    inner = [b for k, b in zip(keys, blocks) if k[0] not in work.ins and k[0] not in work.outs]
    change = [0] * (work.end + 2)
    for b in inner:
        change[max(b.birth, 0)] += b.size
        change[min(b.death, work.end) + 1] -= b.size
        if b.partners:
            change[b.birth] -= b.size
            change[b.birth + 1] += b.size
    peak = total = 0
    for c in change:
        total += c
        peak = max(peak, total)
    return peak


def covered_ops(rows: RowGraph, first: int, last: int) -> tuple[int, ...]:
    """The graph's operators behind nodes [first, last), ascending."""
    return tuple(sorted(i for node in rows.nodes[first:last] for i in node.covers))
