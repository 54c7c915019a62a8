"""The two ways of placing agree, and neither puts living buffers over each other; the truth is in test_memory.py."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tflm_mcunet.tflm import greedy
from tflm_mcunet.tflm.greedy import Buffer, head_bytes, place


@st.composite
def buffers(draw, offline=False):
    first = draw(st.integers(-1, 12))
    span = draw(st.integers(0, 6))
    fixed = draw(st.none() | st.integers(0, 20).map(lambda n: 16 * n)) if offline else None
    return Buffer(16 * draw(st.integers(0, 9)), first, first + span, fixed)


def order(wanted):
    count = len(wanted)
    fixed = [i for i in range(count) if wanted[i].offline_bytes is not None]
    free = [i for i in reversed(range(count)) if wanted[i].offline_bytes is None]
    return fixed + sorted(free, key=lambda i: -wanted[i].size_bytes)


@settings(max_examples=300, deadline=None)
@given(st.lists(buffers(offline=True), max_size=30))
def test_lists_and_arrays_place_alike(wanted):
    assert greedy._place_few(wanted, order(wanted)) == greedy._place_many(wanted, order(wanted))


@settings(max_examples=300, deadline=None)
@given(st.lists(buffers(), max_size=30))
def test_buffers_that_live_together_lie_apart(wanted):
    offsets = place(wanted)
    for i, a in enumerate(wanted):
        for j, b in enumerate(wanted[:i]):
            together = a.first <= b.last and b.first <= a.last
            apart = offsets[i] >= offsets[j] + b.size_bytes or offsets[j] >= offsets[i] + a.size_bytes
            assert apart or not together
    assert head_bytes(wanted, offsets) <= sum(b.size_bytes for b in wanted)


def test_offline_offsets_are_kept_and_their_gaps_are_used():
    wanted = [Buffer(16, 0, 5, 0), Buffer(16, 0, 5, 64), Buffer(48, 1, 2), Buffer(64, 1, 2)]
    assert place(wanted) == [0, 64, 16, 80]


def test_nothing_takes_no_memory():
    assert place([]) == []
    assert head_bytes([], []) == 0
