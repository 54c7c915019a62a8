"""The offline plan: written as TFLite Micro reads it, and refused where it would misread it."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tflm_graphs import drawn_graph, needs_tflm

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.errors import ModelError, UsageError
from tflm_mcunet.tflite import read, with_metadata, write
from tflm_mcunet.tflm.interpreter import run
from tflm_mcunet.tflm.memory import memory
from tflm_mcunet.tflm.offline_plan import (
    METADATA_NAME,
    ONLINE,
    decode,
    encode,
    offline_offsets,
    with_offline_plan,
)


def chain():
    b = GraphBuilder(2)
    x = b.input((1, 8, 8, 4))
    y = b.op("RELU", [x])
    z = b.op("TANH", [y], scale=1 / 128, zero_point=0)
    return b.finish([z]), (x, y, z)


@given(st.lists(st.just(ONLINE) | st.integers(0, (1 << 27) - 1).map(lambda n: 16 * n)))
def test_what_is_encoded_is_decoded(offsets):
    assert decode(encode(offsets), len(offsets)) == tuple(offsets)


def test_the_layout_is_version_subgraph_count_offsets():
    assert encode([32, ONLINE]) == struct.pack("<5i", 1, 0, 2, 32, -1)


@pytest.mark.parametrize(
    "data, expected",
    [
        (b"", "at least 12 bytes"),
        (struct.pack("<2i", 1, 0), "at least 12 bytes"),
        (struct.pack("<3i", 1, 0, 2), "announces 2 offsets and holds 0"),
        (struct.pack("<4i", 1, 0, 2, 0), "announces 2 offsets and holds 1"),
        (struct.pack("<6i", 1, 0, 3, 0, 0, 0), "expected 2 offsets"),
        (struct.pack("<5i", 1, 0, -1, 0, 0), "expected 2 offsets"),
        (struct.pack("<5i", 1, 0, 2, 0, -16), "tensor 1"),
        (struct.pack("<5i", 1, 0, 2, 8, 0), "tensor 0"),
    ],
)
def test_malformed_metadata_is_refused(data, expected):
    with pytest.raises(ModelError, match=expected):
        decode(data, 2)


def test_a_graph_with_malformed_metadata_is_refused():
    graph, _ = chain()
    with pytest.raises(ModelError, match=METADATA_NAME):
        memory(with_metadata(graph, METADATA_NAME, b"\1\0\0\0"))


@pytest.mark.parametrize("offsets", [{99: 0}, {-1: 0}, {0: 8}, {0: 1 << 31}])
def test_a_plan_that_cannot_be_is_refused(offsets):
    graph, _ = chain()
    with pytest.raises(UsageError, match=METADATA_NAME):
        with_offline_plan(graph, offsets)


def test_a_constant_has_no_offset():
    b = GraphBuilder()
    graph = b.finish([b.fully_connected(b.input((1, 4)), 3)])
    with pytest.raises(UsageError, match="1 is no computed tensor"):
        with_offline_plan(graph, {1: 0})


def test_a_plan_survives_the_file():
    graph, (x, _, z) = chain()
    planned = with_offline_plan(graph, {x: 0, z: 512})
    assert offline_offsets(graph) is None
    assert offline_offsets(read(write(planned))) == offline_offsets(planned) == (0, ONLINE, 512)
    assert offline_offsets(with_offline_plan(planned, {x: 64})) == (64, ONLINE, ONLINE)


@needs_tflm
def test_the_runtime_takes_the_plan_and_computes_the_same():
    graph, (x, y, z) = chain()
    inputs = [[np.arange(-128, 128, dtype=np.int8).reshape(1, 8, 8, 4)]]
    plain = run(write(graph), inputs)
    for offsets in ({x: 0, y: 1024, z: 4096}, {y: 16}, {x: 256, y: 256, z: 256}):
        planned = with_offline_plan(graph, offsets)
        result = run(write(planned), inputs)
        np.testing.assert_array_equal(result.outputs, plain.outputs)
        assert result.allocations.head_bytes == memory(planned).head_bytes
        assert result.allocations.head_bytes >= max(offsets.values()) + 256


@needs_tflm
def test_random_plans_are_modelled_to_the_byte():
    r = np.random.default_rng(0)
    for seed in range(60):
        graph = drawn_graph(seed, steps=6)
        computed = [t for t, tensor in enumerate(graph.tensors) if not tensor.is_constant]
        chosen = r.choice(computed, max(1, len(computed) // 2), replace=False)
        planned = with_offline_plan(graph, {int(t): 16 * int(r.integers(0, 200)) for t in chosen})
        recorded, modelled = run(write(planned)).allocations, memory(planned)
        assert (modelled.head_bytes, modelled.tail_bytes) == (recorded.head_bytes, recorded.tail_bytes)


@needs_tflm
def test_the_runtime_refuses_what_we_refuse():
    graph, _ = chain()
    plan = encode([ONLINE] * 3)
    model = write(with_metadata(graph, METADATA_NAME, plan))
    assert model.count(plan) == 1
    wrong = model.replace(plan, struct.pack("<6i", 1, 0, 7, -1, -1, -1))
    with pytest.raises(ModelError, match="Nbr of offline buffer offsets"):
        run(wrong)
    with pytest.raises(ModelError, match="expected 3 offsets"):
        decode(struct.pack("<6i", 1, 0, 7, -1, -1, -1), 3)
