"""Search for the partition into stages: candidates between cuts, and the path through them with the lowest peak."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tflm_mcunet.schedule.patch import Tiling, can_tile, tiled
from tflm_mcunet.schedule.rows import RowGraph
from tflm_mcunet.schedule.stages_build import place_rows
from tflm_mcunet.schedule.stages_cost import StreamCosts, costs_of, stage_cost
from tflm_mcunet.schedule.stages_live import runs
from tflm_mcunet.schedule.stages_maps import gaps, place_maps
from tflm_mcunet.schedule.stages_patch import PatchCosts
from tflm_mcunet.schedule.stages_place import Hints, squeeze
from tflm_mcunet.schedule.stages_work import StageWork, shortcuts, size_of, stage_work
from tflm_mcunet.schedule.stream_pack import Effort

#: Row steps (and a few for each operator) to spend on finding the order of candidate stages; where it ends, so do
#: longer stages. The networks of the MCUNet zoo take a third of it.
MOST_STEPS = 1_000_000

#: Blocks that may be placed to learn the cost of candidates; where it ends, only those already packed are taken.
MOST_PACKING = 200_000


@dataclass
class Candidate:
    """A stage that might be taken, and what is known of its cost so far."""

    first: int
    last: int
    works: list[StageWork]  # made when they are needed where `stages_live` knows the bound
    bound: int
    cost: int | None = None
    best: StageWork | None = None
    level: int = -1
    macs: int = 0
    streaming_cost: int = 0
    tiling: Tiling | None = None

    @property
    def known(self) -> int:
        return self.bound if self.cost is None else self.cost


#: (known bytes, first node, end, recomputed MACs, candidate).
Edge = tuple[int, int, int, int, Candidate]


def _price(candidate: Candidate, floor: int) -> int:
    """One for each stage; where there is a floor, what streaming costs counts before stages."""
    return 1 + (candidate.streaming_cost << 10 if floor else 0)


def _fewest_macs(edges: Sequence[Edge], peak: int, spare: int, count: int, floor: int = 0) -> list[Candidate]:
    """The path of fewest recomputed MACs, then least price, of candidates up to `peak`; empty above `spare`."""
    far = (1 << 62, 0)
    best, last_of = [(0, 0)] + [far] * count, dict[int, Candidate]()
    for known, first, last, extra, candidate in edges:
        if known <= peak:
            macs, price = best[first]
            way = (macs + extra, price + _price(candidate, floor))
            if way < best[last] and way[0] <= spare:
                best[last], last_of[last] = way, candidate
    found: list[Candidate] = []
    at = count if best[count] != far else 0
    while at:
        found.append(last_of[at])
        at = last_of[at].first
    return found[::-1]


@dataclass
class Planner:
    """The candidates of one graph. `best_path` finds the partition.

    Where `floor` is given, peaks below it are as good as `floor`, and of such partitions that whose streams cost least
    (`stages_cost`) is the best: a whole operator shares more between its rows than one that computes them one by one.
    """

    rows: RowGraph
    kinds: tuple[str, ...]
    fed: int
    row_alignment: int
    map_alignment: int
    effort: Effort
    ceiling: int = 1 << 60
    hints: Hints = field(default_factory=dict)
    memo: dict[tuple[int, int], list[Candidate]] = field(default_factory=dict)
    patch_memo: dict[tuple[int, int, int], list[Candidate]] = field(default_factory=dict)
    tilings: dict[tuple[int, int, Tiling], Candidate] = field(default_factory=dict)
    costs: dict[int, PatchCosts] = field(default_factory=dict)
    longest: int = 1 << 60
    floor: int = 0
    stream_costs: tuple[StreamCosts, ...] = costs_of("")
    started: bool = False
    packing: Effort = field(default_factory=lambda: Effort(MOST_PACKING))

    def __post_init__(self) -> None:
        self.live = live_sets(self.rows)
        self.cuts = cut_positions(self.rows, self.live)
        self.bounds: dict[tuple[int, int], int] = {}
        streaming = "stream" in self.kinds
        self.runs = runs(self.rows, self.live, self.cuts, self.fed, self.row_alignment) if streaming else []
        for run in self.runs:
            if run.exact:
                inside = [c for c in self.cuts if run.first <= c <= run.last]
                for n, end in enumerate(inside[1:], 1):
                    found = run.stage_bytes(inside[:n], end).tolist()
                    self.bounds.update({(start, end): b for start, b in zip(inside, found)})

    def candidates(self, first: int, last: int) -> list[Candidate]:
        """The ways to run nodes [first, last) as one stage; memoised."""
        key, nodes = (first, last), self.rows.nodes
        if key not in self.memo:
            found = []
            dense = last > first + 1 or not {*nodes[first].inputs, *nodes[first].outputs} & set(
                self.rows.wide
            )
            if last == first + 1 and dense and not (self.fed >= 0 and first == 0):
                work = stage_work(self.rows, first, last, "layer", self.live)
                found.append(Candidate(first, last, [work], sum(size_of(self.rows, t) for t in work.maps)))
                top = self.local(work)
                found[-1].cost, found[-1].best, found[-1].level, found[-1].bound = top, work, 9, top
            if "stream" in self.kinds and all(n.streams for n in self.rows.nodes[first:last]):
                if self.fed >= 0 and first == 0 and self.fed in self.live[last]:
                    pass
                elif key in self.bounds:
                    found.append(Candidate(first, last, [], self.bounds[key]))
                else:
                    works = self.streams(first, last)
                    found.append(Candidate(first, last, works, min(w.live_bytes for w in works)))
            for c in found:
                c.macs = sum(n.macs for n in self.rows.nodes[first:last])
                if self.floor:
                    streams = not (c.works and c.works[0].kind == "layer")
                    c.streaming_cost = stage_cost(
                        self.rows, nodes[first:last], self.stream_costs, streams=streams
                    )
            self.memo[key] = found
        return self.memo[key]

    def streams(self, first: int, last: int) -> list[StageWork]:
        """The orders in which nodes [first, last) may stream, as stages."""
        fed = self.fed if first == 0 else -1
        nodes = self.rows.nodes[first:last]
        held = shortcuts(nodes) if any(len(n.inputs) > 1 for n in nodes) else ()
        variants = [(), held] if held else [()]
        return [
            stage_work(self.rows, first, last, "stream", self.live, fed, v, self.row_alignment)
            for v in variants
        ]

    def local(self, work: StageWork, goal: int = 0) -> int:
        """Arena bytes of a stage alone, its maps where they suit it."""
        life, pairs = gaps([work])
        sizes = {t: size_of(self.rows, t) for t in life}
        order = [*work.outs, *(t for t in work.ins if t not in work.outs), *work.through]
        at = place_maps(sizes, pairs, order, self.map_alignment)
        return self.packed(work, at, goal)

    def packed(self, work: StageWork, at: dict[int, int], goal: int) -> int:
        """Arena bytes of a stage whose maps lie at `at`; of one above the ceiling, that it lies above."""
        base = max((at[t] + size_of(self.rows, t) for t in work.maps), default=0)
        if work.kind == "layer":
            return base
        top = max(goal, base)
        # Of passes, no other needs to be packed lower than the one that takes the most.
        for part in sorted(work.passes or (work,), key=lambda w: -w.live_bytes):
            top = max(top, place_rows(part, at, top, 0, self.packing).end)
            if top >= self.ceiling and work.passes:
                break
        return top

    def refine(self, candidate: Candidate, level: int) -> None:
        """Pack a candidate more carefully than before: once, then with its maps wherever they suit it."""
        if not candidate.works:
            candidate.works = self.streams(candidate.first, candidate.last)
            if candidate.tiling is not None:
                candidate.works = [tiled(w, candidate.tiling) for w in candidate.works]
            bound, candidate.bound = candidate.bound, min(self._live(w) for w in candidate.works)
            if candidate.bound > bound:
                return  # another may be better now
        for work in candidate.works:
            top = self.local(work, candidate.bound)
            if candidate.cost is None or top < candidate.cost:
                candidate.cost, candidate.best = top, work
        if level > 0 and candidate.tiling is None:
            for work in sorted(candidate.works, key=lambda w: w.live_bytes):
                found = squeeze(work, candidate.known, self.map_alignment, self.effort)
                if found is not None:
                    candidate.cost, candidate.best = found[0], work
                    self.hints[id(work)] = found[1]
        candidate.level = level

    def _live(self, work: StageWork) -> int:
        """The live bytes of a stage; of passes, only as many as it takes to know that they are above the ceiling."""
        most = 0
        for part in work.passes or (work,):
            most = max(most, part.live_bytes)
            if most >= self.ceiling:
                break
        return most

    def patches(self, first: int, last: int, spare: int) -> list[Candidate]:
        """Nodes [first, last) in tiles, with at most `spare` recomputed MACs; memoised."""
        key = (first, last, spare)
        if key not in self.patch_memo:
            run = next((r for r in self.runs if r.first <= first and last <= r.last), None)
            outs = self.live[last] - self.live[first]
            found: list[Candidate] = []
            if run is not None and len(outs) == 1 and can_tile(self.rows, first, last, next(iter(outs))):
                costs = self.costs.setdefault(run.first, PatchCosts(self.rows, run))
                for tiling, macs, bound in costs.options(first, last, spare, self.ceiling):
                    fresh = Candidate(first, last, [], bound, macs=macs, tiling=tiling)
                    found.append(self.tilings.setdefault((first, last, tiling), fresh))
            self.patch_memo[key] = found
        return self.patch_memo[key]

    def path(self, spare: int = 0) -> tuple[int, list[Candidate]]:
        """The path of least known peak, then fewest MACs, then least price, with at most `spare` recomputed MACs.

        A peak is possible where the path of fewest MACs through the candidates below it stays within the budget; the
        lowest possible one is found by bisection. No path: an empty list.
        """
        base = [0]
        for node in self.rows.nodes:
            base.append(base[-1] + node.macs)
        edges = [
            (c.known, c.first, c.last, c.macs - base[c.last] + base[c.first], c)
            for c in self._reachable(spare)
            if self.packing.left >= 0 or c.cost is not None  # else too late to find out; packed stages do
        ]
        peaks = sorted({max(e[0], self.floor) for e in edges})
        low, high = 0, len(peaks)
        found: list[Candidate] = []
        while low < high:
            middle = (low + high) // 2
            path = _fewest_macs(edges, peaks[middle], spare, len(self.rows.nodes), self.floor)
            if path:
                found, high = path, middle
            else:
                low = middle + 1
        return max(self.floor, max((c.known for c in found), default=0)), found

    def _reachable(self, spare: int) -> Iterator[Candidate]:
        """All candidates, those that begin first first."""
        count, cuts = len(self.rows.nodes), set(self.cuts)
        reached = {0}
        for first in range(count):
            if first not in reached:
                continue
            for last in range(first + 1, min(count, first + self.longest) + 1):
                single = last == first + 1
                if not single and (first not in cuts or not self._continues(last - 1)):
                    break
                if not single and (last not in cuts or self._maps_bytes(last) > self.ceiling):
                    continue
                options = self.candidates(first, last)
                tiles = spare and options and first in cuts and last in cuts
                more = self.patches(first, last, spare) if tiles else []
                yield from options
                yield from more
                if options:
                    reached.add(last)
                if not single and self._hopeless(last, (*options, *more)):
                    break

    def _continues(self, i: int) -> bool:
        """Whether a stage that has begun may take node `i`."""
        return self.rows.nodes[i].streams and i not in self.rows.barriers

    def _hopeless(self, last: int, options: Sequence[Candidate]) -> bool:
        """Whether no longer stage can do: rows inside only get more as it grows, though its output may get smaller."""
        return bool(options) and min(c.bound for c in options) - self._maps_bytes(last) > self.ceiling

    def _maps_bytes(self, cut: int) -> int:
        """Bytes of the maps that lie across a cut."""
        return sum(size_of(self.rows, t) for t in self.live[cut])

    def allow(self, ceiling: int) -> None:
        """Look at candidates up to another ceiling."""
        if ceiling > self.ceiling:
            self.patch_memo.clear()
        self.ceiling = ceiling

    def best_path(self, spare: int = 0) -> list[Candidate]:
        """Refine the most promising path, with at most `spare` recomputed MACs, until all of it is packed.

        Empty where every path is above the ceiling.
        """
        if not self.started:
            self.started = True
            if self.longest > 1:
                if self.ceiling == 1 << 60:
                    self._first_ceiling()
                self._limit_length()
            self.ceiling = max(self.ceiling, self.floor)
        while True:
            peak, found = self.path(spare)
            if peak > self.ceiling:
                return []
            todo = [c for c in found if c.level < 0]
            if todo:
                for c in todo:
                    self.refine(c, 0)
                continue
            self.ceiling = min(self.ceiling, peak)
            hard = [c for c in found if c.cost == peak and c.level == 0 and c.bound < peak]
            if not hard:
                return found
            for c in hard:
                self.refine(c, 1)

    def _first_ceiling(self) -> None:
        """A peak that is surely reached: a stage from each cut to the next."""
        peak = 0
        for first, last in zip(self.cuts, self.cuts[1:]):
            options = self.candidates(first, last)
            if not options:
                return
            for c in options:
                if c.level < 0:
                    self.refine(c, 0)
            peak = max(peak, min(c.known for c in options))
        self.ceiling = peak

    def _limit_length(self) -> None:
        """Find the candidates by rising length until `MOST_STEPS` are spent; `longest` is what that reaches."""
        count, cuts, left = len(self.rows.nodes), set(self.cuts), MOST_STEPS
        rows = [sum(self.rows.shape[t][0] for t in n.outputs[:1]) + 10 for n in self.rows.nodes]
        growing = [p for p in self.cuts if p < count]
        for length in range(2, count + 1):
            more = []
            for first in growing:
                last = first + length
                if last > count or not self._continues(last - 1):
                    continue
                more.append(first)
                if last in cuts and self._maps_bytes(last) <= self.ceiling:
                    left -= sum(rows[first:last])
                    if self._hopeless(last, self.candidates(first, last)):
                        more.pop()
            growing = more
            if left < 0:
                self.longest = length
                return


def cut_positions(rows: RowGraph, live: Sequence[frozenset[int]]) -> list[int]:
    """Where stages may begin and end: where one tensor is live, beside every node that does not stream, at barriers."""
    nodes, outputs = rows.nodes, set(rows.outputs)
    return [
        p
        for p in range(len(nodes) + 1)
        if p in (0, len(nodes))
        or p in rows.barriers
        or len(live[p] - outputs) <= 1
        or not nodes[p - 1].streams
        or not nodes[p].streams
    ]


def live_sets(rows: RowGraph) -> list[frozenset[int]]:
    """For each cut before node p: the tensors that exist there and are needed at or after it.

    An input that nothing reads is there at the start: the caller writes it wherever that may be.
    """
    count = len(rows.nodes)
    born = dict.fromkeys(rows.inputs, 0)
    last: dict[int, int] = dict.fromkeys(rows.inputs, 0)
    for i, node in enumerate(rows.nodes):
        for t in node.outputs:
            born[t] = i + 1
        for t in node.inputs:
            last[t] = i
    for t in rows.outputs:
        last[t] = count
    return [frozenset(t for t, b in born.items() if b <= p <= last.get(t, -1)) for p in range(count + 1)]
