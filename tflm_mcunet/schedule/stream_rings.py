"""Contiguous rings: row y of a tensor in slot (y·step + phase) mod slots, sized by the order of row steps.

A tensor that its operator may write in place can live in its operand's ring: a depthwise output row y takes the slot of
the first row of its window, y·stride - pad_top; at the top edge that slot wraps round to one that is still free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tflm_mcunet.schedule.stages_work import Key, StageWork
from tflm_mcunet.schedule.stream_pack import Block


@dataclass
class Ring:
    """Slots that one or several tensors share.

    Args:
        slots, pitch: int. Slots and bytes of one.
        members: dict. Tensor -> (step, phase).
        whole: bool. A whole map from or for another stage: its slots are its rows, and none can be added.
    """

    slots: int
    pitch: int
    members: dict[int, tuple[int, int]]
    whole: bool = False

    @property
    def size(self) -> int:
        return self.slots * self.pitch


def plain_slots(birth: Sequence[int], death: Sequence[int]) -> int:
    """The fewest slots so that no row is overwritten before its last reader has run."""
    slots, oldest = 1, 0
    for y, now in enumerate(birth):
        while oldest < y and death[oldest] < now:
            oldest += 1
        slots = max(slots, y - oldest + 1)
    return slots


def collision_free(work: StageWork, ring: Ring, slots: int, partners: Mapping[Key, frozenset[Key]]) -> bool:
    """Whether no slot holds two rows at a time, but for a row that is written in place over its dying operand."""
    held: dict[int, list[tuple[int, int, Key]]] = {}
    for tensor, (step, phase) in ring.members.items():
        deaths = work.order.death[tensor]
        for y, birth in enumerate(work.order.birth[tensor]):
            held.setdefault((y * step + phase) % slots, []).append((birth, deaths[y], (tensor, y)))
    for rows in held.values():
        rows.sort()
        for (_, death, before), (birth, _, after) in pairwise(rows):
            if birth < death or (birth == death and before not in partners.get(after, ())):
                return False
    return True


def rings(work: StageWork) -> list[Ring]:
    """The rings of a stage: each tensor in a ring of its own, or in its operand's where that takes fewer bytes."""
    keys, blocks = work.keyed_blocks
    partners = {keys[i]: frozenset(keys[p] for p in b.partners) for i, b in enumerate(blocks) if b.partners}
    shape, maps = work.rows.shape, set(work.maps)
    home: dict[int, Ring] = {}
    for t in (*work.ins, *work.outs):
        home[t] = Ring(shape[t][0], work.rows.pitch(t), {t: (1, 0)}, whole=True)
    if work.fed >= 0 and work.fed not in home:
        home[work.fed] = _own(work, work.fed)
    for node in work.nodes:
        output = node.outputs[0]
        if output in maps:
            continue
        best = _own(work, output)
        cost, joined = best.size, None
        for position in work.in_place(node):
            ring = home[node.inputs[position]]
            window = node.windows[position]
            if ring.pitch < shape[output][1] or ring.whole:
                continue  # a row that outlived the map's own row would be in the way of the output map
            step, phase = ring.members[node.inputs[position]]
            trial = Ring(ring.slots, ring.pitch, dict(ring.members))
            trial.members[output] = (step * window.stride_h, phase - step * window.pad_top)
            for slots in range(ring.slots, ring.slots + 3):
                extra = (slots - ring.slots) * ring.pitch
                if extra < cost and collision_free(work, trial, slots, partners):
                    trial.slots = slots
                    cost, joined = extra, (ring, trial)
                    break
        if joined is None:
            home[output] = best
        else:
            ring, trial = joined
            ring.slots, ring.members = trial.slots, trial.members
            home[output] = ring
    return list({id(r): r for r in home.values()}.values())


def _own(work: StageWork, tensor: int) -> Ring:
    pitch = -(-work.rows.shape[tensor][1] // work.alignment) * work.alignment
    return Ring(plain_slots(work.order.birth[tensor], work.order.death[tensor]), pitch, {tensor: (1, 0)})


def ring_blocks(work: StageWork, found: Sequence[Ring]) -> list[Block]:
    """Each ring that is no whole map as one block; a whole map is taken row by row from the stage's own blocks."""
    blocks = []
    for ring in found:
        births = [b for t in ring.members for b in work.order.birth[t]]
        deaths = [d for t in ring.members for d in work.order.death[t]]
        blocks.append(Block(ring.size, min(births), max(deaths)))
    return blocks
