"""Stages executed row by row in one bytearray give the bytes of whole maps; a wrong placement never does."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from stream_graphs import image, random_network, zoo_network
from stream_machine import Exact, Machine, Mixing, reference

from tflm_mcunet.schedule.schedule import Schedule
from tflm_mcunet.schedule.stages import plan_stages
from tflm_mcunet.schedule.stream import RowStorage, StreamPlan


def check(graph, schedule: Schedule, arithmetic=Exact) -> None:
    inputs = image(graph)
    want = reference(graph, inputs, arithmetic(graph))
    got = Machine(schedule, arithmetic(graph)).run(inputs)
    for t in graph.outputs:
        np.testing.assert_array_equal(got[t], want[t])


@pytest.mark.parametrize("seed", range(40))
def test_streaming_a_random_network_changes_no_byte(seed: int) -> None:
    graph = random_network(seed)
    for source in ("resident", "rows"):
        schedule = plan_stages(graph, input=source, effort=2000)
        for arithmetic in (Exact, Mixing):
            check(graph, schedule, arithmetic)


@pytest.mark.parametrize("row_alignment", [1, 8, 16])
@pytest.mark.parametrize("seed", range(200, 206))
def test_any_row_alignment_is_exact_and_kept(seed: int, row_alignment: int) -> None:
    graph = random_network(seed)
    schedule = plan_stages(graph, input="rows", row_alignment=row_alignment, effort=2000)
    check(graph, schedule)
    for stage in schedule.stages:
        for storage in stage.plan.storages if stage.plan else ():
            if storage.role in ("inner", "fed"):
                assert all(storage.row_offset(y) % row_alignment == 0 for y in range(storage.height))


def test_one_stage_of_the_whole_network_is_exact() -> None:
    """A stage need not be the best one to be right."""
    for seed in range(300, 315):
        graph = random_network(seed)
        check(graph, plan_stages(graph, kinds=("stream",), input="rows", effort=0), Mixing)


@pytest.mark.parametrize("source", ["resident", "rows"])
def test_a_real_network_is_exact(shared_models, source: str) -> None:
    graph = zoo_network(shared_models / "mcunet_zoo_topologies.json", "mcunet-in0")
    check(graph, plan_stages(graph, input=source, effort=0), Mixing)


def mutants(plan: StreamPlan, rng: random.Random) -> list[StreamPlan]:
    """The plan with one storage that is wrong: shifted, a ring too small, two rows exchanged, a phase off."""

    def with_storage(index: int, storage: RowStorage) -> StreamPlan:
        storages = list(plan.storages)
        storages[index] = storage
        return replace(plan, storages=tuple(storages))

    found = []
    for n, storage in enumerate(plan.storages):
        if storage.role not in ("inner", "fed") or storage.height < 2:
            continue
        if storage.row_offsets:
            rows = list(storage.row_offsets)
            y = rng.randrange(len(rows))
            rows[y] += 4
            found.append(with_storage(n, replace(storage, row_offsets=tuple(rows))))
        elif storage.slots > 1:
            found.append(with_storage(n, replace(storage, slots=storage.slots - 1)))
            found.append(with_storage(n, replace(storage, pitch_bytes=storage.pitch_bytes - 4)))
    return found


def caught(graph, schedule: Schedule) -> bool:
    try:
        check(graph, schedule, Mixing)
    except AssertionError:
        return True
    return False


def test_the_machine_catches_rings_that_are_too_small_and_rows_that_are_shifted() -> None:
    """Of all mutants that touch a row while it is needed, none passes.

    A mutant is harmless where the moved row meets free bytes, so the share, not each mutant, is asserted; and rings
    that are one slot too small are never harmless.
    """
    rng, total, found, small = random.Random(5), 0, 0, 0
    for seed in (1, 3, 7, 12, 19, 23):
        graph = random_network(seed)
        schedule = plan_stages(graph, input="rows", effort=0)
        for i, stage in enumerate(schedule.stages):
            for mutant in mutants(stage.plan, rng) if stage.plan else []:
                stages = list(schedule.stages)
                stages[i] = replace(stage, plan=mutant)
                hit = caught(graph, replace(schedule, stages=tuple(stages)))
                total, found = total + 1, found + hit
                changed = [
                    (a, b)
                    for a, b in zip(mutant.storages, stage.plan.storages)
                    if a.slots < b.slots and not a.phase
                ]
                alone = [a for a, _ in changed if sum(s.offset == a.offset for s in mutant.storages) == 1]
                if alone:
                    small += 1
                    assert hit, alone
    assert total > 30 and small > 3
    assert found > 0.5 * total


def test_an_overlap_between_maps_and_rows_is_caught() -> None:
    graph = random_network(1)
    schedule = plan_stages(graph, input="rows", effort=0)
    stage = max((s for s in schedule.stages if s.plan), key=lambda s: len(s.ops))
    top = stage.plan.end_bytes
    for cut in range(4, top // 2, 4):
        shrunk = [
            replace(s, row_offsets=tuple(s.row_offset(y) * (top - cut) // top for y in range(s.height)))
            for s in stage.plan.storages
        ]
        stages = tuple(
            replace(s, plan=replace(s.plan, storages=tuple(shrunk))) if s is stage else s
            for s in schedule.stages
        )
        if cut > top // 3:
            assert caught(graph, replace(schedule, stages=stages))


def test_a_plan_is_the_same_each_time() -> None:
    for seed in range(400, 405):
        graph = random_network(seed)
        assert plan_stages(graph, effort=3000) == plan_stages(graph, effort=3000)
