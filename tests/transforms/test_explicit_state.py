"""A streaming model's variables become inputs and outputs: over a sequence, every byte is the stateful model's."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from transform_runs import needs_tflm, types

from tflm_mcunet import tflite
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen.emit import emit, write
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.codegen.stream_state import stream_files
from tflm_mcunet.convert import convert
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.execute import run as run_anywhere
from tflm_mcunet.graph import Graph, Op, Tensor
from tflm_mcunet.tflite.containers import Container
from tflm_mcunet.tflm.interpreter import run
from tflm_mcunet.transforms import equal_splits, explicit_state

STEPS = 12
#: What the variable holds at first: one byte everywhere, or different ones.
FIRST = (bytes([5] * 24), bytes(range(230, 254)))


def streaming(first: bytes = FIRST[0], assign: bool = True) -> Graph:
    """A running window of 4 rows: the variable keeps the last 3, and a convolution reads all 4."""
    b = GraphBuilder(3)
    x = b.input((1, 1, 1, 8), scale=0.1, zero_point=3)
    window = b.op("CONCATENATION", [x, x], {"axis": 1, "fused_activation_function": 0})
    y = b.conv_2d(b.pad(window, [(0, 0), (0, 2), (0, 0), (0, 0)]), 4, (4, 1))
    graph = b.finish([y])
    tensors, ops = list(graph.tensors), list(graph.ops)
    quantized = tensors[x].quantization

    def tensor(name: str, shape: tuple[int, ...], dtype: str, data: bytes | None = None) -> int:
        tensors.append(Tensor(name, shape, dtype, quantized if dtype == "int8" else None, data))
        return len(tensors) - 1

    # The PAD and the CONCATENATION of the builder make way for the variable's own.
    convolution = next(op for op in ops if op.type == "CONV_2D")
    handle, old = tensor("handle", (), "resource"), tensor("old", (1, 3, 1, 8), "int8")
    whole, new = tensor("whole", (1, 4, 1, 8), "int8"), tensor("new", (1, 3, 1, 8), "int8")
    bounds = [
        tensor(f"bound{i}", (4,), "int32", np.array(v, np.int32).tobytes())
        for i, v in enumerate(((0, 1, 0, 0), (1, 4, 1, 8), (1, 1, 1, 1)))
    ]
    slicing = {"begin_mask": 0, "end_mask": 0, "ellipsis_mask": 0, "new_axis_mask": 0, "shrink_axis_mask": 0}
    ops = [
        Op("CALL_ONCE", (), (), {"init_subgraph_index": 1}),
        Op("VAR_HANDLE", (), (handle,), {"container": "", "shared_name": "rows"}),
        Op("READ_VARIABLE", (handle,), (old,)),
        Op("CONCATENATION", (old, x), (whole,), {"axis": 1, "fused_activation_function": 0}),
        Op("STRIDED_SLICE", (whole, *bounds), (new,), slicing),
        *([Op("ASSIGN_VARIABLE", (handle, new), ())] if assign else []),
        replace(convolution, inputs=(whole, *convolution.inputs[1:])),
    ]
    once = Graph(
        tensors=(
            Tensor("handle", (), "resource"),
            Tensor("first", (1, 3, 1, 8), "int8", quantized, first),
        ),
        ops=(
            Op("VAR_HANDLE", (), (0,), {"container": "", "shared_name": "rows"}),
            Op("ASSIGN_VARIABLE", (0, 1), ()),
        ),
        inputs=(),
        outputs=(),
        name="once",
    )
    made = replace(graph, tensors=tuple(tensors), ops=tuple(ops))
    container = Container(subgraphs=(once,), inputs=made.inputs, outputs=made.outputs)
    return replace(made, container=container)


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
def test_the_program_keeps_the_state_by_itself(first, tmp_path):
    stateful = streaming(first)
    steps = np.random.default_rng(3).integers(-128, 128, (STEPS, 1, 1, 1, 8)).astype(np.int8)
    expected = b"".join(o[0].tobytes() for o in run(tflite.write(stateful), [[x] for x in steps]).outputs)
    state = explicit_state(stateful)
    write(emit(build_program(convert(state.graph).schedule)) | stream_files(state), tmp_path)
    feed = Path(__file__).resolve().parents[2] / "examples" / "wake_word" / "feed.cpp"
    flags = [
        "-std=c++14",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fno-exceptions",
        "-fno-rtti",
        "-ffp-contract=off",
    ]
    sources = [feed, *sorted(tmp_path.rglob("*.cpp"))]
    subprocess.run(["g++", *flags, "-I", tmp_path, "-o", tmp_path / "feed", *sources], check=True)
    ran = subprocess.run([tmp_path / "feed"], input=steps.tobytes(), capture_output=True, check=True)
    assert ran.stdout == expected


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


def test_who_runs_variables_in_the_program_is_told_how():
    with pytest.raises(UnsupportedOpError) as refused:
        run_anywhere(streaming(), np.zeros((1, 1, 1, 8), np.int8), on="host")
    assert "explicit_state" in refused.value.hint
