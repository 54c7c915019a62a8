"""From which to which step a tensor's bytes are in use, and which tensors share them."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
from schedule_graphs import WHITELIST, random_graph

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.errors import ModelError
from tflm_mcunet.graph import Graph, Op, Tensor
from tflm_mcunet.schedule.dependencies import predecessors
from tflm_mcunet.schedule.in_place import own_kernels, pad_shift
from tflm_mcunet.schedule.lifetimes import lifetimes, live_bytes
from tflm_mcunet.schedule.schedule import aligned


def tensors(*sizes, **keywords):
    return tuple(Tensor(f"t{i}", (size,), "int8", **keywords) for i, size in enumerate(sizes))


def spans(found):
    return {b.tensor: (b.first_step, b.last_step) for b in found.buffers if b.tensor >= 0}


def test_spans_of_inputs_outputs_branches_and_dead_ends():
    # 0, 1 inputs; 2 = relu(0); 3, 4 = split(2), 4 is never read; 5 = add(3, 1); outputs 2 and 5; input 6 is unread.
    ops = (
        Op("RELU", (0,), (2,)),
        Op("SPLIT", (2,), (3, 4)),
        Op("ADD", (3, 1), (5,)),
        Op("RELU", (5,), (7,)),
    )
    graph = Graph(tensors(8, 8, 8, 8, 8, 8, 8, 8), ops, (0, 1, 6), (2, 5))
    expected = {0: (0, 0), 1: (0, 2), 2: (0, 3), 3: (1, 2), 4: (1, 1), 5: (2, 3), 6: (0, 0), 7: (3, 3)}
    found = lifetimes(graph)
    assert spans(found) == expected
    assert found.buffer_of == {t: i for i, t in enumerate(sorted(expected))}
    assert found.steps == 4 and not found.shared


def test_constants_variables_empty_tensors_and_scratch():
    parts = (
        Tensor("x", (5,), "int16"),
        Tensor("w", (5,), "int8", data=b"abcde"),
        Tensor("state", (9,), "int8", is_variable=True),
        Tensor("nothing", (0,), "int8"),
        Tensor("y", (3,), "int8"),
        Tensor("z", (3,), "int8"),
    )
    ops = (Op("SVDF", (0, 1, 3, -1, 2), (4,)), Op("RELU", (4,), (5,)))
    graph = Graph(parts, ops, (0,), (5,))
    found = lifetimes(graph, scratch=lambda graph, op: [40, 0, 7] if op.type == "SVDF" else [])
    assert [(b.tensor, b.size_bytes, b.first_step, b.last_step) for b in found.buffers] == [
        (0, 10, 0, 0),
        (2, 9, 0, 1),
        (4, 3, 0, 1),
        (5, 3, 1, 1),
        (-1, 40, 0, 0),
        (-1, 7, 0, 0),
    ]
    assert live_bytes(found.buffers, found.steps) == [16 + 16 + 16 + 48 + 16, 16 + 16 + 16]
    assert 2 not in lifetimes(graph, variables=False).buffer_of


def test_another_order_and_orders_that_are_none():
    ops = (Op("RELU", (0,), (1,)), Op("RELU", (0,), (2,)), Op("ADD", (1, 2), (3,)))
    graph = Graph(tensors(8, 8, 8, 8), ops, (0,), (3,))
    assert spans(lifetimes(graph, (1, 0, 2))) == {0: (0, 1), 1: (1, 2), 2: (0, 2), 3: (2, 2)}
    for order, text in (((2, 0, 1), "before op"), ((0, 1), "each once"), ((0, 1, 1), "each once")):
        with pytest.raises(ModelError, match=text):
            lifetimes(graph, order)


@pytest.mark.parametrize("chain", [1, 2, 5])
def test_a_chain_in_place_is_one_buffer(chain):
    ops = [Op("MAX_POOL_2D", (0,), (1,))] + [Op("RELU", (i,), (i + 1,)) for i in range(1, chain + 1)]
    graph = Graph(tensors(*[8] * (chain + 2)), tuple(ops), (0,), (chain + 1,))
    found = lifetimes(graph, in_place={"RELU": (0,)})
    assert spans(found) == {0: (0, 0), 1: (0, chain)}
    assert found.shared == dict.fromkeys(range(2, chain + 2), 1)
    assert len(found.buffers) == 2


@pytest.mark.parametrize(
    "change",
    [
        "later reader",
        "graph output",
        "graph input",
        "variable",
        "constant",
        "other size",
        "other dtype",
        "not listed",
    ],
)
def test_reasons_not_to_share(change):
    parts = list(tensors(8, 8, 8, 8))
    ops = [Op("MAX_POOL_2D", (0,), (1,)), Op("RELU", (1,), (2,)), Op("MAX_POOL_2D", (2,), (3,))]
    inputs, outputs, whitelist = [0], [3], {"RELU": (0,)}
    assert lifetimes(Graph(tuple(parts), tuple(ops), (0,), (3,)), in_place=whitelist).shared == {2: 1}
    if change == "later reader":
        ops[2] = Op("ADD", (2, 1), (3,))
    elif change == "graph output":
        outputs.append(1)
    elif change == "graph input":
        ops[0] = Op("RELU", (0,), (1,))
    elif change == "variable":
        parts[1] = replace(parts[1], is_variable=True)
    elif change == "constant":
        parts[1] = replace(parts[1], data=b"12345678")
        ops[0] = Op("MAX_POOL_2D", (0,), ())
    elif change == "other size":
        parts[2] = replace(parts[2], shape=(7,))
    elif change == "other dtype":
        parts[2] = replace(parts[2], dtype="uint8")
    elif change == "not listed":
        whitelist = {"ADD": (0,), "RELU": (1,)}
    graph = Graph(tuple(parts), tuple(ops), tuple(inputs), tuple(outputs))
    assert (1 if change == "graph input" else 2) not in lifetimes(graph, in_place=whitelist).shared
    if change == "graph input":
        assert lifetimes(graph, in_place=whitelist, overwrite_inputs=True).shared[1] == 0


def test_an_operand_is_taken_only_if_every_position_that_reads_it_is_listed():
    graph = Graph(tensors(8, 8, 8), (Op("RELU", (0,), (1,)), Op("SUB", (1, 1), (2,))), (0,), (2,))
    assert lifetimes(graph, in_place={"SUB": (0,)}).shared == {}
    assert lifetimes(graph, in_place={"SUB": (0, 1)}).shared == {2: 1}


def test_add_takes_the_older_operand_or_the_younger():
    b = GraphBuilder()
    x = b.conv_2d(b.input((1, 4, 4, 3)), 8)
    y = b.depthwise_conv_2d(x)
    graph = b.finish([b.binary("ADD", x, y)])
    assert list(lifetimes(graph, in_place=own_kernels()).shared.values()) == [1]
    assert list(lifetimes(graph, in_place=own_kernels(), reuse="younger").shared.values()) == [2]
    z = graph.ops[-1].outputs[0]
    assert lifetimes(graph, in_place=own_kernels(), apart=[z]).shared == {}
    with pytest.raises(ValueError, match="reuse"):
        lifetimes(graph, reuse="any")


def test_a_whitelist_may_look_at_the_operator():
    b = GraphBuilder()
    x = b.op("RELU", [b.op("RELU", [b.input((1, 4, 4, 3))])])
    graph = b.finish([b.op("RELU", [b.op("TANH", [x], scale=1 / 128)])])
    assert len(lifetimes(graph, in_place={"RELU": (0,)}).shared) == 2

    def after_tanh(graph, op):
        return (0,) if graph.tensors[op.inputs[0]].scale == 1 / 128 else ()

    assert len(lifetimes(graph, in_place=after_tanh).shared) == 1


def test_two_outputs_do_not_take_one_operand():
    graph = Graph(tensors(8, 8, 8, 8), (Op("RELU", (0,), (1,)), Op("SPLIT", (1,), (2, 3))), (0,), (2, 3))
    assert lifetimes(graph, in_place={"SPLIT": (0,)}).shared == {2: 1}


def test_graph_without_operators():
    graph = Graph(tensors(8), (), (0,), (0,))
    assert spans(lifetimes(graph)) == {0: (0, 0)}


def test_contradictions_are_model_errors():
    cases = {
        "written by op 0 and op 1": (Op("RELU", (0,), (1,)), Op("RELU", (0,), (1,))),
        "which nothing writes": (Op("RELU", (2,), (1,)),),
        "graph input": (Op("RELU", (1,), (0,)), Op("RELU", (0,), (1,))),
    }
    for text, ops in cases.items():
        with pytest.raises(ModelError, match=text):
            lifetimes(Graph(tensors(8, 8, 8), ops, (0,), (1,)))


def test_state_keeps_its_order():
    handle = Tensor("handle", (1,), "resource")
    parts = (*tensors(8, 8, 8), handle)
    ops = (
        Op("VAR_HANDLE", (), (3,)),
        Op("READ_VARIABLE", (3,), (1,)),
        Op("ASSIGN_VARIABLE", (3, 0), ()),
        Op("READ_VARIABLE", (3,), (2,)),
    )
    assert predecessors(Graph(parts, ops, (0,), (1, 2))) == ((), (0,), (0, 1), (0, 2))
    state = (*tensors(8, 8, 8), Tensor("state", (4,), "int8", is_variable=True))
    ops = (Op("SVDF", (0, 3), (1,)), Op("SVDF", (0, 3), (2,)))
    assert predecessors(Graph(state, ops, (0,), (1, 2))) == ((), (0,))
    ops = (Op("CUSTOM", (0,), (1,)), Op("CUSTOM", (0,), (2,)))
    assert predecessors(Graph(tensors(8, 8, 8), ops, (0,), (1, 2))) == ((), (0,))


def test_sharing_never_overlaps_another_use():
    """On random graphs: what shares a buffer hands it over step by step, and the bytes in use never grow by it."""
    rng = random.Random(8)
    shared = 0
    for _ in range(300):
        graph = random_graph(rng, 14)
        overwrite = rng.random() < 0.5
        plain = lifetimes(graph)
        own = {b.tensor: b for b in plain.buffers}
        found = lifetimes(
            graph, in_place=WHITELIST, overwrite_inputs=overwrite, reuse=rng.choice(("older", "younger"))
        )
        assert set(found.buffer_of) == set(plain.buffer_of)
        for index, buffer in enumerate(found.buffers):
            chain = sorted(
                (own[t] for t, b in found.buffer_of.items() if b == index), key=lambda b: b.first_step
            )
            assert chain[0].tensor == buffer.tensor
            assert (buffer.first_step, buffer.last_step) == (chain[0].first_step, chain[-1].last_step)
            for earlier, later in itertools.pairwise(chain):
                assert earlier.last_step == later.first_step
                assert earlier.size_bytes == later.size_bytes
                op = graph.ops[later.first_step]
                assert earlier.tensor in op.inputs and later.tensor in op.outputs
                assert earlier.tensor not in graph.outputs
                assert overwrite or earlier.tensor not in graph.inputs
                shared += 1
        steps = len(graph.ops)
        assert all(a <= b for a, b in zip(live_bytes(found.buffers, steps), live_bytes(plain.buffers, steps)))
    assert shared > 200


def test_live_bytes_by_definition():
    rng = random.Random(9)
    for _ in range(50):
        graph = random_graph(rng, 12)
        found = lifetimes(graph)
        live = live_bytes(found.buffers, found.steps)
        for step in range(found.steps):
            alive = [b for b in found.buffers if b.first_step <= step <= b.last_step]
            assert live[step] == sum(aligned(b.size_bytes) for b in alive)


def padded(height=6, width=5, pads=((0, 0), (1, 1), (1, 2), (0, 0)), channels=16, batch=1):
    """input -> RELU -> PAD -> RELU."""
    b = GraphBuilder()
    x = b.op("RELU", [b.input((batch, height, width, channels))])
    return b.finish([b.op("RELU", [b.pad(x, pads)])])


def test_a_pad_in_place_hands_its_input_over():
    graph = padded()
    x, y = graph.ops[0].outputs[0], graph.ops[1].outputs[0]
    found = lifetimes(graph, in_place={"PAD": (0,)})
    assert spans(found)[x] == (0, 0) and spans(found)[y] == (1, 2)
    (nested,) = found.nested
    assert (found.buffers[nested.inner].tensor, found.buffers[nested.outer].tensor) == (x, y)
    assert nested.shift_bytes == 8 * 8 * 16 - 6 * 5 * 16 == pad_shift(graph, graph.ops[1])
    assert found.shared == {}
    both = lifetimes(graph, in_place={"PAD": (0,), "RELU": (0,)}, overwrite_inputs=True)
    assert len(both.buffers) == 2 and len(both.nested) == 1 and len(both.shared) == 2


def copied_forwards(height, width, pads, pixel_bytes, shift, piece):
    """A PAD in one array, from the lowest byte up, in pieces that are read whole before they are written."""
    (_, _), (top, bottom), (left, right), (_, _) = pads
    padded_width = (width + left + right) * pixel_bytes
    size = (height + top + bottom) * padded_width
    arena = np.zeros(max(size, shift + height * width * pixel_bytes), np.int32) - 1
    values = np.arange(1, height * width * pixel_bytes + 1)
    arena[shift : shift + len(values)] = values
    arena[: top * padded_width] = 0
    for row in range(height):
        at = (row + top) * padded_width
        arena[at : at + left * pixel_bytes] = 0
        at += left * pixel_bytes
        source = shift + row * width * pixel_bytes
        for start in range(0, width * pixel_bytes, piece):
            arena[at + start : at + start + piece] = arena[source + start : source + start + piece].copy()
        at += width * pixel_bytes
        arena[at : at + right * pixel_bytes] = 0
    arena[(height + top) * padded_width :] = 0
    image = values.reshape(height, width, pixel_bytes)
    expected = np.pad(image, ((top, bottom), (left, right), (0, 0)))
    return np.array_equal(arena[:size], expected.reshape(-1))


def test_pad_shift_is_safe_for_rows_and_bytes():
    rng = random.Random(3)
    placed = 0
    for _ in range(300):
        height, width, channels = rng.randint(1, 7), rng.randint(1, 7), rng.choice((1, 3, 8, 16))
        pads = ((0, 0), *((rng.randint(0, 3), rng.randint(0, 3)) for _ in range(2)), (0, 0))
        graph = padded(height, width, pads, channels)
        shift = pad_shift(graph, graph.ops[1])
        if shift is None:
            continue
        placed += 1
        assert shift % 16 == 0
        out_bytes = graph.tensors[graph.ops[1].outputs[0]].size_bytes
        assert shift + height * width * channels <= aligned(out_bytes)
        assert copied_forwards(height, width, pads, channels, shift, piece=width * channels)
        assert copied_forwards(height, width, pads, channels, shift, piece=1)
    assert placed > 100
    # The check can fail: with no shift the first row overwrites the second.
    assert not copied_forwards(4, 4, ((0, 0), (1, 1), (1, 1), (0, 0)), 4, 0, 1)


@pytest.mark.parametrize("change", ["channels", "batch", "nothing behind", "graph input"])
def test_pads_that_are_not_in_place(change):
    pads = {"channels": ((0, 0), (1, 1), (1, 1), (0, 1)), "nothing behind": ((0, 0), (1, 0), (1, 0), (0, 0))}
    graph = padded(
        pads=pads.get(change, ((0, 0), (1, 1), (1, 1), (0, 0))), batch=2 if change == "batch" else 1
    )
    if change == "graph input":
        graph = replace(graph, ops=graph.ops[1:], inputs=graph.ops[0].outputs)
    assert lifetimes(graph, in_place={"PAD": (0,)}, overwrite_inputs=True).nested == ()
