"""The order of row steps in a stage, and the lifetime of every row that follows from it.

The order is the driver's own: scan the operators from the output back, run the first that can produce its next row,
restart; feed an input row only if none can. It depends on counters alone, never on where a row lies, so that the
engine repeats it without a list of steps, and a placement that is legal for these lifetimes is legal on the device.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tflm_mcunet.ops import Window
from tflm_mcunet.schedule.rows import RowNode

#: The producer of rows that the caller feeds.
FEED = -1


@dataclass(frozen=True)
class RowOrder:
    """What runs when, counted in row steps from the start of the stage.

    Args:
        steps: tuple of (int, int). (node of the stage or `FEED`, its count so far): an accumulating node takes one
            step an input row, every other node one step an output row.
        birth: mapping. Tensor -> the step that writes each row; -1 for rows that were there before.
        death: mapping. Tensor -> the last step that reads each row; its birth where nothing does; `len(steps)` where
            something after the stage does.
        began: mapping. Accumulating node -> the step of its first input row.
    """

    steps: tuple[tuple[int, int], ...]
    birth: Mapping[int, list[int]]
    death: Mapping[int, list[int]]
    began: Mapping[int, int]


def row_order(
    nodes: Sequence[RowNode],
    shape: Mapping[int, tuple[int, int]],
    fed: int = -1,
    kept: frozenset[int] = frozenset(),
    holds: Mapping[int, int] | None = None,
) -> RowOrder:
    """The order of a run of streaming nodes.

    Args:
        nodes: sequence of RowNode, in execution order; every one streams.
        shape: mapping. Tensor -> (rows, bytes of a row).
        fed: int. The tensor whose rows the caller feeds, or -1; other inputs of the run are there as whole maps.
        kept: frozenset of int. Tensors that something after the run reads.
        holds: mapping or None. Position in `nodes` -> a tensor of the run: the node computes row y only once row y of
            that tensor exists (a shortcut that is held back until the other operand of its add is there).
    """
    local = {
        t: n for n, t in enumerate(dict.fromkeys(t for node in nodes for t in (*node.inputs, *node.outputs)))
    }
    made = {t for node in nodes for t in node.outputs}
    height = [shape[t][0] for t in local]
    done = [0 if t in made or t == fed else shape[t][0] for t in local]
    last_reader = [0] * len(local)
    needs: list[list[tuple[int, tuple[int, ...]]]] = []
    target: list[int] = []
    for i, node in enumerate(nodes):
        for t in node.inputs:
            last_reader[local[t]] = i
        rows = shape[node.outputs[0]][0]
        if node.accumulate:
            first, last = _read_span(node.windows[0], shape[node.inputs[0]][0])
            target.append(last - first + 1)
            needs.append([(local[node.inputs[0]], _last_rows(first, 1, last, last - first + 1))])
            continue
        target.append(rows)
        wanted = []
        for t, window in zip(node.inputs, node.windows):
            end, start = shape[t][0] - 1, window.last_row(0)
            wanted.append((local[t], _last_rows(start, window.stride_h, end, rows)))
        needs.append(wanted)
    for i, t in (holds or {}).items():
        last_reader[local[t]] = max(last_reader[local[t]], i)
        needs[i].append((local[t], _last_rows(0, 1, target[i], target[i])))
    results = [local[node.outputs[0]] for node in nodes]
    sums = [node.accumulate for node in nodes]
    taken = [0] * len(nodes)
    ran: list[list[int]] = [[] for _ in nodes]
    fed_at: list[int] = []
    steps: list[tuple[int, int]] = []
    source = local.get(fed, -1)
    top = position = len(nodes) - 1
    while True:
        while position >= 0:
            y = taken[position]
            if y < target[position]:
                for t, need in needs[position]:
                    if done[t] <= need[y]:
                        break
                else:
                    break
            position -= 1
        if position < 0:
            if source < 0 or done[source] >= height[source]:
                break
            fed_at.append(len(steps))
            steps.append((FEED, done[source]))
            done[source] += 1
            position = top
            continue
        ran[position].append(len(steps))
        steps.append((position, y))
        taken[position] = y + 1
        if not sums[position] or y + 1 == target[position]:
            done[results[position]] += 1
            if last_reader[results[position]] > position:
                position = last_reader[results[position]]
    if taken != target:
        raise AssertionError(f"the row order of ops {[n.op for n in nodes]} stops at {taken} of {target}")
    return _lives(nodes, shape, local, ran, fed, fed_at, kept, tuple(steps))


@lru_cache(maxsize=4096)
def _last_rows(start: int, stride: int, end: int, count: int) -> tuple[int, ...]:
    """The last input row that each of `count` output rows waits for."""
    return tuple(min(start + y * stride, end) for y in range(count))


def _read_span(window: Window, height: int) -> tuple[int, int]:
    """The first and last input row that output row 0 reads, padding left out."""
    return max(window.first_row(0), 0), min(window.last_row(0), height - 1)


def _lives(
    nodes: Sequence[RowNode],
    shape: Mapping[int, tuple[int, int]],
    tensors: Iterable[int],
    ran: Sequence[list[int]],
    fed: int,
    fed_at: list[int],
    kept: frozenset[int],
    steps: tuple[tuple[int, int], ...],
) -> RowOrder:
    """Births and deaths from the steps at which each node ran."""
    birth: dict[int, list[int]] = {t: [-1] * shape[t][0] for t in tensors}
    began: dict[int, int] = {}
    if fed in birth:
        birth[fed] = fed_at
    for i, node in enumerate(nodes):
        if node.accumulate:
            began[i] = ran[i][0]
        birth[node.outputs[0]] = ran[i][-1:] if node.accumulate else ran[i]
    death = {t: np.array(b, np.int64) for t, b in birth.items()}
    for i, node in enumerate(nodes):
        at = np.array(ran[i], np.int64)
        for t, window in zip(node.inputs, node.windows):
            rows = shape[t][0]
            if node.accumulate:
                first, last = _read_span(window, rows)
                death[t][first : last + 1] = np.maximum(death[t][first : last + 1], at)
                continue
            if not window.stride_h:  # the one row of a gate, at every step
                np.maximum(death[t], at[-1], out=death[t])
                continue
            for k in range(window.kernel_h):
                # Output rows y from `low` to before `high` read row y·stride + shift inside the map.
                shift = k * window.dilation_h - window.pad_top
                low = max(0, -(shift // window.stride_h))
                high = min(len(at), (rows - 1 - shift) // window.stride_h + 1)
                if low < high:
                    start = low * window.stride_h + shift
                    part = death[t][start : start + (high - low - 1) * window.stride_h + 1 : window.stride_h]
                    np.maximum(part, at[low:high], out=part)
    end = len(steps)
    deaths = {t: [end] * len(d) if t in kept else d.tolist() for t, d in death.items()}
    return RowOrder(steps, birth, deaths, began)
