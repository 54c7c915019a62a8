"""Cuts a graph where every order passes, so that each part can be searched by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tflm_mcunet.schedule.order_search import Segment, bits
from tflm_mcunet.schedule.peak import PeakModel

#: Up to this many operators the floor of a segment counts everything that spans an operator in every order
#: (quadratic), above it only the operator's own tensors.
EXACT_FLOOR_OPS = 500


def cuts(order: Sequence[int], before: Sequence[Sequence[int]]) -> list[int]:
    """The positions p at which every order has run exactly the first p operators of `order`: 0, ..., all.

    That is so where every operator from p on waits, directly or not, for all operators before p.
    """
    count = len(order)
    position = {op: p for p, op in enumerate(order)}
    ancestors: list[int] = []
    leading = []
    for op in order:
        mask = 0
        for j in before[op]:
            mask |= ancestors[position[j]] | 1 << position[j]
        ancestors.append(mask)
        leading.append((~mask & (mask + 1)).bit_length() - 1)
    result, least = [count], count
    for p in range(count - 1, -1, -1):
        least = min(least, leading[p])
        if least >= p:
            result.append(p)
    return result[::-1] if result[-1] == 0 else [0, *result[::-1]]


def segment(
    model: PeakModel,
    position: Mapping[int, int],
    before: Sequence[Sequence[int]],
    ops: Sequence[int],
    live_bytes: int,
) -> Segment:
    """Operators between two cuts as a search problem.

    Args:
        model: PeakModel of the whole graph.
        position: mapping. Operator -> its place in the order that was cut.
        before: per operator of the graph, those that must run before it.
        ops: sequence of int. The segment's operators, in that order.
        live_bytes: int. In use before the segment.
    """
    local = {op: p for p, op in enumerate(ops)}
    first, end = position[ops[0]], position[ops[-1]] + 1

    masks_of: dict[int, int | None] = {}

    def other_readers(t: int, p: int) -> int | None:
        """Mask of the other readers of a tensor within the segment; None where one comes after the segment."""
        if t not in masks_of:
            within = [local[r] for r in model.readers[t] if r in local]
            is_read_later = any(position[r] >= end for r in model.readers[t])
            masks_of[t] = None if is_read_later else sum(1 << q for q in within)
        mask = masks_of[t]
        return None if mask is None else mask & ~(1 << p)

    frees, frees_after, shares, shares_after = [], [], [], []
    for p, op in enumerate(ops):
        memory = model.ops[op]
        others = {t: other_readers(t, p) for t, _ in memory.frees}
        frees.append(sum(size for t, size in memory.frees if others[t] == 0))
        frees_after.append(tuple((others[t] or 0, size) for t, size in memory.frees if others[t]))
        always, groups = 0, []
        for operands, outputs, size in memory.shares:
            masks = tuple(m for m in (others[t] for t in operands) if m is not None)
            if masks and (not any(masks) or sum(not m for m in masks) >= outputs):
                always += min(len(masks), outputs) * size
            elif masks:
                groups.append((masks, outputs, size))
        shares.append(always)
        shares_after.append(tuple(groups))
    problem = Segment(
        before=tuple(sum(1 << local[j] for j in before[op] if j in local) for op in ops),
        made=tuple(model.ops[op].made for op in ops),
        kept=tuple(model.ops[op].kept for op in ops),
        frees=tuple(frees),
        frees_after=tuple(frees_after),
        shares=tuple(shares),
        shares_after=tuple(shares_after),
        live_bytes=live_bytes,
        first_bytes=model.unread_bytes if first == 0 else 0,
        floor_bytes=0,
    )
    spans, base = [], live_bytes
    for t in dict.fromkeys(t for op in ops for t in (*model.operands[op], *model.results[op])):
        readers = sum(1 << local[r] for r in model.readers.get(t, ()) if r in local)
        survives = t in model.returned or any(position[r] >= end for r in model.readers.get(t, ()))
        producer = local.get(model.producer.get(t, -1), -1)
        if producer < 0 and not survives:
            base -= model.sizes[t]
        if producer >= 0 or not survives:
            spans.append((producer, readers, model.sizes[t], survives))
    return replace(problem, floor_bytes=max(_needs(problem, spans, base), default=0))


def _needs(problem: Segment, spans: Sequence[tuple[int, int, int, bool]], base_bytes: int) -> list[int]:
    """For every operator, bytes in use while it runs, whatever ran before.

    Args:
        problem: Segment.
        spans: (producer or -1, mask of readers, bytes, whether it is used after the segment) of every tensor that
            is born or may die in the segment.
        base_bytes: int. In use through the whole segment.
    """
    count, full = len(problem.before), (1 << len(problem.before)) - 1
    exact = count <= EXACT_FLOOR_OPS
    ancestors, descendants = [0] * count, [0] * count
    if exact:
        for j, mask in enumerate(problem.before):
            ancestors[j] = mask
            for i in bits(mask):
                ancestors[j] |= ancestors[i]
        for j in range(count):
            for i in bits(ancestors[j]):
                descendants[i] |= 1 << j
    needs = [base_bytes + made for made in problem.made]
    for producer, readers, size, survives in spans:
        after = readers
        if exact:
            # In use while any operator between the producer and the last reader runs, in every order.
            if survives:
                after = full
            else:
                for r in bits(readers):
                    after |= ancestors[r]
            after &= full if producer < 0 else descendants[producer]
        for j in bits(after):
            needs[j] += size
    for j in range(count):
        needs[j] -= problem.shares[j]
        for masks, outputs, size in problem.shares_after[j]:
            needs[j] -= min(sum(not m & descendants[j] for m in masks), outputs) * size
    return needs
