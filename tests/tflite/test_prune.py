"""Pruning drops what nothing uses and renumbers the rest everywhere."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from ai_edge_litert import schema_py_generated as s
from tflite_trees import difference, everything, pack, small_network, tree

from tflm_mcunet.graph import Graph, Op, Tensor
from tflm_mcunet.tflite import metadata, prune, read, verify, with_metadata, without_metadata, write
from tflm_mcunet.tflite.verifier import OFFLINE_PLAN


@pytest.fixture
def graph() -> Graph:
    return read(pack(everything()))


def test_unused_tensors_buffers_and_codes_go(graph: Graph) -> None:
    pruned = prune(graph)
    names = [tensor.name for tensor in pruned.tensors]
    # "scales" stays: the quantisation of "blocks" names it; the unnamed one is an intermediate of the custom op.
    assert names == ["x", "w", "w again", "y", "z", "sparse", "state", "outé", "", "blocks", "scales"]
    model = tree(write(pruned))
    assert len(model.buffers) == 8  # without the string's and the one that nothing used
    assert len(model.operatorCodes) == 4
    assert metadata(pruned) == metadata(graph)
    assert model.buffers[model.metadataBuffer[0]].data.tobytes() == b"1.2.3\0\0\0"


def test_indices_are_renumbered_everywhere(graph: Graph) -> None:
    main = tree(write(prune(graph))).subgraphs[0]
    custom = main.operators[1]
    assert custom.inputs.tolist() == [3, 6, -1, 5, 9]
    assert custom.intermediates.tolist() == [8]
    assert main.tensors[9].quantization.details.scales == 10
    assert main.tensors[9].quantization.details.zeroPoints == -1
    assert (main.inputs.tolist(), main.outputs.tolist()) == ([0], [7])
    model = tree(write(prune(graph)))
    assert [m.tensorIndex for d in model.signatureDefs for m in (*d.inputs, *d.outputs)] == [0, 7, 0, 1]
    assert [model.operatorCodes[o.opcodeIndex].builtinCode for o in main.operators] == [0, 32, 206]


def test_other_subgraphs_stay_whole(graph: Graph) -> None:
    before, after = tree(write(graph)).subgraphs[1], tree(write(prune(graph))).subgraphs[1]
    assert difference(before, after) == ""


def test_pruning_again_changes_nothing(graph: Graph) -> None:
    once = prune(graph)
    assert write(prune(once)) == write(once)
    assert write(prune(read(write(once)))) == write(once)


def test_a_replaced_run_of_operators_leaves_no_trace() -> None:
    """What packing a stage does: one custom operator for a run; the maps inside it and their constants go."""
    graph = read(write(small_network()))
    maps, run = graph.ops[1:4], graph.ops[:4]
    stage = Op("CUSTOM", (run[0].inputs[0],), run[-1].outputs, custom_code="Stage", custom_options=b"x")
    small = prune(graph.with_ops([stage, *graph.ops[4:]]))
    verify(small)
    written = tree(write(small))
    codes = [(c.builtinCode, c.customCode) for c in written.operatorCodes]
    assert codes == [(22, None), (9, None), (25, None), (32, b"Stage")]
    gone = {t for op in maps for t in op.inputs} - {-1}
    assert len(small.tensors) == len(graph.tensors) - len(gone | {run[0].inputs[1], run[0].inputs[2]})
    assert sum(b.data.size for b in written.buffers if b.data is not None) == sum(
        len(t.data) for t in small.tensors if t.data
    )
    assert small.tensors[0].name == "image"


def test_the_offline_plan_is_renumbered() -> None:
    """One offset per tensor over all subgraphs, after version, subgraph and count."""
    graph = read(pack(everything()))
    offsets = [100 * t for t in range(17)]
    planned = with_metadata(graph, OFFLINE_PLAN, struct.pack("<20i", 1, 0, 17, *offsets))
    plan = metadata(prune(planned))[OFFLINE_PLAN]
    kept = [0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 15, 16]
    assert struct.unpack("<16i", plan) == (1, 0, 13, *[100 * t for t in kept])
    assert metadata(planned)[OFFLINE_PLAN] != plan
    verify(prune(planned))


def test_removed_metadata_takes_its_buffer_along() -> None:
    graph = with_metadata(read(write(small_network())), "notes", b"n" * 4000)
    assert len(write(prune(without_metadata(graph, "notes")))) < len(write(graph)) - 3900


def test_signature_tensors_are_never_dropped() -> None:
    """A signature may name a tensor that is neither fed nor an output of the graph."""
    model = everything()
    model.signatureDefs[0].outputs.append(s.TensorMapT(b"probe", 14))
    pruned = prune(read(pack(model)))
    written = tree(write(pruned))
    assert written.subgraphs[0].tensors[written.signatureDefs[0].outputs[1].tensorIndex].name == b"per axis"


def test_moved_outputs_are_renumbered_in_signatures(graph: Graph) -> None:
    cut = prune(replace(graph, ops=graph.ops[:1], outputs=(3,)))
    assert [t.name for t in cut.tensors] == ["x", "w", "y"]
    assert tree(write(cut)).signatureDefs[0].outputs[0].tensorIndex == 2


def test_built_graphs_are_pruned_too() -> None:
    graph = small_network()
    extra = replace(graph, tensors=(Tensor("unused", (4,), "int8", None, bytes(4)), *graph.tensors))
    shifted = replace(
        extra,
        ops=tuple(
            replace(
                op, inputs=tuple(t + (t >= 0) for t in op.inputs), outputs=tuple(t + 1 for t in op.outputs)
            )
            for op in graph.ops
        ),
        inputs=tuple(t + 1 for t in graph.inputs),
        outputs=tuple(t + 1 for t in graph.outputs),
    )
    assert prune(shifted) == graph
