"""Search for the positions of the maps between stages, under a peak, so that every stage fits around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tflm_mcunet.schedule.stages_build import Placement, place_rings, place_rows
from tflm_mcunet.schedule.stages_maps import Gap, gaps
from tflm_mcunet.schedule.stages_work import StageWork, size_of
from tflm_mcunet.schedule.stream_pack import Effort


def place_stage(
    work: StageWork, at: Mapping[int, int], goal: int, effort: Effort, limit: int = 1 << 60
) -> Placement | None:
    """Rings where they end at or below `goal`, else row by row; None for a layer, which holds nothing but maps.

    Of passes, the one with the most live bytes comes first, and where one ends above `limit` the rest is left out.
    """
    if work.kind == "layer":
        return None
    if work.passes:
        parts: dict[int, Placement] = {}
        top = goal
        for i in sorted(range(len(work.passes)), key=lambda i: (-work.passes[i].live_bytes, i)):
            placement = place_stage(work.passes[i], at, top, effort)
            assert placement is not None
            parts[i] = placement
            top = max(top, placement.end)
            if placement.end > limit:
                return Placement(placement.end)
        return Placement(max(p.end for p in parts.values()), passes=tuple(parts[i] for i in sorted(parts)))
    best = place_rings(work, at, goal, 4, effort)
    for repairs in (0, 12):
        if best.end <= goal or (repairs and effort.left < 0):
            break
        in_rows = place_rows(work, at, goal, repairs, effort)
        if in_rows.end < best.end:
            best = in_rows
    return best


@dataclass(frozen=True)
class Hint:
    """A placement of one stage that took effort to find, and where its maps lay."""

    at: Mapping[int, int]
    placement: Placement


#: Stage -> what is known of it. Stages are compared by identity.
Hints = dict[int, Hint]


def squeeze(work: StageWork, known: int, alignment: int, effort: Effort) -> tuple[int, Hint] | None:
    """Look for a placement of a stage alone below `known` bytes: maps in many positions, the best repaired."""
    floor = -(-work.live_bytes // work.alignment) * work.alignment
    if floor >= known:
        return None
    found: list[tuple[int, int, dict[int, int], Placement]] = []
    share = Effort(effort.left // 3)
    for peak in dict.fromkeys((floor, floor + (known - floor) // 2 // alignment * alignment)):
        search = PositionSearch([work], peak, alignment, share)
        for at in search.positions(0):
            if share.left < 0:
                break
            placement = place_rows(work, at, floor, 0, share, starts=3)
            found.append((placement.end, len(found), at, placement))
            if placement.end <= floor:
                break
    effort.left -= effort.left // 3 - max(share.left, 0)
    if not found:
        return None
    found.sort(key=lambda f: f[:2])
    # Positions of the inputs matter most: repair the best placement for each of them.
    leaders = {tuple(at[t] for t in work.ins): (top, number, at) for top, number, at, _ in reversed(found)}
    for top, number, at in sorted(leaders.values(), key=lambda f: f[:2])[:4]:
        if found[0][0] <= floor or effort.left < 0:
            break
        share = Effort(effort.left // 3)
        effort.left -= share.left
        placement = place_rows(work, at, floor, 40, share, every_start=True)
        effort.left += max(share.left, 0)
        if placement.end < top:
            found.append((placement.end, number, at, placement))
    top, _, at, placement = min(found, key=lambda f: f[:2])
    return (top, Hint(at, placement)) if top < known else None


@dataclass
class PositionSearch:
    """Depth-first over the stages: each stage's new maps in turn at the places that suit it.

    Args:
        works: sequence of StageWork.
        peak: int. No byte at or above it.
        alignment: int. Of maps.
        effort: Effort. Blocks that may be placed, and positions tried, before giving up.
        hints: mapping. Placements that are known already.
    """

    works: Sequence[StageWork]
    peak: int
    alignment: int
    effort: Effort
    hints: Hints = field(default_factory=dict)
    tried: dict[tuple[int, tuple[int, ...]], Placement | None] = field(default_factory=dict)
    dead: set[tuple[int, tuple[int, ...]]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.life, self.pairs = gaps(self.works)
        self.sizes = {t: size_of(self.works[0].rows, t) for t in self.life}
        rivals: dict[int, list[int]] = {t: [] for t in self.life}
        for a, b in self.pairs:
            rivals[b].append(a)
        self.rivals = rivals

    def run(self) -> tuple[dict[int, int], list[Placement | None]] | None:
        """Offsets of the maps and the placement of each stage, or None where the effort ends first."""
        if any(sum(self.sizes[t] for t in w.through) > self.peak for w in self.works):
            return None
        return self._from(0, {})

    def _from(self, i: int, at: dict[int, int]) -> tuple[dict[int, int], list[Placement | None]] | None:
        if i == len(self.works):
            return at, []
        work = self.works[i]
        # What comes later sees no map but those that live on: the same places lead to the same end.
        state = (i, tuple(at[t] for t in sorted(at) if self.life[t][1] >= i - 1))
        if state in self.dead:
            return None
        for here in self.positions(i, at):
            self.effort.left -= 1
            if self.effort.left < 0:
                return None
            key = (i, tuple(here[t] for t in work.maps))
            if key not in self.tried:
                self.tried[key] = self._placed(i, here)
            placement = self.tried[key]
            if placement is not None and placement.end > self.peak:
                continue
            rest = self._from(i + 1, here)
            if rest is not None:
                if work.holds_nothing:
                    placement = place_stage(work, {t: here[t] for t in work.maps}, self.peak, self.effort)
                return rest[0], [placement, *rest[1]]
        self.dead.add(state)
        return None

    def _placed(self, i: int, here: Mapping[int, int]) -> Placement | None:
        """Stage `i` around its maps; None where nothing but maps is there, which fit."""
        work = self.works[i]
        if work.holds_nothing:
            return None
        mine, hint = {t: here[t] for t in work.maps}, self.hints.get(id(work))
        if hint is not None and hint.at == mine:
            return hint.placement
        self.effort.left -= work.end // 8  # rings to find and check
        return place_stage(work, mine, self.peak, self.effort, self.peak)

    def positions(self, i: int, at: dict[int, int] | None = None) -> Iterator[dict[int, int]]:
        """Positions for the maps of stage `i` that have none in `at`."""
        work, at = self.works[i], at or {}
        new = [t for t in (*work.ins, *work.through, *work.outs) if t not in at]
        yield from self._positions(i, list(dict.fromkeys(new)), at)

    def _positions(self, i: int, new: list[int], at: dict[int, int]) -> Iterator[dict[int, int]]:
        if not new:
            yield at
            return
        tensor, rest = new[0], new[1:]
        rivals = [(at[o], self.pairs[o, tensor]) for o in self.rivals[tensor] if o in at]
        for c in self._candidates(i, tensor, rivals):
            if 0 <= c <= self.peak - self.sizes[tensor] and all(gap.allows(c - base) for base, gap in rivals):
                yield from self._positions(i, rest, {**at, tensor: c})

    def _candidates(self, i: int, tensor: int, rivals: list[tuple[int, Gap]]) -> list[int]:
        """Places for a map: over its input in place, where the next stage would like it, at either end, as far up its
        input as the order allows, after a few rows of the stage (where the first output row appears by itself)."""
        work, top = self.works[i], self.peak - self.sizes[tensor]
        near = [self.hints.get(id(w)) for w in self.works[i : i + 2]]
        found = [hint.at[tensor] for hint in near if hint is not None and tensor in hint.at]
        found += [base for base, gap in rivals if gap.exact]
        found += [base + f for base, gap in rivals for f in gap.free]
        found += [0, top] if tensor in work.outs else [top, 0]
        after = self.works[i + 1] if i + 1 < len(self.works) else None
        if after is not None and tensor in after.ins:
            for result in after.outs:
                if result != tensor and (tensor, result) in self.pairs:
                    low = self.pairs[tensor, result].low
                    found += [-low, self.peak - self.sizes[result] - low]
        found += [base + gap.low for base, gap in rivals] + [base + gap.high for base, gap in rivals]
        if tensor in work.outs:
            widths = sorted({work.rows.shape[t][1] for t in work.order.birth}, reverse=True)
            found += [k * w for k in (3, 2) for w in widths[:3]]
        grain = self.alignment
        return list(dict.fromkeys(-(-c // grain) * grain for c in found))
