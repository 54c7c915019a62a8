"""Schedules of one graph at several MAC budgets: the partition of lowest peak, placed, and chosen anew if need be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tflm_mcunet.schedule.rows import RowGraph
from tflm_mcunet.schedule.schedule import Schedule, aligned
from tflm_mcunet.schedule.stages_assemble import assembled
from tflm_mcunet.schedule.stages_build import Placement
from tflm_mcunet.schedule.stages_cost import StreamCosts, costs_of
from tflm_mcunet.schedule.stages_maps import gaps, map_orders, place_maps
from tflm_mcunet.schedule.stages_place import Hints, PositionSearch, place_stage
from tflm_mcunet.schedule.stages_search import Candidate, Planner
from tflm_mcunet.schedule.stages_wide import wide_maps
from tflm_mcunet.schedule.stages_work import StageWork, size_of
from tflm_mcunet.schedule.stream_pack import Effort

#: How often a partition is chosen anew because its stages do not fit together as low as each alone.
CHARGES = 3


@dataclass
class Plans:
    """Schedules of one graph at several MAC budgets; what one has found out serves the next."""

    rows: RowGraph
    planner: Planner
    notes: Sequence[str]
    effort: int

    def lowest(self) -> Schedule:
        """The plan of lowest peak without recomputation."""
        plan = self.within(0)
        assert plan is not None
        return plan

    def within(self, spare: int, below: int = 1 << 60) -> Schedule | None:
        """The best partition with at most `spare` recomputed MACs, placed; None where it cannot be below `below`.

        Where the maps cannot lie so that every stage takes what it takes alone, the stage that ends highest is charged
        what it took, and the partition is chosen anew.
        """
        best: Schedule | None = None
        charged: list[tuple[Candidate, int | None, int]] = []
        for _ in range(1 + (CHARGES if spare or self.planner.floor else 0)):
            self.planner.allow(min(below, best.arena_bytes) if best else min(self.planner.ceiling, below))
            path = self.planner.best_path(spare)
            goal = max(self.planner.floor, max((c.known for c in path), default=1 << 60))
            if goal >= (below if best is None else min(below, best.arena_bytes)):
                break
            plan = self._schedule(path, goal, min(below, best.arena_bytes) if best else below)
            if best is not None and plan.arena_bytes >= best.arena_bytes:
                break  # another partition has not helped
            best = plan
            if plan.arena_bytes <= aligned(goal):
                break
            for candidate, stage in zip(path, plan.stages):
                if aligned(stage.peak_bytes) == plan.arena_bytes:
                    charged.append((candidate, candidate.cost, candidate.level))
                    candidate.cost, candidate.level = stage.peak_bytes, 9
        for candidate, cost, level in reversed(charged):
            candidate.cost, candidate.level = cost, level
        return best if best is not None and best.arena_bytes < below else None

    def _schedule(self, path: Sequence[Candidate], goal: int, below: int) -> Schedule:
        rows = self.rows
        works = [c.best for c in path if c.best is not None]
        life, _ = gaps(works)
        sizes = {t: size_of(rows, t) for t in life}
        grain = self.planner.map_alignment
        at, placements = _placed(works, goal, below, sizes, grain, Effort(self.effort), self.planner.hints)
        return assembled(
            rows, works, at, placements, [c.macs for c in path], max(c.bound for c in path), self.notes
        )


def wide_plans(
    plans: Plans,
    kinds: Sequence[str],
    fed: int,
    alignments: tuple[int, int],
    notes: Sequence[str],
    effort: int,
) -> list[Plans]:
    """The same graph with the rows of some maps apart, for strips that write over their input."""
    wide = wide_maps(plans.rows, plans.planner.live, alignments[1])
    return [plans_of(replace(plans.rows, wide=w), kinds, fed, alignments, notes, effort) for w in wide]


def plans_of(
    rows: RowGraph,
    kinds: Sequence[str],
    fed: int,
    alignments: tuple[int, int],
    notes: Sequence[str],
    effort: int,
    floor: int = 0,
    longest: int = 1 << 60,
    costs: tuple[StreamCosts, ...] = costs_of(""),
) -> Plans:
    """The planner of a graph: candidate stages and what is known of them.

    Args:
        rows: RowGraph.
        kinds: sequence of str. Out of "layer", "stream", "patch".
        fed: int. The tensor whose rows the caller feeds, or -1.
        alignments: (int, int). Of rows inside a stage, of whole maps.
        notes: sequence of str. What was not done, and why.
        effort: int. Block placements to spend on getting nearer to the bound.
        floor: int. Bytes that a plan may take if its streams cost less for them; 0 for the lowest peak.
        longest: int. The most nodes of a stage.
        costs: tuple of StreamCosts. What streams cost, where there is a floor.
    """
    planner = Planner(
        rows,
        tuple(kinds),
        fed,
        *alignments,
        Effort(effort // 2),
        longest=longest,
        floor=floor,
        stream_costs=costs,
    )
    return Plans(rows, planner, notes, effort // 2)


def _placed(
    works: Sequence[StageWork],
    goal: int,
    below: int,
    sizes: dict[int, int],
    alignment: int,
    effort: Effort,
    hints: Hints,
) -> tuple[dict[int, int], list[Placement | None]]:
    """Positions under the lowest peak that the search finds, from `goal` up; never fails."""
    life, pairs = gaps(works)
    greedy: tuple[int, dict[int, int], list[Placement | None]] | None = None
    for order in map_orders(life, sizes):
        at = place_maps(sizes, pairs, order, alignment)
        top = max((at[t] + sizes[t] for t in at), default=0)
        placements: list[Placement | None] = []
        for work in works:
            placement = place_stage(
                work, {t: at[t] for t in work.maps}, max(top, goal), effort, greedy[0] if greedy else 1 << 60
            )
            placements.append(placement)
            top = max(top, placement.end if placement else 0)
            if greedy is not None and top >= greedy[0]:
                break
        if greedy is None or top < greedy[0]:
            greedy = (top, at, placements)
        if top <= goal:
            break
    assert greedy is not None
    ceiling, at, placements = greedy
    peak = goal
    for _ in range(4):
        if peak >= min(ceiling, below):
            break
        found = PositionSearch(works, peak, alignment, effort, hints).run()
        if found is not None:
            return found
        peak += max(alignment, (ceiling - peak) // 3 // alignment * alignment)
    return at, placements
