"""Search for the partition into stages: candidates between cuts, and the path through them with the lowest peak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tflm_mcunet.schedule.patch import can_strip, strip_macs, strips
from tflm_mcunet.schedule.rows import RowGraph
from tflm_mcunet.schedule.stages_build import place_rows
from tflm_mcunet.schedule.stages_maps import gaps, place_maps
from tflm_mcunet.schedule.stages_place import Hints, squeeze
from tflm_mcunet.schedule.stages_work import StageWork, shortcuts, size_of, stage_work
from tflm_mcunet.schedule.stream_pack import Effort

#: Numbers of strips that are tried.
STRIPS = (2, 3, 4, 5, 6, 8)

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
    works: list[StageWork]
    bound: int
    cost: int | None = None
    best: StageWork | None = None
    level: int = -1
    macs: int = 0
    strips: int = 0

    @property
    def known(self) -> int:
        return self.bound if self.cost is None else self.cost


@dataclass(frozen=True)
class _Label:
    """The best known way to a cut, for some number of recomputed MACs."""

    peak: int
    extra: int
    stages: int
    candidate: Candidate | None
    before: _Label | None


def _keep(labels: list[_Label], new: _Label) -> None:
    """Add a label unless one is at least as good in everything; drop those that it beats."""
    if any(o.peak <= new.peak and o.extra <= new.extra and o.stages <= new.stages for o in labels):
        return
    labels[:] = [
        o for o in labels if not (new.peak <= o.peak and new.extra <= o.extra and new.stages <= o.stages)
    ]
    labels.append(new)


@dataclass
class Planner:
    """The candidates of one graph. `best_path` finds the partition."""

    rows: RowGraph
    kinds: tuple[str, ...]
    fed: int
    row_alignment: int
    map_alignment: int
    effort: Effort
    ceiling: int = 1 << 60
    hints: Hints = field(default_factory=dict)
    memo: dict[tuple[int, int], list[Candidate]] = field(default_factory=dict)
    patch_memo: dict[tuple[int, int], list[Candidate]] = field(default_factory=dict)
    longest: int = 1 << 60
    packing: Effort = field(default_factory=lambda: Effort(MOST_PACKING))

    def __post_init__(self) -> None:
        self.live = live_sets(self.rows)
        self.cuts = cut_positions(self.rows, self.live)

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
                works = self.streams(first, last)
                if works:
                    found.append(Candidate(first, last, works, min(w.live_bytes for w in works)))
            for c in found:
                c.macs = sum(n.macs for n in self.rows.nodes[first:last])
            self.memo[key] = found
        return self.memo[key]

    def streams(self, first: int, last: int) -> list[StageWork]:
        fed = self.fed if first == 0 else -1
        if fed >= 0 and fed in self.live[last]:
            return []
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
        """Arena bytes of a stage whose maps lie at `at`."""
        base = max((at[t] + size_of(self.rows, t) for t in work.maps), default=0)
        if work.kind == "layer":
            return base
        if work.passes:
            return max(self.packed(p, at, goal) for p in work.passes)
        return place_rows(work, at, max(goal, base), 0, self.packing).end

    def refine(self, candidate: Candidate, level: int) -> None:
        """Pack a candidate more carefully than before: once, then with its maps wherever they suit it."""
        if candidate.strips and not candidate.works:
            candidate.works = [
                strips(w, candidate.strips) for w in self.streams(candidate.first, candidate.last)
            ]
            candidate.bound = min(w.live_bytes for w in candidate.works)
        for work in candidate.works:
            top = self.local(work, candidate.bound)
            if candidate.cost is None or top < candidate.cost:
                candidate.cost, candidate.best = top, work
        if level > 0 and not candidate.strips:
            for work in sorted(candidate.works, key=lambda w: w.live_bytes):
                found = squeeze(work, candidate.known, self.map_alignment, self.effort)
                if found is not None:
                    candidate.cost, candidate.best = found[0], work
                    self.hints[id(work)] = found[1]
        candidate.level = level

    def patches(self, first: int, last: int) -> list[Candidate]:
        """Nodes [first, last) in strips; memoised. Their bound: what a stream holds inside, divided by the strips."""
        key = (first, last)
        if key in self.patch_memo:
            return self.patch_memo[key]
        found: list[Candidate] = []
        stream = next((c for c in self.candidates(first, last) if c.works[0].kind == "stream"), None)
        maps = max(self._maps_bytes(last), self._maps_bytes(first) if first or self.fed < 0 else 0)
        if stream is not None and stream.works[0].ins != stream.works[0].outs and can_strip(stream.works[0]):
            work = stream.works[0]
            width = self.rows.graph.tensors[work.outs[0]].shape[2]
            for count in STRIPS:
                bound = maps + max(0, stream.bound - maps) // count
                if count <= width and bound < self.ceiling:
                    macs = strip_macs(work, count)
                    found.append(Candidate(first, last, [], bound, macs=macs, strips=count))
        self.patch_memo[key] = found
        return found

    def path(self, spare: int = 0) -> tuple[int, list[Candidate]]:
        """The path of least known peak, then fewest MACs, then fewest stages, with at most `spare` recomputed MACs."""
        count = len(self.rows.nodes)
        best: list[list[_Label]] = [[] for _ in range(count + 1)]
        best[0] = [_Label(0, 0, 0, None, None)]
        cuts = set(self.cuts)
        base = [0]
        for node in self.rows.nodes:
            base.append(base[-1] + node.macs)
        for first in range(count):
            if not best[first]:
                continue
            for last in range(first + 1, min(count, first + self.longest) + 1):
                single = last == first + 1
                if not single and (first not in cuts or not self.rows.nodes[last - 1].streams):
                    break
                if not single and (last not in cuts or self._maps_bytes(last) > self.ceiling):
                    continue
                options = self.candidates(first, last)
                more = (
                    self.patches(first, last) if spare and options and first in cuts and last in cuts else []
                )
                for c in (*options, *more):
                    if self.packing.left < 0 and c.cost is None:
                        continue  # too late to find out; a path of packed stages is always there
                    extra = c.macs - (base[last] - base[first])
                    for here in best[first]:
                        if here.extra + extra <= spare:
                            peak = max(here.peak, c.known)
                            _keep(best[last], _Label(peak, here.extra + extra, here.stages + 1, c, here))
                if not single and self._hopeless(last, (*options, *more)):
                    break
        end = min(best[count], key=lambda n: (n.peak, n.extra, n.stages))
        found: list[Candidate] = []
        label: _Label | None = end
        while label is not None and label.candidate is not None:
            found.append(label.candidate)
            label = label.before
        return end.peak, found[::-1]

    def _hopeless(self, last: int, options: Sequence[Candidate]) -> bool:
        """Whether no longer stage can do: rows inside only get more as it grows, though its output may get smaller."""
        return bool(options) and min(c.bound for c in options) - self._maps_bytes(last) > self.ceiling

    def _maps_bytes(self, cut: int) -> int:
        """Bytes of the maps that lie across a cut."""
        return sum(size_of(self.rows, t) for t in self.live[cut])

    def best_path(self, spare: int = 0) -> list[Candidate]:
        """Refine the most promising path, with at most `spare` recomputed MACs, until all of it is packed."""
        if self.ceiling == 1 << 60:
            self._first_ceiling()
            self._limit_length()
        while True:
            peak, found = self.path(spare)
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
        rows = [self.rows.shape[n.outputs[0]][0] + 10 for n in self.rows.nodes]
        growing = [p for p in self.cuts if p < count]
        for length in range(2, count + 1):
            more = []
            for first in growing:
                last = first + length
                if last > count or not self.rows.nodes[last - 1].streams:
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
    """Where stages may begin and end: where one tensor is live, and beside every node that does not stream."""
    nodes, outputs = rows.nodes, set(rows.outputs)
    return [
        p
        for p in range(len(nodes) + 1)
        if p in (0, len(nodes))
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
