"""Placement: no overlap, never worse than the greedy planners, and the optimum where it can be known."""

from __future__ import annotations

import itertools
import random
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tflm_mcunet.schedule.allocate import allocate, arena_bytes, lower_bound_bytes, place
from tflm_mcunet.schedule.first_fit import first_fit, instance
from tflm_mcunet.schedule.schedule import Buffer, aligned


def assert_valid(placed, unplaced=()):
    """No two buffers of `unplaced` share time and space with any other of `placed`."""
    for a, b in itertools.combinations(range(len(placed)), 2):
        if a not in unplaced and b not in unplaced:
            continue
        x, y = placed[a], placed[b]
        if x.overlaps_in_time(y) and x.size_bytes and y.size_bytes:
            assert x.offset + x.size_bytes <= y.offset or y.offset + y.size_bytes <= x.offset, (x, y)
    for i in unplaced:
        assert placed[i].offset >= 0 and placed[i].offset % 16 == 0


def first_fit_by_definition(buffers, order):
    """Arena of TFLite Micro's greedy placement in an order, written from its description."""
    placed = []
    for i in order:
        b = buffers[i]
        offset = 0
        for other in sorted((p for p in placed if p.overlaps_in_time(b)), key=lambda p: p.offset):
            if other.offset - offset >= aligned(b.size_bytes):
                break
            offset = max(offset, other.offset + aligned(other.size_bytes))
        placed.append(replace(b, offset=offset))
    return max(p.offset + aligned(p.size_bytes) for p in placed)


def greedy_by_size(buffers):
    return first_fit_by_definition(
        buffers, sorted(range(len(buffers)), key=lambda i: (-aligned(buffers[i].size_bytes), -i))
    )


def greedy_by_breadth(buffers):
    """Pisarchyk and Lee 2020, section 5.2, with first fit."""
    steps = range(max(b.last_step for b in buffers) + 1)
    live = [[i for i, b in enumerate(buffers) if b.first_step <= s <= b.last_step] for s in steps]
    order = []
    for s in sorted(steps, key=lambda s: (-sum(aligned(buffers[i].size_bytes) for i in live[s]), s)):
        order += [
            i for i in sorted(live[s], key=lambda i: (-aligned(buffers[i].size_bytes), i)) if i not in order
        ]
    return first_fit_by_definition(buffers, order)


def fits_by_brute_force(buffers, capacity, placed=()):
    """Whether any placement on the 16-byte grid fits: every offset of every buffer is tried."""
    if len(placed) == len(buffers):
        return True
    b = buffers[len(placed)]
    for offset in range(0, capacity - aligned(b.size_bytes) + 1, 16):
        end = offset + aligned(b.size_bytes)
        clash = any(
            p.overlaps_in_time(b) and p.offset < end and offset < p.offset + aligned(p.size_bytes)
            for p in placed
        )
        if not clash and fits_by_brute_force(buffers, capacity, (*placed, replace(b, offset=offset))):
            return True
    return False


def best_by_brute_force(buffers):
    ordered = sorted(buffers, key=lambda b: b.first_step)
    return next(c for c in itertools.count(lower_bound_bytes(buffers), 16) if fits_by_brute_force(ordered, c))


def full_buffers(rng, units, steps):
    """Buffers that fill `units` blocks of 16 bytes at every step, without regard to where they would lie."""
    live, buffers = [(units, 0)], []
    for step in range(1, steps):
        freed = 0
        for _ in range(rng.randint(1, 2)):
            if live:
                size, born = live.pop(rng.randrange(len(live)))
                buffers.append((size, born, step - 1))
                freed += size
        while freed:
            size = rng.randint(1, freed)
            live.append((size, step))
            freed -= size
    buffers += [(size, born, steps - 1) for size, born in live]
    return [
        Buffer(i, 16 * size - rng.randrange(16), first, last) for i, (size, first, last) in enumerate(buffers)
    ]


def random_buffers(rng, count, steps, longest, largest=5000):
    buffers = []
    for i in range(count):
        first = rng.randrange(steps)
        buffers.append(
            Buffer(i, rng.randint(1, largest), first, min(steps - 1, first + rng.randrange(longest)))
        )
    return buffers


spans = st.tuples(st.integers(0, 12), st.integers(0, 6), st.integers(0, 300))
instances = st.lists(spans, min_size=1, max_size=14).map(
    lambda rows: [Buffer(i, size, first, first + length) for i, (first, length, size) in enumerate(rows)]
)


@settings(max_examples=150, deadline=None)
@given(instances)
def test_valid_and_between_the_lower_bound_and_greedy(buffers):
    found = place(buffers, effort=20_000)
    assert_valid(found.buffers, range(len(buffers)))
    assert [replace(b, offset=-1) for b in found.buffers] == buffers
    assert found.arena_bytes == arena_bytes(found.buffers)
    assert lower_bound_bytes(buffers) <= found.lower_bound_bytes <= found.arena_bytes
    if any(b.size_bytes for b in buffers):
        assert found.arena_bytes <= min(greedy_by_size(buffers), greedy_by_breadth(buffers))
    assert place(buffers, effort=20_000) == found


def test_optimum_of_small_instances():
    rng = random.Random(5)
    above_bound = below_greedy = 0
    for _ in range(300):
        buffers = full_buffers(rng, rng.randint(4, 7), rng.randint(5, 9))
        greedy = min(greedy_by_size(buffers), greedy_by_breadth(buffers))
        found = place(buffers)
        truth = best_by_brute_force(buffers)
        assert found.arena_bytes == truth == found.lower_bound_bytes
        above_bound += truth > lower_bound_bytes(buffers)
        below_greedy += truth < greedy
    assert below_greedy > 10 and above_bound >= 1, (below_greedy, above_bound)


