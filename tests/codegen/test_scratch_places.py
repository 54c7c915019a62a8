"""Scratch lies in bytes of the arena that no live map or row of its stage takes, else behind the arena."""

from __future__ import annotations

import pytest

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen.family import FAMILIES
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.codegen.scratch_places import first_free, taken_spans
from tflm_mcunet.convert import convert
from tflm_mcunet.graph import Graph
from tflm_mcunet.schedule.schedule import aligned


def bottlenecks(seed: int) -> Graph:
    b = GraphBuilder(seed)
    x = b.conv_2d(b.input((1, 40, 40, 3)), 8, (3, 3), stride=(2, 2), activation="RELU6")
    for stride, channels in ((1, 8), (2, 16), (1, 16), (2, 24)):
        y = b.conv_2d(x, 6 * channels, activation="RELU6")
        y = b.depthwise_conv_2d(y, (5, 5), stride=(stride, stride), activation="RELU6")
        x = b.conv_2d(y, channels)
    return b.finish([b.fully_connected(b.pool_2d("AVERAGE_POOL_2D", x, (5, 5)), 4)])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "options", [{"schedule": "layer"}, {"schedule": "stream"}, {"max_mac_overhead": 1.3}]
)
def test_scratch_lies_where_nothing_else_does(family: str, options: dict) -> None:
    schedule = convert(bottlenecks(1), **options).schedule
    stage_of = {op: number for number, stage in enumerate(schedule.stages) for op in stage.ops}
    program = build_program(schedule, family)
    steps = [s for stage in program.stages for s in stage.steps if s.scratch_bytes]
    for step in steps:
        begin, end = step.scratch_offset, step.scratch_end
        assert begin % 16 == 0
        for taken in taken_spans(schedule, stage_of[step.op]):
            assert end <= taken[0] or taken[1] <= begin, (step.op, taken)
        for place in (program.tensors[t] for t in step.tensors):
            if not place.is_constant:
                rows = place.row_offsets or [place.offset + i * place.pitch_bytes for i in range(place.slots)]
                held = min(place.pitch_bytes, schedule.arena_bytes)
                assert all(end <= at or at + held <= begin for at in rows), step.op
    assert program.scratch_bytes == max([0, *(s.scratch_end - aligned(schedule.arena_bytes) for s in steps)])


def test_scratch_behind_the_arena_takes_more() -> None:
    schedule = convert(bottlenecks(1), schedule="layer").schedule
    saved = []
    for family in FAMILIES[1:]:
        inside, behind = (build_program(schedule, family, scratch_behind=b) for b in (False, True))
        largest = max(s.scratch_bytes for stage in behind.stages for s in stage.steps)
        assert inside.scratch_bytes <= behind.scratch_bytes == largest
        assert inside.most_bytes <= behind.most_bytes == aligned(schedule.arena_bytes) + largest
        saved.append(behind.scratch_bytes - inside.scratch_bytes)
    assert sum(n > 0 for n in saved) >= 2 and max(saved) > 1000


def test_the_lowest_place_between_or_behind_others_is_taken() -> None:
    taken = [(100, 200), (0, 33), (220, 230)]
    assert [first_free(taken, n) for n in (1, 52, 53, 500)] == [48, 48, 240, 240]
    assert first_free([], 9) == 0
