"""Built graphs are models that LiteRT and TFLite Micro load and run, with one result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_trees import difference, small_network, tree

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph
from tflm_mcunet.tflite import prune, read, with_metadata, write


def run_litert(data: bytes, x: np.ndarray) -> list[np.ndarray]:
    interpreter = Interpreter(model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def image(graph: Graph) -> np.ndarray:
    return np.random.default_rng(7).integers(-128, 128, graph.tensors[graph.inputs[0]].shape, np.int8)


@pytest.mark.parametrize("seed", range(3))
def test_litert_and_tflm_agree_on_a_built_model(seed: int) -> None:
    runtime = pytest.importorskip("tflite_micro").runtime
    graph = small_network(seed)
    data, x = write(graph), image(graph)
    micro = runtime.Interpreter.from_bytes(data)
    micro.set_input(x, 0)
    micro.invoke()
    expected = run_litert(data, x)
    assert len(np.unique(expected[0])) > 3
    for i, wanted in enumerate(expected):
        np.testing.assert_array_equal(micro.get_output(i), wanted)


def test_rewritten_and_pruned_models_compute_the_same() -> None:
    graph = small_network()
    data, x = write(graph), image(graph)
    dead = replace(read(data), tensors=(*read(data).tensors, read(data).tensors[1]))
    for other in (
        write(read(data)),
        write(dead),
        write(prune(dead)),
        write(with_metadata(graph, "note", b"x")),
    ):
        for a, b in zip(run_litert(data, x), run_litert(other, x), strict=True):
            np.testing.assert_array_equal(a, b)


def test_built_graphs_read_back_as_they_were() -> None:
    graph = small_network()
    back = read(write(graph))
    assert (back.tensors, back.inputs, back.outputs, back.name) == (
        graph.tensors,
        graph.inputs,
        graph.outputs,
        graph.name,
    )
    for before, after in zip(graph.ops, back.ops, strict=True):
        assert (before.type, before.inputs, before.outputs, before.version) == (
            after.type,
            after.inputs,
            after.outputs,
            after.version,
        )
        # What a builder leaves out takes the schema's default.
        for key, value in before.options.items():
            assert after.options[key] == (tuple(value) if isinstance(value, list) else value), key
    assert difference(tree(write(back)), tree(write(graph))) == ""


def test_every_operator_of_the_table_is_written_with_its_options() -> None:
    b = GraphBuilder(5)
    x = b.input((1, 8, 8, 4))
    y = b.op("RESIZE_NEAREST_NEIGHBOR", [x, b.constant([16, 16])], {"half_pixel_centers": True})
    y = b.op("LEAKY_RELU", [y], {"alpha": 0.25})
    y = b.op(
        "STRIDED_SLICE", [y, *[b.constant(v) for v in ([0] * 4, [1, 8, 8, 4], [1] * 4)]], {"end_mask": 8}
    )
    left = b.op("SPLIT", [b.constant(3), y], {"num_splits": 2}, outputs=2)
    y = b.concatenation([left, left + 1, x])
    y = b.op("SQUEEZE", [b.mean(y, [1, 2], keep_dims=True)], {"squeeze_dims": (1, 2)})
    graph = b.finish([y])
    options = [op.options for op in read(write(graph)).ops]
    assert options == [
        {"align_corners": False, "half_pixel_centers": True},
        {"alpha": 0.25},
        {
            "begin_mask": 0,
            "end_mask": 8,
            "ellipsis_mask": 0,
            "new_axis_mask": 0,
            "shrink_axis_mask": 0,
            "offset": False,
        },
        {"num_splits": 2},
        {"axis": 3, "fused_activation_function": 0},
        {"keep_dims": True},
        {"squeeze_dims": (1, 2)},
    ]
    assert run_litert(write(graph), image(graph))[0].shape == (1, 8)


def test_ten_thousand_operators() -> None:
    b = GraphBuilder(1)
    y = b.input((1, 2, 2, 4))
    for _ in range(10_000):
        y = b.op("RELU", [y])
    graph = b.finish([y])
    data = write(graph)
    back = read(data)
    assert len(back.ops) == 10_000
    assert back.ops[-1].outputs == (y,)
    assert write(back) == data
    short = prune(replace(back, ops=back.ops[:1], outputs=back.ops[0].outputs))
    assert len(short.tensors) == 2