def test_reaches_the_lower_bound_where_greedy_by_size_does_not():
    # A placement that fills 1024 bytes at every step, cut into buffers: the bound can be reached.
    rng = random.Random(11)
    beaten = reached = 0
    for _ in range(25):
        buffers = []
        pieces = [(0, 1024, 0)]
        for step in range(1, 30):
            start, size, born = pieces.pop(rng.randrange(len(pieces)))
            buffers.append(Buffer(len(buffers), size, born, step - 1))
            # Its bytes, and those of what lies beside it, are dealt out again.
            cut = 16 * rng.randint(0, size // 16)
            pieces += [piece for piece in ((start, cut, step), (start + cut, size - cut, step)) if piece[1]]
        buffers += [Buffer(len(buffers) + k, size, born, 29) for k, (_, size, born) in enumerate(pieces)]
        assert lower_bound_bytes(buffers) == 1024
        found = place(buffers)
        beaten += found.arena_bytes < greedy_by_size(buffers)
        reached += found.arena_bytes == 1024
    assert reached >= 24 and beaten >= 10


@settings(max_examples=80, deadline=None)
@given(instances, st.data())
def test_fixed_buffers_stay_and_are_avoided(buffers, data):
    fixed = data.draw(st.lists(st.integers(0, len(buffers) - 1), unique=True, max_size=4))
    offsets = {i: data.draw(st.integers(0, 700)) for i in fixed}
    given_buffers = [replace(b, offset=offsets.get(i, -1)) for i, b in enumerate(buffers)]
    found = place(given_buffers, effort=20_000)
    assert_valid(found.buffers, [i for i in range(len(buffers)) if i not in fixed])
    assert all(found.buffers[i].offset == offset for i, offset in offsets.items())
    assert lower_bound_bytes(given_buffers) <= found.lower_bound_bytes <= found.arena_bytes


def test_fixed_buffers_that_overlap_count_once():
    fixed = [Buffer(0, 64, 0, 3, 0), Buffer(1, 64, 0, 3, 32), Buffer(2, 16, 1, 1)]
    assert lower_bound_bytes(fixed) == 112
    assert [b.offset for b in allocate(fixed)] == [0, 32, 96]


def test_hole_between_fixed_buffers_is_used():
    buffers = [Buffer(0, 16, 0, 9, 0), Buffer(1, 16, 0, 9, 64), Buffer(2, 48, 2, 3)]
    assert [b.offset for b in allocate(buffers)] == [0, 64, 16]


def test_nothing_and_one():
    assert allocate([]) == () and arena_bytes([]) == 0 and lower_bound_bytes([]) == 0
    assert allocate([Buffer(7, 5, 0, 0)]) == (Buffer(7, 5, 0, 0, 0),)


def test_past_two_gibibytes():
    huge = 5 << 31
    buffers = [Buffer(0, huge, 0, 1), Buffer(1, huge + 1, 1, 2), Buffer(2, huge, 2, 3)]
    assert place(buffers).arena_bytes == aligned(huge) + aligned(huge + 1)


@pytest.mark.parametrize("longest", [8, 6000], ids=["chain", "dense"])
def test_ten_thousand_buffers_in_seconds(longest):
    rng = random.Random(3)
    buffers = random_buffers(rng, 10_000, 9_000, longest, 1 << 20)
    start = time.process_time()
    found = place(buffers)
    assert time.process_time() - start < 10
    events = sorted(found.buffers, key=lambda b: b.first_step)
    # Overlap at a step: sweep, with the live buffers by offset.
    for b in rng.sample(events, 60):
        for other in events:
            if other is not b and other.overlaps_in_time(b):
                assert other.offset + other.size_bytes <= b.offset or b.offset + b.size_bytes <= other.offset
    assert found.lower_bound_bytes <= found.arena_bytes


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(spans, st.integers(0, 6), st.integers(0, 200)), min_size=1, max_size=8), instances)
def test_nested_buffers_stay_in_their_outer_one(pairs, others):
    buffers, nested = list(others), []
    for (first, length, size), more, extra in pairs:
        inner = Buffer(len(buffers), size, first, first + length)
        outer = Buffer(len(buffers) + 1, size + extra, inner.last_step + 1, inner.last_step + 1 + more)
        nested.append((len(buffers), len(buffers) + 1, extra // 16 * 16))
        buffers += [inner, outer]
        if more:
            # And the outer one is in turn the inner one of a third.
            third = Buffer(len(buffers), size + 2 * extra, outer.last_step + 1, outer.last_step + 2)
            nested.append((len(buffers) - 1, len(buffers), 16))
            buffers.append(third)
    found = place(buffers, nested=nested, effort=10_000)
    assert_valid(found.buffers, range(len(buffers)))
    for inner, outer, shift in nested:
        assert found.buffers[inner].offset == found.buffers[outer].offset + shift
    assert lower_bound_bytes(buffers) <= found.lower_bound_bytes <= found.arena_bytes
    # The vectors for large instances place groups by the same rule as the lists.
    listed = instance(buffers, nested)
    order = [i for i in range(len(buffers)) if listed.leaders.get(i, i) == i]
    assert first_fit(replace(listed, neighbours=None), order) == first_fit(listed, order)
