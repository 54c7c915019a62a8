"""The schedule as a gene: what does not fit layer by layer may fit in stages or patches, and what that costs."""

from __future__ import annotations

from typing import Any

import pytest

from tflm_mcunet.errors import UsageError
from tflm_mcunet.schedule.stages import plan_stages
from tflm_mcunet.targets import Target
from tflm_mcunet.tinynas.budget import Budget, MemoryOracle
from tflm_mcunet.tinynas.build import graph_of
from tflm_mcunet.tinynas.schedule_genes import SCHEDULES, ScheduleOracle, Verdict, need_of_plan
from tflm_mcunet.tinynas.space import Space, Stage
from tflm_mcunet.transforms import canonical

PATCH = "patch 1.1"
NAMES = ("layer", "stream", PATCH)

#: One network, so that the schedule alone decides.
ONE = Space(
    "one",
    (48, 48, 3),
    4,
    (
        Stage(8, 1, (1,), (3,), (1,)),
        Stage(16, 2, (1,), (7,), (6,)),
        Stage(16, 1, (1,), (7,), (6,)),
        Stage(24, 2, (1,), (3,), (3,)),
    ),
    stem_channels=16,
)
NETWORK = ONE.architecture({})


@pytest.fixture(scope="module")
def needs() -> dict[str, Any]:
    """What the network takes under every schedule."""
    found = {
        name: MemoryOracle(Budget.of("STM32F411", schedule=name)).need(NETWORK)
        for name in ("layer", "stream")
    }
    graph = canonical(graph_of(NETWORK))[0]
    plan = plan_stages(graph, max_mac_overhead=1.1, effort=0, spread_maps=True)
    return {**found, PATCH: need_of_plan(plan, Budget.of("STM32F411"))}


def board(sram: int) -> Target:
    return Target("board", sram=sram, flash=200_000, core="cortex-m4", clock_hz=100_000_000)


def test_each_schedule_takes_less_sram_than_the_one_before_and_computes_no_less(
    needs: dict[str, Any],
) -> None:
    layer, stream, patch = (needs[name] for name in NAMES)
    assert layer.sram_bytes > stream.sram_bytes > patch.sram_bytes
    assert NETWORK.macs == layer.macs == stream.macs < patch.macs <= 1.1 * NETWORK.macs
    assert patch.instructions > layer.instructions


def test_genes_fit_exactly_where_their_schedule_does(needs: dict[str, Any]) -> None:
    for limit in NAMES:
        oracle = ScheduleOracle(ONE, Budget.of(board(needs[limit].sram_bytes)), NAMES)
        for name in NAMES:
            expected = needs[name].sram_bytes <= needs[limit].sram_bytes
            assert oracle.fits({"schedule": name}) == expected, (limit, name)


def test_macs_that_are_computed_twice_count(needs: dict[str, Any]) -> None:
    need, genes = needs[PATCH], {"schedule": PATCH}
    tight = board(need.sram_bytes)
    oracle = ScheduleOracle(ONE, Budget.of(tight, max_macs=need.macs), NAMES)
    assert oracle.verdict(genes) == Verdict(True, need.macs / NETWORK.macs)
    assert not ScheduleOracle(ONE, Budget.of(tight, max_macs=need.macs - 1), NAMES).fits(genes)
    milliseconds = 1000 * need.instructions / 100_000_000
    assert not ScheduleOracle(ONE, Budget.of(tight, max_latency_ms=milliseconds * 0.999), NAMES).fits(genes)


def test_what_fits_without_patches_is_charged_for_none() -> None:
    oracle = ScheduleOracle(ONE, Budget.of("STM32F746"), SCHEDULES)
    assert oracle.verdict({"schedule": "patch 1.5"}).mac_factor == 1


def test_one_schedule_is_no_gene_and_unknown_ones_are_refused() -> None:
    plain = ScheduleOracle(ONE, Budget.of("STM32F411", schedule="stream"))
    assert plain.choices() == {} and plain.schedule_of({}) == "stream"
    assert plain.fits({})
    for name in ("fast", "patch", "patch 1.0", "patch x", "stream 1.5"):
        with pytest.raises(UsageError, match="expected schedules out of"):
            ScheduleOracle(ONE, Budget.of("STM32F411"), ("layer", name))


def test_genes_of_one_network_are_the_same_candidate_only_under_one_schedule() -> None:
    space = Space("two", (8, 8, 1), 2, (Stage(8, 2, (1, 2), (3, 5), (2,)),))
    oracle = ScheduleOracle(space, Budget.of("STM32F411"), ("layer", "stream"))
    genes = {"stage0_depth": 1, "stage0_block0_kernel": 3, "stage0_block1_kernel": 3, "schedule": "layer"}
    unused = {**genes, "stage0_block1_kernel": 5}
    assert oracle.key(genes) == oracle.key(unused)
    assert oracle.key(genes) != oracle.key({**genes, "schedule": "stream"})
