"""Stage 1: every subspace sampled, what fits ranked by its MACs, the same by seed, continued after a kill."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tflm_mcunet.errors import ConstraintError, UsageError
from tflm_mcunet.schedule.in_place import own_kernels
from tflm_mcunet.schedule.layer import plan_layer
from tflm_mcunet.tinynas.architecture import Architecture
from tflm_mcunet.tinynas.budget import Budget, MemoryOracle
from tflm_mcunet.tinynas.build import graph_of
from tflm_mcunet.tinynas.layer_bound import layer_bound_bytes
from tflm_mcunet.tinynas.quick_fit import QuickFit, quick_fits
from tflm_mcunet.tinynas.space import Space, Stage, image_space, mcunet_space, series_space
from tflm_mcunet.tinynas.space_page import cdf_svg, render_ranking
from tflm_mcunet.tinynas.space_ranking import SpaceScore, rank_spaces, ranked

OWN = Space("own", (24, 24, 3), 4, (Stage(16, 2), Stage(24, 2)), (12, 24), (0.5, 1.0))
SPACES = (
    OWN,
    mcunet_space(1000),
    mcunet_space(2, squeeze=True, block_widths=True),
    series_space((29, 1, 12), 9),
    image_space((8, 8, 1), 10),
)


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_plan_is_below_the_bound_and_the_planner_reaches_it(space: Space, seed: int) -> None:
    network = space.architecture(space.sample(np.random.default_rng(seed)))
    plan = plan_layer(graph_of(network), in_place=own_kernels())
    assert layer_bound_bytes(network) == plan.lower_bound_bytes <= plan.arena_bytes


@pytest.mark.parametrize("schedule", ["layer", "tflm", "stream"])
def test_the_quick_test_agrees_with_the_oracle_away_from_the_limit(schedule: str) -> None:
    space = replace(OWN.restricted(32, 1.0), input_shape=(32, 32, 3), stem_channels=24)
    networks = [space.architecture(space.sample(np.random.default_rng(seed))) for seed in range(10)]
    loose = MemoryOracle(Budget.of("STM32F746", schedule=schedule))
    needs = [loose.need(network) for network in networks]
    sram, flash = int(1.1 * sorted(n.sram_bytes for n in needs)[6]), sorted(n.flash_bytes for n in needs)[5]
    fits = QuickFit(Budget.of("STM32F746", sram_bytes=sram, flash_bytes=flash, schedule=schedule), space)
    verdicts = []
    for network, need in zip(networks, needs):
        shares = need.sram_bytes / sram, need.flash_bytes / flash
        if not any(0.95 < share < 1.05 for share in shares):
            assert fits(network) == (max(shares) <= 1), need
            verdicts.append(fits(network))
    assert set(verdicts) == {False, True}


def test_a_budget_of_macs_counts() -> None:
    network, space = OWN.architecture(OWN.extreme(True)), OWN.restricted(24, 1.0)
    for spare, expected in ((0, True), (-1, False)):
        assert QuickFit(Budget.of("STM32F746", max_macs=network.macs + spare), space)(network) is expected


def under(limit: int) -> Any:
    return lambda _: lambda network: network.macs < limit


def test_every_subspace_is_sampled_and_ranked_by_the_mean_of_what_fits() -> None:
    seen: list[Architecture] = []

    def fits(network: Architecture) -> bool:
        seen.append(network)
        return network.macs < 250_000

    ranking = rank_spaces(OWN, lambda _: fits, samples=50)
    assert {(s.resolution, s.width) for s in ranking.scores} == {(12, 0.5), (12, 1.0), (24, 0.5), (24, 1.0)}
    assert len(seen) == 200
    for score in ranking.scores:
        stem = 8 if score.width == 0.5 else 16
        stem = OWN.restricted(score.resolution, score.width).architecture(OWN.extreme(False)).stem_channels
        mine = [n for n in seen if n.input_shape[0] == score.resolution and n.stem_channels == stem]
        assert score.macs == tuple(sorted(n.macs for n in mine if n.macs < 250_000))
    means = [s.mean_macs for s in ranking.scores if s.fit_rate >= ranking.least_fit_rate]
    assert means == sorted(means, reverse=True)
    assert ranking.winner() == OWN.restricted(ranking.best.resolution, ranking.best.width)


def test_the_winner_computes_as_much_as_the_budget_lets_it() -> None:
    # Under a loose budget the largest subspace wins, under a tight one a smaller one: the paper's finding.
    loose, tight = (rank_spaces(OWN, under(limit), samples=60).best for limit in (10**9, 200_000))
    assert (loose.resolution, loose.width) == (24, 1.0)
    assert (tight.resolution, tight.width) != (24, 1.0)


def test_a_subspace_of_a_few_lucky_draws_does_not_win() -> None:
    lucky, solid = SpaceScore(24, 1.0, 1000, (900,) * 9), SpaceScore(12, 1.0, 1000, (500,) * 600)
    none = SpaceScore(48, 1.0, 1000, ())
    assert ranked([none, lucky, solid], 0.01) == (solid, lucky, none)
    assert ranked([none, lucky, solid], 0.0) == (lucky, solid, none)


def test_one_seed_gives_one_ranking_and_a_subset_the_same_scores() -> None:
    whole, again = (rank_spaces(OWN, under(300_000), samples=30, seed=7) for _ in range(2))
    assert whole == again
    part = rank_spaces(OWN.restricted(24, 0.5), under(300_000), samples=30, seed=7)
    assert part.scores[0] in whole.scores
    assert rank_spaces(OWN, under(300_000), samples=30, seed=8).scores != whole.scores


def test_an_interrupted_ranking_continues(tmp_path: Path) -> None:
    calls = 0

    def fits(network: Architecture) -> bool:
        nonlocal calls
        calls += 1
        if calls == 70:
            raise KeyboardInterrupt
        return network.macs < 300_000

    with pytest.raises(KeyboardInterrupt):
        rank_spaces(OWN, lambda _: fits, samples=30, directory=tmp_path)
    ranking = rank_spaces(OWN, lambda _: fits, samples=30, directory=tmp_path)
    assert ranking == rank_spaces(OWN, under(300_000), samples=30)
    assert calls == 70 + 2 * 30, "the two finished subspaces are not sampled again"
    other = rank_spaces(OWN, lambda _: fits, samples=30, directory=tmp_path, seed=1)
    assert other == rank_spaces(OWN, under(300_000), samples=30, seed=1)


def test_where_nothing_fits_the_ranking_says_so() -> None:
    ranking = rank_spaces(OWN, lambda _: lambda _: False, samples=5, constraints="8 bytes")
    with pytest.raises(ConstraintError, match="none of 20 networks drawn from space 'own' fits: 8 bytes"):
        _ = ranking.best
    assert "nothing fits" in render_ranking(ranking)
    with pytest.raises(UsageError):
        rank_spaces(OWN, under(1), samples=0)


def test_spaces_of_series_and_of_one_resolution_are_ranked_too() -> None:
    budget = Budget.of("STM32F411", sram_bytes=32_000, flash_bytes=128_000)
    series = rank_spaces(series_space((64, 1, 6), 4), quick_fits(budget), samples=20)
    assert (
        len(series.scores) == 4
        and 0 < series.scores[0].fit_rate < 1
        and {s.resolution for s in series.scores} == {64}
    )
    assert series.winner().architecture(series.winner().extreme(False)).axes == 1


def test_distribution_functions_and_quantiles() -> None:
    score = SpaceScore(24, 1.0, 10, (10, 20, 20, 40))
    assert [score.cdf(m) for m in (9, 10, 20, 39, 40)] == [0, 0.25, 0.75, 0.75, 1]
    assert [score.quantile(q) for q in (0.1, 0.25, 0.5, 0.75, 1.0)] == [10, 10, 20, 20, 40]
    assert score.mean_macs == 22.5 and score.fit_rate == 0.4


def test_the_files_hold_the_whole_ranking_and_the_page_asks_for_nothing(tmp_path: Path) -> None:
    ranking = rank_spaces(replace(OWN, name="<script>x"), under(300_000), samples=20, constraints="a < b")
    ranking.save(tmp_path)
    data = json.loads((tmp_path / "spaces.json").read_text())
    assert data == ranking.to_dict()
    assert [s["macs"] for s in data["scores"]] == [list(s.macs) for s in ranking.scores]
    page = (tmp_path / "spaces.html").read_text()
    assert "http" not in page.replace("http-equiv", "") and "<script" not in page and "a &lt; b" in page
    assert cdf_svg(ranking.scores).count("<path") == sum(bool(s.macs) for s in ranking.scores)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Debian's chromium")
def test_the_page_renders_in_a_browser(tmp_path: Path) -> None:
    rank_spaces(OWN, under(300_000), samples=20).save(tmp_path)
    command = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--dump-dom",
    ]
    page = subprocess.run(
        [*command, str(tmp_path / "spaces.html")], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert page.count("<section>") == 3 and "NaN" not in page
