"""Changed graphs are written as changed: what is untouched stays as it was, what is new is added."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as s
from tflite_trees import difference, everything, ints, pack, raw, small_network, tree

from tflm_mcunet.errors import ModelError
from tflm_mcunet.graph import Graph, Op, Quantization, Tensor
from tflm_mcunet.tflite import metadata, read, with_metadata, without_metadata, write


@pytest.fixture
def graph() -> Graph:
    return read(pack(everything()))


def with_tensor(graph: Graph, index: int, **fields: object) -> Graph:
    tensors = list(graph.tensors)
    tensors[index] = replace(tensors[index], **fields)  # type: ignore[arg-type]
    return replace(graph, tensors=tuple(tensors))


def test_new_data_gets_a_new_buffer_and_leaves_the_sharer_alone(graph: Graph) -> None:
    new = np.ones(3, np.float32).tobytes()
    model = tree(write(with_tensor(graph, 1, data=new)))
    first, second = (model.subgraphs[0].tensors[t].buffer for t in (1, 2))
    assert (first, second) == (10, 2)
    assert model.buffers[10].data.tobytes() == new
    assert model.buffers[2].data.tobytes() == graph.tensors[2].data


def test_one_bytes_object_becomes_one_buffer(graph: Graph) -> None:
    new, equal = np.ones(3, np.float32).tobytes(), np.ones(3, np.float32).tobytes()
    first = with_tensor(with_tensor(graph, 1, data=new), 2, data=new)
    apart = with_tensor(with_tensor(graph, 1, data=new), 2, data=equal)
    assert [tree(write(first)).subgraphs[0].tensors[t].buffer for t in (1, 2)] == [10, 10]
    assert [tree(write(apart)).subgraphs[0].tensors[t].buffer for t in (1, 2)] == [10, 11]


def test_equal_data_goes_back_into_its_own_buffer(graph: Graph) -> None:
    copied = bytes(bytearray(graph.tensors[1].data or b""))
    assert copied is not graph.tensors[1].data
    assert write(with_tensor(graph, 1, data=copied)) == write(graph)


def test_another_tensors_bytes_share_its_buffer(graph: Graph) -> None:
    fields = Tensor("new", (3,), "float32", None, graph.tensors[1].data)
    model = tree(write(replace(graph, tensors=(*graph.tensors, fields))))
    assert model.subgraphs[0].tensors[-1].buffer == 2


def test_a_constant_that_is_now_computed_names_an_empty_buffer(graph: Graph) -> None:
    graph = with_tensor(graph, 8, data=None)
    assert tree(write(graph)).subgraphs[0].tensors[8].buffer == 0


def test_other_shapes_lose_the_open_shape_of_the_file(graph: Graph) -> None:
    for t in (0, 3):
        graph = with_tensor(graph, t, shape=(2, 3))
    tensors = tree(write(graph)).subgraphs[0].tensors
    assert tensors[0].shape.tolist() == [2, 3]
    assert tensors[0].shapeSignature is None
    assert tensors[4].shape.tolist() == [1, 3]


def test_other_quantisation_replaces_the_range(graph: Graph) -> None:
    model = tree(write(with_tensor(graph, 0, quantization=Quantization((0.5,), (3,)))))
    record = model.subgraphs[0].tensors[0].quantization
    assert (record.min, record.scale.tolist(), record.zeroPoint.tolist()) == (None, [0.5], [3])
    assert (
        tree(write(with_tensor(graph, 14, quantization=None))).subgraphs[0].tensors[14].quantization is None
    )


def test_names_versions_and_options_change_alone(graph: Graph) -> None:
    before = tree(write(graph))
    ops = list(graph.ops)
    ops[0] = replace(ops[0], version=7, options={**ops[0].options, "pot_scale_int16": True})
    after = tree(write(with_tensor(graph.with_ops(ops), 3, name="renamed")))
    assert after.operatorCodes[5].version == 7
    assert after.subgraphs[0].operators[0].opcodeIndex == 5
    assert after.subgraphs[0].tensors[3].name == b"renamed"
    assert after.subgraphs[0].operators[0].builtinOptions.potScaleInt16 is True
    assert after.subgraphs[0].operators[0].builtinOptions.fusedActivationFunction == 1
    assert difference(before.subgraphs[0].operators[1:], after.subgraphs[0].operators[1:]) == ""
    assert difference(before.operatorCodes, after.operatorCodes[:5]) == ""


def test_operators_are_removed_added_and_reordered(graph: Graph) -> None:
    """RELU takes the composite's place; the custom operator runs last."""
    add, custom, _ = graph.ops
    relu = Op("RELU", (3,), (9,))
    model = tree(write(graph.with_ops([add, relu, custom])))
    operators, codes = model.subgraphs[0].operators, model.operatorCodes
    assert [codes[o.opcodeIndex].builtinCode for o in operators] == [0, 19, 32]
    assert operators[1].builtinOptionsType == 0
    assert difference(operators[2], tree(write(graph)).subgraphs[0].operators[1]) == ""


