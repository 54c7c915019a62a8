"""A search over several schedules: each network gets the cheapest under which it fits, and the result says which."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import search_script

import tflm_mcunet as mcu
from tflm_mcunet.errors import UsageError
from tflm_mcunet.tinynas.budget import Budget, MemoryOracle
from tflm_mcunet.tinynas.schedule_choice import memory_oracle, schedules_of

BOTH = ("layer", "stream")


def budget(sram: int, schedule: str = "stream") -> Budget:
    return Budget.of("STM32F411", sram_bytes=sram, schedule=schedule)


def test_a_network_fits_where_it_fits_under_any_and_gets_the_first() -> None:
    space, random = search_script.SPACE, np.random.default_rng(0)
    choice = memory_oracle(budget(4_500), BOTH)
    single = [MemoryOracle(budget(4_500, name)) for name in BOTH]
    seen = set()
    for _ in range(20):
        network = space.architecture(space.sample(random))
        by_layer, by_stream = (oracle.fits(network) for oracle in single)
        assert choice.fits(network) == (by_layer or by_stream)
        assert choice.is_plausible(network) or not choice.fits(network)
        assert choice.schedule_of(network) == ("layer" if by_layer else "stream")
        assert choice.need(network) == single[0 if by_layer else 1].need(network)
        seen.add((by_layer, by_stream))
    assert seen == {(True, True), (False, True), (False, False)}, "each case was met"


def test_one_schedule_needs_no_choice() -> None:
    assert schedules_of("tflm") == schedules_of(["tflm"]) == ("tflm",)
    oracle = memory_oracle(budget(9_000), ("stream",))
    assert type(oracle) is MemoryOracle and oracle.schedules == ("stream",)


@pytest.mark.parametrize("wrong", ["fast", [], ["layer", "tflm"], ["layer", "patch 1.25"]])
def test_others_are_refused_before_anything_is_done(wrong: object, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected schedule to be one of layer, stream, tflm, or several of"):
        search_script.search(str(tmp_path), 1, schedule=wrong)
    assert not any(tmp_path.iterdir())


def test_the_search_finds_what_fits_in_streams_alone_and_says_so(tmp_path: Path) -> None:
    smallest = search_script.SPACE.architecture(search_script.SPACE.extreme(False))
    sram = MemoryOracle(budget(9_000, "layer")).need(smallest).sram_bytes - 1
    tight, arguments = {"sram_constraint": sram, "epochs": 1}, (str(tmp_path / "both"), 2)
    found = search_script.search(*arguments, schedule=("stream", "layer"), **tight)
    assert isinstance(found, mcu.tinynas.result.SearchResult)
    assert {row.schedule for row in found.rows} == {found.best_schedule} == {"stream"}
    assert found.best_need == MemoryOracle(budget(sram)).need(found.best_architecture)
    rows = list(csv.DictReader((tmp_path / "both" / "leaderboard.csv").open()))
    assert [row["schedule"] for row in rows] == ["stream"] * 2
    assert "schedule layer or stream" in (tmp_path / "both" / "leaderboard.html").read_text()
    int8 = mcu.quantize(found.best_model, found.prepare(search_script.data()[0]))
    conversion = mcu.convert(int8, "STM32F411", schedule=found.best_schedule)
    assert conversion.schedule.kind in ("stream", "mixed")  # what fits whole under the peak runs whole
    assert conversion.schedule.arena_bytes <= found.best_need.arena_bytes
    with pytest.raises(UsageError, match="other settings: budget"):
        search_script.search(*arguments, schedule="stream", **tight)
    again = search_script.search(*arguments, schedule=BOTH, **tight)
    assert [row.trial for row in again.rows] == [row.trial for row in found.rows]
