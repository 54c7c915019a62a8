"""A streaming model's variables become inputs and outputs: over a sequence, every byte is the stateful model's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from streaming_model import FIRST, streaming
from transform_runs import needs_tflm, types

from tflm_mcunet import tflite
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.convert import convert
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.execute import run as run_anywhere
from tflm_mcunet.graph import Graph, Op, Tensor
from tflm_mcunet.tflm.interpreter import run
from tflm_mcunet.transforms import equal_splits, explicit_state

STEPS = 12


def stateful_outputs(stateful: Graph, steps: np.ndarray) -> list[bytes]:
    """TFLite Micro's outputs over a sequence."""
    return [o[0].tobytes() for o in run(tflite.write(stateful), [[x] for x in steps]).outputs]


@needs_tflm
@pytest.mark.parametrize("first", FIRST, ids=("one byte", "a table"))
def test_a_sequence_gives_the_stateful_models_bytes_in_tflite_micro_and_in_the_program(first):
    stateful = streaming(first)
    steps = np.random.default_rng(1).integers(-128, 128, (STEPS, 1, 1, 1, 8)).astype(np.int8)
    expected = [o[0] for o in run(tflite.write(stateful), [[x] for x in steps]).outputs]
    plain = explicit_state(stateful)
    assert plain.names == ("rows",)
    assert not {"READ_VARIABLE", "ASSIGN_VARIABLE", "VAR_HANDLE", "CALL_ONCE"} & set(types(plain.graph))
    model, state = tflite.write(plain.graph), list(plain.initial)
    states = []
    for x, y in zip(steps, expected, strict=True):
        states.append(state)
        outputs = run(model, [[x, *state]]).outputs[0]
        assert outputs[0].tobytes() == y.tobytes()
        state = list(outputs[1:])
    assert len({y.tobytes() for y in expected}) > STEPS // 2
    # What leaves one inference of the program is what enters its next one, so one by one is all of it.
    fed = [steps, np.stack([s[0] for s in states])]
    outputs = run_anywhere(convert(plain.graph), fed, on="host").outputs
    following = np.stack([*(s[0] for s in states[1:]), state[0]])
    assert outputs[0].tobytes() == np.stack(expected).tobytes()
    assert outputs[1].tobytes() == following.tobytes()


@needs_tflm
@pytest.mark.parametrize("first", FIRST, ids=("one byte", "a table"))
@pytest.mark.parametrize("schedule", ["layer", "stream"])
def test_the_program_keeps_the_state_by_itself(first, schedule):
    stateful = streaming(first)
    steps = np.random.default_rng(3).integers(-128, 128, (STEPS, 1, 1, 1, 8)).astype(np.int8)
    conversion = convert(stateful, schedule=schedule)
    ran = run_anywhere(conversion, steps, on="host")
    assert [o.tobytes() for o in ran.outputs[0]] == stateful_outputs(stateful, steps)
    assert ran.sram.input == 8
    assert conversion.to_dict()["sram"]["input"] == 8


def test_a_variable_without_a_new_or_a_first_value_is_refused():
    with pytest.raises(UnsupportedOpError, match="'rows' gets no computed value"):
        explicit_state(streaming(assign=False))
    graph = streaming()
    ops = tuple(op for op in graph.ops if op.type != "CALL_ONCE")
    with pytest.raises(UnsupportedOpError, match="'rows' has no first value"):
        explicit_state(replace(graph, ops=ops))


def test_a_model_without_variables_is_returned_as_it_is():
    b = GraphBuilder(1)
    graph = b.finish([b.op("RELU", [b.input((1, 4))])])
    assert explicit_state(graph).graph is graph


@needs_tflm
@pytest.mark.parametrize("sizes, becomes", [((4, 4), "SPLIT"), ((-1, 4), "SPLIT"), ((3, 5), "SPLIT_V")])
def test_only_equal_parts_become_split(sizes, becomes):
    b = GraphBuilder(2)
    x = b.op("RELU", [b.input((1, 4, 6, 8))])
    shapes = [(1, 4, 6, size if size > 0 else 4) for size in sizes]
    graph = b.finish([x])
    tensors = list(graph.tensors)
    first = len(tensors)
    tensors += [replace(tensors[x], name=f"part{i}", shape=s) for i, s in enumerate(shapes)]
    tensors += [
        Tensor("sizes", (2,), "int32", None, np.array(sizes, np.int32).tobytes()),
        Tensor("axis", (), "int32", None, np.int32(3).tobytes()),
    ]
    op = Op("SPLIT_V", (x, first + 2, first + 3), (first, first + 1), {"num_splits": 2}, version=2)
    graph = replace(graph, tensors=tuple(tensors), ops=(*graph.ops, op), outputs=(first, first + 1))
    rewritten = equal_splits(graph).graph
    assert types(rewritten)[-1] == becomes
    x = np.random.default_rng(0).integers(-128, 128, (1, 4, 6, 8)).astype(np.int8)
    expected = run(tflite.write(tflite.prune(graph)), [[x]]).outputs[0]
    got = run(tflite.write(tflite.prune(rewritten)), [[x]]).outputs[0]
    assert [a.tobytes() for a in got] == [a.tobytes() for a in expected]


@needs_tflm
def test_a_model_with_variables_is_planned_and_computes_what_it_did():
    graph = streaming()
    conversion = convert(graph)
    steps = np.random.default_rng(2).integers(-128, 128, (STEPS, 1, 1, 1, 8)).astype(np.int8)
    inputs = [[x] for x in steps]
    before, after = run(tflite.write(graph), inputs).outputs, run(conversion.tflite, inputs).outputs
    assert [o[0].tobytes() for o in after] == [o[0].tobytes() for o in before]


def test_variables_that_change_in_another_subgraph_stay_variables_and_say_so():
    graph = streaming()
    calling = Op("CALL", (), (), {"subgraph": 1})
    conversion = convert(replace(graph, ops=(*graph.ops, calling)), schedule="layer")
    assert any("variables stay variables" in note for note in conversion.skipped)
    assert not conversion.graph.state