def test_a_replaced_operator_keeps_nothing_of_the_old_one(graph: Graph) -> None:
    add, custom, composite = graph.ops
    stage = replace(custom, inputs=(3,), custom_code="tflm_mcunet.Stage", custom_options=b"plan", version=1)
    model = tree(write(graph.with_ops([add, stage, composite])))
    operator = model.subgraphs[0].operators[1]
    code = model.operatorCodes[operator.opcodeIndex]
    assert (code.customCode, code.version, code.builtinCode) == (b"tflm_mcunet.Stage", 1, 32)
    assert operator.customOptions.tobytes() == b"plan"
    assert operator.mutatingVariableInputs is None
    assert operator.debugMetadataIndex == -1
    assert operator.intermediates.tolist() == [10]
    assert read(write(graph.with_ops([add, stage, composite]))).ops[1].name == "tflm_mcunet.Stage"


def test_codes_past_127_are_written_for_old_readers(graph: Graph) -> None:
    add, custom, _ = graph.ops
    gelu = Op("GELU", (4,), (9,), {"approximate": True})
    codes = tree(write(graph.with_ops([add, custom, gelu]))).operatorCodes
    assert (codes[-1].deprecatedBuiltinCode, codes[-1].builtinCode) == (127, 150)


def test_signatures_follow_the_graphs_ends(graph: Graph) -> None:
    """A transform that drops the last operator makes another tensor the output."""
    model = tree(write(replace(graph, ops=graph.ops[:2], outputs=(4,))))
    assert model.signatureDefs[0].outputs[0].tensorIndex == 4
    assert model.signatureDefs[0].inputs[0].tensorIndex == 0
    assert model.signatureDefs[1].outputs[0].tensorIndex == 1
    again = read(write(replace(graph, ops=graph.ops[:2], outputs=(4,))))
    assert tree(write(replace(again, outputs=(3,)))).signatureDefs[0].outputs[0].tensorIndex == 3


def test_an_output_that_vanishes_from_a_signature_is_an_error(graph: Graph) -> None:
    with pytest.raises(ModelError, match=r"signature 'serve': 'b' is no longer among the graph's outputs"):
        write(replace(graph, outputs=(3, 4)))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"beta": 1.0}, "op 0 ADD: options: AddOptions has no beta"),
        ({"fused_activation_function": "RELU"}, "op 0 ADD: unknown fused activation RELU"),
        ({"pot_scale_int16": b"x" * 5, "fused_activation_function": 2**40}, "unknown fused activation"),
    ],
)
def test_options_that_the_schema_lacks_are_refused(graph: Graph, options: dict, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        write(graph.with_ops([replace(graph.ops[0], options=options), *graph.ops[1:]]))


def test_option_values_outside_their_field_are_refused() -> None:
    graph = small_network()
    softmax = replace(graph.ops[-1], options={"beta": "one"})
    with pytest.raises(ModelError, match=r"op 6 SOFTMAX: options: beta is float32, got 'one'"):
        write(graph.with_ops([*graph.ops[:-1], softmax]))
    reshape = replace(graph.ops[4], options={"new_shape": 2**40})
    with pytest.raises(ModelError, match=r"op 4 RESHAPE"):
        write(graph.with_ops([*graph.ops[:4], reshape, *graph.ops[5:]]))


def test_control_dependencies_go_when_operators_move() -> None:
    """They name operators by index, so they cannot be kept for another list of operators."""
    graph = with_metadata(read(write(small_network())), "model_control_dependencies", b"\0")
    assert "model_control_dependencies" in metadata(read(write(graph)))
    fewer = replace(graph, ops=graph.ops[:-1], outputs=graph.outputs[:1])
    assert "model_control_dependencies" not in metadata(read(write(fewer)))


def test_metadata_is_added_replaced_and_removed(graph: Graph) -> None:
    assert metadata(graph) == {"min_runtime_version": b"1.2.3\0\0\0", "\\xff": b"\xffnotes"}
    added = read(write(with_metadata(graph, "plan", b"12345")))
    assert metadata(added) == {**metadata(graph), "plan": b"12345"}
    replaced = with_metadata(added, "plan", b"6")
    assert metadata(read(write(replaced))) == {**metadata(graph), "plan": b"6"}
    assert len(tree(write(replaced)).buffers) == len(tree(write(added)).buffers)
    assert (
        difference(tree(write(without_metadata(replaced, "plan"))).metadata, tree(write(graph)).metadata)
        == ""
    )
    assert metadata(graph) == metadata(read(pack(everything())))  # the first graph is as it was


def test_replacing_metadata_leaves_a_shared_buffer_alone() -> None:
    model = everything()
    model.metadata.append(s.MetadataT(b"weights", 2))
    graph = read(pack(model))
    written = tree(write(with_metadata(graph, "weights", b"other")))
    assert written.buffers[2].data.tobytes() == graph.tensors[1].data
    assert written.buffers[written.metadata[2].buffer].data.tobytes() == b"other"


def test_a_file_without_an_empty_buffer_0_is_kept() -> None:
    """The schema reserves buffer 0; a file that filled it still reads as TFLite reads it."""
    model = everything()
    model.buffers[0].data = raw(np.arange(3, dtype=np.float32).tobytes())
    for tensor in model.subgraphs[0].tensors + model.subgraphs[1].tensors:
        tensor.buffer = tensor.buffer or 1
    model.subgraphs[0].tensors[2].buffer = 0
    graph = read(pack(model))
    assert graph.tensors[2].data == np.arange(3, dtype=np.float32).tobytes()
    assert difference(tree(pack(model)), tree(write(graph))) == ""
    added = Tensor("new", (1,), "int8")
    written = tree(write(replace(graph, tensors=(*graph.tensors, added)))).subgraphs[0].tensors[-1]
    assert (written.buffer, written.shape.tolist()) == (1, ints(1).tolist())
