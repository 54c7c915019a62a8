"""Between two calls no variable and no output is lost, wherever the planner put them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tflm_mcunet.codegen.stream_state import WaitingState, waiting_state
from tflm_mcunet.graph import Graph, Op, Tensor

ARENA = 96


def graph_of(states: list[int], outputs: list[int]) -> Graph:
    """One operator that reads an input and all variables, and writes all outputs and new values."""
    sizes = [4, *states, *outputs, *states]
    tensors = tuple(Tensor(f"t{i}", (size,), "int8") for i, size in enumerate(sizes))
    inputs = tuple(range(1 + len(states)))
    made = tuple(range(len(inputs), len(sizes)))
    first = tuple(bytes([n]) * size for n, size in enumerate(states))
    return Graph(tensors, (Op("CUSTOM", inputs, made),), inputs, made, state=first)


def packed(draw: st.DrawFn, sizes: list[int]) -> list[int]:
    """Offsets at which no two of these share a byte, in any order, with gaps."""
    offsets, at = [0] * len(sizes), 0
    for i in draw(st.permutations(range(len(sizes)))):
        at += draw(st.integers(0, 6))
        offsets[i], at = at, at + sizes[i]
    return offsets


@st.composite
def placements(draw: st.DrawFn) -> tuple[Graph, list[int], list[int]]:
    states = draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    outputs = draw(st.lists(st.integers(1, 8), min_size=1, max_size=2))
    return graph_of(states, outputs), packed(draw, [4, *states]), packed(draw, [*outputs, *states])


def next_call(
    graph: Graph, inputs: list[int], outputs: list[int], plan: WaitingState
) -> tuple[list[bytes], list[bytes]]:
    """What the caller finds in the outputs after a call, and the next call in the variables."""
    arena, aside = np.full(ARENA, 255, np.uint8), np.zeros(max(plan.aside_bytes, 1), np.uint8)
    made = [np.full(graph.tensors[t].size_bytes, i, np.uint8) for i, t in enumerate(graph.outputs)]
    for offset, value in zip(outputs, made, strict=True):
        arena[offset : offset + value.size] = value
    for position, at in plan.outputs:
        size = made[position].size
        aside[at : at + size] = arena[outputs[position] :][:size]
    for v in plan.variables:
        moved = arena[v.after : v.after + v.size_bytes].copy()
        target, at = (aside, v.aside) if v.aside >= 0 else (arena, v.before)
        target[at : at + v.size_bytes] = moved
    seen = []
    for position in range(len(graph.model_outputs)):
        at = plan.aside_of(position)
        memory, offset = (arena, outputs[position]) if at < 0 else (aside, at)
        seen.append(memory[offset : offset + made[position].size].tobytes())
    arena[inputs[0] : inputs[0] + 4] = 77  # the caller writes the next input
    for v in plan.variables:
        if v.aside >= 0:
            arena[v.before : v.before + v.size_bytes] = aside[v.aside : v.aside + v.size_bytes]
    found = [
        arena[offset : offset + len(first)].tobytes()
        for offset, first in zip(inputs[1:], graph.state, strict=True)
    ]
    return seen, found


@given(placements())
def test_no_output_and_no_variable_is_lost(placed: tuple[Graph, list[int], list[int]]) -> None:
    graph, inputs, outputs = placed
    seen, found = next_call(graph, inputs, outputs, waiting_state(graph, inputs, outputs))
    given_out = len(graph.model_outputs)
    assert seen == [bytes([i]) * len(s) for i, s in enumerate(seen)]
    assert found == [bytes([given_out + i]) * len(f) for i, f in enumerate(found)]


@pytest.mark.parametrize(
    ("outputs", "aside_bytes"),
    [
        ([64, 8, 24], 0),  # in place
        ([64, 24, 40], 0),  # a chain: the first must go before the second
        ([64, 24, 8], 16),  # a circle of two: one steps out
        ([10, 32, 48], 16),  # the output lies where a variable will wait
    ],
)
def test_what_can_wait_in_the_arena_does(outputs: list[int], aside_bytes: int) -> None:
    graph = graph_of([16, 16], [4])
    plan = waiting_state(graph, [0, 8, 24], outputs)
    assert plan.aside_bytes == aside_bytes
    assert plan.size_bytes == 32


def test_a_variable_that_nothing_reads_is_dropped() -> None:
    graph = graph_of([16, 16], [4])
    op = graph.ops[0]
    unread = graph.with_ops([Op(op.type, op.inputs[:2], op.outputs)])
    assert [v.before for v in waiting_state(unread, [0, 8, 24], [64, 8, 24]).variables] == [8]
