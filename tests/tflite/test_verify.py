"""`verify` names the first broken fact by its path."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as s
from tflite_trees import everything, ints, pack, small_network

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.errors import ModelError
from tflm_mcunet.graph import Graph, Op, Quantization, Tensor
from tflm_mcunet.tflite import read, verify, with_metadata, write


def op(graph: Graph, index: int, **fields: Any) -> Graph:
    ops = list(graph.ops)
    ops[index] = replace(ops[index], **fields)
    return graph.with_ops(ops)


def option(graph: Graph, index: int, **values: Any) -> Graph:
    return op(graph, index, options={**graph.ops[index].options, **values})


def tensor(graph: Graph, index: int, **fields: Any) -> Graph:
    tensors = list(graph.tensors)
    tensors[index] = replace(tensors[index], **fields)
    return replace(graph, tensors=tuple(tensors))


def operand(graph: Graph, index: int, position: int, t: int) -> Graph:
    inputs = list(graph.ops[index].inputs)
    inputs[position] = t
    return op(graph, index, inputs=tuple(inputs))


# In small_network: 0 CONV_2D(0, 1, 2)->3, 1 DEPTHWISE_CONV_2D(3, 4, 5)->6, 2 ADD(6, 3)->7, 3 AVERAGE_POOL_2D->8,
# 4 RESHAPE(8, 9)->10, 5 FULLY_CONNECTED(10, 11, 12)->13, 6 SOFTMAX(13)->14; outputs 13 and 14.
BROKEN: dict[str, tuple[Callable[[Graph], Graph], str]] = {
    "input index": (lambda g: operand(g, 2, 1, 99), "subgraph 0, op 2, input 1: tensor index 99 of 15"),
    "input below -1": (lambda g: operand(g, 0, 2, -2), "subgraph 0, op 0, input 2: tensor index -2 of 15"),
    "output index": (lambda g: op(g, 6, outputs=(15,)), "subgraph 0, op 6, output 0: tensor index 15 of 15"),
    "absent output": (lambda g: op(g, 6, outputs=(-1,)), "subgraph 0, op 6, output 0: tensor index -1 of 15"),
    "graph input": (lambda g: replace(g, inputs=(77,)), "subgraph 0, input 0: tensor index 77 of 15"),
    "graph output": (lambda g: replace(g, outputs=(13, -1)), "subgraph 0, output 1: tensor index -1 of 15"),
    "required input": (lambda g: operand(g, 1, 1, -1), "op 1 DEPTHWISE_CONV_2D, input 1: absent"),
    "few inputs": (lambda g: op(g, 2, inputs=(6,)), "op 2 ADD: expected 2 inputs, got 1"),
    "many inputs": (lambda g: op(g, 6, inputs=(13, 13)), "op 6 SOFTMAX: expected 1 inputs, got 2"),
    "no output": (lambda g: op(g.with_ops(g.ops[:6]), 5, outputs=()), "nothing writes tensor 13"),
    "fed twice": (lambda g: replace(g, inputs=(0, 0)), "input 1: tensor 0 'image' is input 0 too"),
    "fed constant": (lambda g: replace(g, inputs=(0, 1)), "subgraph 0, input 1: tensor 1 't1' is a constant"),
    "written twice": (
        lambda g: op(g, 2, outputs=(6,)),
        "op 2, output 0: tensor 6 't6' is written already, by op 1",
    ),
    "input written": (lambda g: op(g, 6, outputs=(0,)), "tensor 0 'image' is written already, by input 0"),
    "constant written": (lambda g: op(g, 6, outputs=(12,)), "op 6, output 0: tensor 12 't12' is a constant"),
    "never written": (
        lambda g: replace(g, inputs=()),
        "op 0, input 0: tensor 0 'image' is read, but nothing writes",
    ),
    "read too early": (
        lambda g: g.with_ops([g.ops[1], g.ops[0], *g.ops[2:]]),
        "op 0, input 0: tensor 3 't3' is read, but op 1 is the first to write it",
    ),
    "cycle": (lambda g: operand(g, 2, 0, 7), "op 2, input 0: tensor 7 't7' is read, but op 2 is the first"),
    "unwritten output": (
        lambda g: g.with_ops(g.ops[:-1]),
        "subgraph 0, output 1: nothing writes tensor 14 't14'",
    ),
    "unknown type": (lambda g: op(g, 6, type="SOFTMIN"), "subgraph 0, op 6: unknown operator type 'SOFTMIN'"),
    "custom code missing": (
        lambda g: op(g, 6, type="CUSTOM"),
        "op 6 CUSTOM: a custom operator has a custom code",
    ),
    "custom code extra": (lambda g: op(g, 6, custom_code="X"), "op 6 SOFTMAX: a custom operator has"),
    "version": (lambda g: op(g, 6, version=0), "op 6 SOFTMAX: version 0"),
    "negative dimension": (
        lambda g: tensor(g, 3, shape=(1, -8, 8, 6)),
        "tensor 3 't3': shape .* outside 0 to",
    ),
    "wide dimension": (lambda g: tensor(g, 3, shape=(2**31,)), "tensor 3 't3': shape .* outside 0 to"),
    "2 GiB": (lambda g: tensor(g, 3, shape=(2**16, 2**15)), "tensor 3 't3': shape .* takes 2147483648 bytes"),
    "product past 2^63": (lambda g: tensor(g, 3, shape=(2**30,) * 64), "tensor 3 't3': shape .* past 2 GiB"),
    "rank": (lambda g: tensor(g, 3, shape=(1,) * 65), "tensor 3 't3': 65 dimensions"),
    "dtype": (lambda g: tensor(g, 3, dtype="int3"), "tensor 3 't3': unknown dtype 'int3'"),
    "short data": (
        lambda g: tensor(g, 2, data=bytes(20)),
        r"tensor 2 't2': 20 bytes of data, but shape \(6,\)",
    ),
    "variable with data": (lambda g: tensor(g, 2, is_variable=True), "tensor 2 't2': a variable tensor with"),
    "scale counts": (
        lambda g: tensor(g, 1, quantization=Quantization((1.0,) * 5, (0,) * 5)),
        "tensor 1 't1': 5 scales for the 6 indices of axis 0",
    ),
    "scales unlike zero points": (
        lambda g: tensor(g, 1, quantization=Quantization((1.0,) * 6, (0,))),
        "tensor 1 't1': quantisation has 6 scales and 1 zero points",
    ),
    "no scale": (
        lambda g: tensor(g, 1, quantization=Quantization((), ())),
        "tensor 1 't1': quantisation has 0 scales",
    ),
    "axis": (
        lambda g: tensor(g, 1, quantization=Quantization((1.0,) * 6, (0,) * 6, 4)),
        "tensor 1 't1': quantised along axis 4 of 4",
    ),
    "infinite scale": (
        lambda g: tensor(g, 1, quantization=Quantization((1e300,), (0,))),
        "tensor 1 't1': quantisation scale 1e.300; a constant's scales are finite",
    ),
    "NaN scale": (
        lambda g: tensor(g, 3, quantization=Quantization((float("nan"),), (0,))),
        "tensor 3 't3': quantisation scale nan",
    ),
    "computed with scale 0": (
        lambda g: tensor(g, 3, quantization=Quantization((0.0,), (0,))),
        "tensor 3 't3': quantisation scale 0.0; scales are finite and positive",
    ),
    "zero point": (
        lambda g: tensor(g, 3, quantization=Quantization((1.0,), (128,))),
        "tensor 3 't3': quantisation zero point 128 is outside int8",
    ),
    "stride": (lambda g: option(g, 0, stride_h=0), "op 0 CONV_2D: stride_h 0; it must be positive"),
    "dilation": (
        lambda g: option(g, 1, dilation_w_factor=-1),
        "op 1 DEPTHWISE_CONV_2D: dilation_w_factor -1",
    ),
    "filter": (lambda g: option(g, 3, filter_width=0), "op 3 AVERAGE_POOL_2D: filter_width 0"),
    "padding": (lambda g: option(g, 0, padding=2), "op 0 CONV_2D: unknown padding 2"),
    "activation": (
        lambda g: option(g, 0, fused_activation_function=6),
        "op 0 CONV_2D: unknown fused activation 6",
    ),
    "missing option": (
        lambda g: op(g, 0, options={"padding": 0}),
        "op 0 CONV_2D: option stride_h is missing",
    ),
    "output shape": (
        lambda g: tensor(g, 3, shape=(1, 8, 4, 12)),
        r"op 0 CONV_2D, output 0: shape \(1, 8, 4, 12\), but the inputs and options give \(1, 8, 8, 6\)",
    ),
    "operand rank": (
        lambda g: tensor(g, 0, shape=(64, 4)),
        "op 0 CONV_2D: input 0: expected a shape of rank 4",
    ),
    "weight depth": (
        lambda g: tensor(g, 0, shape=(1, 8, 8, 5)),
        "op 0 CONV_2D: input 1: weights .* 5 input channels",
    ),
    "bias size": (lambda g: operand(g, 0, 2, 12), "op 0 CONV_2D: input 2: 10 biases for 6 output channels"),
    "broadcast": (lambda g: operand(g, 2, 1, 0), "op 2 ADD: input shapes .* do not fit the operator"),
    "reshape": (lambda g: operand(g, 4, 0, 7), "op 4 RESHAPE: 384 elements of shape .* become 96 of"),
    "matrix": (lambda g: operand(g, 5, 0, 2), "op 5 FULLY_CONNECTED: input 1: weights .* do not fit"),
    "weights as shape": (
        lambda g: operand(g, 4, 1, 11),
        "op 4 RESHAPE: input 1: 960 values where axes or sizes",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_first_broken_fact_is_named(name: str) -> None:
    break_it, message = BROKEN[name]
    graph = small_network()
    verify(graph)
    broken = break_it(graph)
    with pytest.raises(ModelError, match=message):
        verify(broken)
    with pytest.raises(ModelError, match=message):
        write(broken)


Make = Callable[[GraphBuilder, int], tuple[str, list[int], dict[str, Any], tuple[int, ...]]]
# (type, inputs, options, output shape) for an input of shape (1, 4, 6, 2): one that fits, then ones that do not.
OPERANDS: dict[str, tuple[Make, ...]] = {
    "CONCATENATION": (
        lambda b, x: ("CONCATENATION", [x, x], {"axis": -2}, (1, 4, 12, 2)),
        lambda b, x: ("CONCATENATION", [x, x], {"axis": 4}, (1, 4, 12, 2)),
        lambda b, x: (
            "CONCATENATION",
            [x, b.constant(np.zeros((1, 4, 6, 3)), "int8")],
            {"axis": 2},
            (1, 4, 12, 2),
        ),
        lambda b, x: (
            "CONCATENATION",
            [x, b.constant(np.zeros((4, 6, 2)), "int8")],
            {"axis": 2},
            (1, 4, 12, 2),
        ),
    ),
    "DEPTHWISE_CONV_2D": (
        lambda b, x: ("DEPTHWISE_CONV_2D", [x, weights(b, (1, 1, 1, 4))], STRIDES, (1, 4, 6, 4)),
        lambda b, x: ("DEPTHWISE_CONV_2D", [x, weights(b, (1, 1, 1, 3))], STRIDES, (1, 4, 6, 3)),
        lambda b, x: ("DEPTHWISE_CONV_2D", [x, weights(b, (2, 1, 1, 4))], STRIDES, (1, 4, 6, 4)),
        lambda b, x: ("DEPTHWISE_CONV_2D", [x, weights(b, (1, 1, 4))], STRIDES, (1, 4, 6, 4)),
    ),
    "EXPAND_DIMS": (
        lambda b, x: ("EXPAND_DIMS", [x, b.constant(-5)], {}, (1, 1, 4, 6, 2)),
        lambda b, x: ("EXPAND_DIMS", [x, b.constant(5)], {}, (1, 1, 4, 6, 2)),
        lambda b, x: ("EXPAND_DIMS", [x, b.constant([0, 0])], {}, (1, 1, 4, 6, 2)),
    ),
    "MEAN": (
        lambda b, x: ("MEAN", [x, b.constant([1, -2])], {"keep_dims": False}, (1, 2)),
        lambda b, x: ("MEAN", [x, b.constant([1, 6])], {"keep_dims": False}, (1, 2)),
    ),
    "PAD": (
        lambda b, x: ("PAD", [x, b.constant([[0, 0], [1, 0], [0, 1], [0, 0]])], {}, (1, 5, 7, 2)),
        lambda b, x: ("PAD", [x, b.constant([[0, 0], [2, -1], [0, 1], [0, 0]])], {}, (1, 5, 7, 2)),
        lambda b, x: ("PAD", [x, b.constant([[0, 0], [1, 0], [0, 1]])], {}, (1, 5, 7, 2)),
    ),
    "RESHAPE": (
        lambda b, x: ("RESHAPE", [x, b.constant([8, -1])], {}, (8, 6)),
        lambda b, x: ("RESHAPE", [x, b.constant([-1, -1])], {}, (8, 6)),
        lambda b, x: ("RESHAPE", [x, b.constant([-8, -6])], {}, (8, 6)),
        lambda b, x: ("RESHAPE", [x, b.constant([6, 8])], {}, (8, 6)),
        lambda b, x: ("RESHAPE", [x], {"new_shape": (6, 8)}, (8, 6)),
    ),
    "RESIZE_NEAREST_NEIGHBOR": (
        lambda b, x: ("RESIZE_NEAREST_NEIGHBOR", [x, b.constant([8, 12])], {}, (1, 8, 12, 2)),
        lambda b, x: ("RESIZE_NEAREST_NEIGHBOR", [x, b.constant([8])], {}, (1, 8, 12, 2)),
        lambda b, x: ("RESIZE_NEAREST_NEIGHBOR", [x, b.constant([8, 0])], {}, (1, 8, 0, 2)),
    ),
    "SPLIT": (
        lambda b, x: ("SPLIT", [b.constant(2), x], {"num_splits": 1}, (1, 4, 6, 2)),
        lambda b, x: ("SPLIT", [b.constant(4), x], {"num_splits": 1}, (1, 4, 6, 2)),
        lambda b, x: ("SPLIT", [b.constant(2), x], {"num_splits": 2}, (1, 4, 6, 2)),
    ),
    "SQUEEZE": (
        lambda b, x: ("SQUEEZE", [x], {"squeeze_dims": (-4,)}, (4, 6, 2)),
        lambda b, x: ("SQUEEZE", [x], {"squeeze_dims": (1,)}, (1, 6, 2)),
        lambda b, x: ("SQUEEZE", [x], {"squeeze_dims": (4,)}, (4, 6, 2)),
    ),
    "STRIDED_SLICE": (
        lambda b, x: slice_of(b, x, [0, 1, 5, 0], [1, 3, 0, 2], [1, 1, -2, 1], (1, 2, 3, 2)),
        lambda b, x: slice_of(b, x, [0, 1, 5, 0], [1, 3, 0, 2], [1, 1, 0, 1], (1, 2, 3, 2)),
        lambda b, x: slice_of(b, x, [0, 1, 5, 0], [1, 3, 0], [1, 1, -2, 1], (1, 2, 3, 2)),
        lambda b, x: slice_of(b, x, [0] * 5, [1] * 5, [1] * 5, (1, 1, 1, 1)),
        lambda b, x: slice_of(b, x, [0, 4, 0, 0], [1, 5, 6, 2], [1] * 4, (1, 6, 2), shrink_axis_mask=2),
    ),
    "TRANSPOSE": (
        lambda b, x: ("TRANSPOSE", [x, b.constant([0, -1, 1, 2])], {}, (1, 2, 4, 6)),
        lambda b, x: ("TRANSPOSE", [x, b.constant([0, 3, 1, 1])], {}, (1, 2, 4, 4)),
        lambda b, x: ("TRANSPOSE", [x, b.constant([0, 3, 1])], {}, (1, 2, 4)),
        lambda b, x: ("TRANSPOSE", [x, b.constant([0, 3, 1, 4])], {}, (1, 2, 4, 6)),
    ),
}
STRIDES = {"stride_h": 1, "stride_w": 1, "padding": 0}


def weights(b: GraphBuilder, shape: tuple[int, ...]) -> int:
    return b.constant(np.zeros(shape), "int8", scale=1.0)


def slice_of(
    b: GraphBuilder, x: int, begin: list[int], end: list[int], strides: list[int], shape: Any, **masks: int
) -> tuple[str, list[int], dict[str, Any], tuple[int, ...]]:
    return "STRIDED_SLICE", [x, b.constant(begin), b.constant(end), b.constant(strides)], masks, shape


@pytest.mark.parametrize("type", OPERANDS)
def test_operands_that_do_not_fit_are_refused(type: str) -> None:
    fits, *others = OPERANDS[type]
    for make, is_right in ((fits, True), *[(other, False) for other in others]):
        b = GraphBuilder(0)
        x = b.input((1, 4, 6, 2))
        name, inputs, options, shape = make(b, x)
        y = b.tensor(shape, "int8", scale=1.0)
        b.ops.append(Op(name, tuple(inputs), (y,), options))
        graph = b.finish([y])
        if is_right:
            verify(graph)
        else:
            with pytest.raises(ModelError, match=f"subgraph 0, op 0 {type}"):
                verify(graph)


def test_negative_scales_of_constants_are_valid() -> None:
    """MCUNet's own models have convolution weights with negative scales; TFLite's multipliers carry the sign."""
    graph = small_network()
    signed = Quantization((-0.5, 0.0, *[0.25] * 4), (0,) * 6)
    verify(tensor(graph, 1, quantization=signed))


def test_a_bias_may_name_its_weights_axis() -> None:
    """Old converters wrote the depthwise weights' axis 3 into the bias, which has one dimension."""
    graph = small_network()
    per_channel = Quantization((0.5,) * 6, (0,) * 6, 3)
    verify(tensor(graph, 5, quantization=per_channel))


def corner(change: Callable[[Any], None]) -> bytes:
    model = everything()
    change(model)
    return pack(model)


def put(path: str, value: Any) -> Callable[[Any], None]:
    """Set a field of the everything model, e.g. `subgraphs[0].tensors[1].buffer`."""
    holder, _, name = path.rpartition(".")

    def change(model: Any) -> None:
        for step in filter(None, holder.replace("[", ".").replace("]", "").split(".")):
            model = model[int(step)] if step.isdigit() else getattr(model, step)
        setattr(model, name, value)

    return change


CORNERS: dict[str, tuple[Callable[[Any], None], str]] = {
    "schema version": (lambda m: setattr(m, "version", 2), "schema version: expected 3, got 2"),
    "no subgraph": (lambda m: setattr(m, "subgraphs", None), "the model has no subgraph"),
    "buffer index": (
        put("subgraphs[0].tensors[1].buffer", 10),
        "subgraph 0, tensor 1 'w': buffer index 10 of 10",
    ),
    "tensor type": (put("subgraphs[0].tensors[1].type", 99), "subgraph 0, tensor 1: unknown tensor type 99"),
    "operator code": (
        put("subgraphs[1].operators[0].opcodeIndex", 5),
        "subgraph 1, op 0: operator code 5 of 5",
    ),
    "unknown operator": (
        put("subgraphs[1].operators[0].opcodeIndex", 4),
        "subgraph 1, op 0: unknown builtin operator code 9999",
    ),
    "other options": (
        put("subgraphs[1].operators[0].builtinOptionsType", s.BuiltinOptions.AddOptions),
        "subgraph 1, op 0 MUL: options: expected MulOptions, got AddOptions",
    ),
    "needless options": (
        put("subgraphs[0].operators[1].builtinOptionsType", s.BuiltinOptions.AddOptions),
        "subgraph 0, op 1 CUSTOM: options: expected no options, got AddOptions",
    ),
    "nameless custom operator": (
        put("operatorCodes[1].customCode", None),
        "subgraph 0, op 1 CUSTOM: a custom",
    ),
    "other subgraphs": (
        put("subgraphs[1].operators[0].inputs", ints(0, 2)),
        "subgraph 1, op 0, input 1: tensor index",
    ),
    "subgraph index": (
        put("subgraphs[0].operators[2].builtinOptions2.decompositionSubgraphIndex", 2),
        "subgraph 0, op 2 STABLEHLO_COMPOSITE: decomposition_subgraph_index 2 of 2",
    ),
    "intermediate": (
        put("subgraphs[0].operators[1].intermediates", ints(15)),
        "op 1, intermediate 0: tensor index 15",
    ),
    "metadata buffer": (put("metadata[1].buffer", 10), r"metadata 1 '\\\\xff': buffer index 10 of 10"),
    "old metadata": (put("metadataBuffer", ints(-1)), "metadata 0 'metadata_buffer': buffer index -1 of 10"),
    "signature subgraph": (put("signatureDefs[1].subgraphIndex", 2), "signature 'part': subgraph 2 of 2"),
    "signature tensor": (
        put("signatureDefs[1].outputs[0].tensorIndex", 2),
        "signature 'part', output 'd': tensor index 2 of 2",
    ),
    "open shape": (
        put("subgraphs[0].tensors[0].shapeSignature", ints(-1, 4)),
        "tensor 0 'x': shape_signature",
    ),
    "zero points": (
        put("subgraphs[0].tensors[14].quantization.zeroPoint", None),
        "subgraph 0, tensor 14 'per axis': quantisation has 2 scales and 0 zero points",
    ),
    "block scales": (
        put("subgraphs[0].tensors[11].quantization.details.scales", 15),
        "tensor 11 'blocks': quantisation details: scales is tensor index 15 of 15",
    ),
    "sparsity": (
        put("subgraphs[0].tensors[5].sparsity.traversalOrder", ints(1)),
        "tensor 5 'sparse': sparsity",
    ),
    "sparse order": (
        put("subgraphs[0].tensors[5].sparsity.traversalOrder", ints(0, 2)),
        "tensor 5 'sparse': sparsity: traversal_order",
    ),
}


@pytest.mark.parametrize("name", CORNERS)
def test_broken_files_are_refused_with_the_path(name: str) -> None:
    change, message = CORNERS[name]
    with pytest.raises(ModelError, match=message):
        read(corner(change))


def test_stale_offline_plans_are_refused() -> None:
    graph = read(write(small_network()))
    plan = struct.pack("<18i", 1, 0, 15, *[-1] * 15)
    verify(with_metadata(graph, "OfflineMemoryAllocation", plan))
    grown = replace(graph, tensors=(*graph.tensors, Tensor("new", (1,), "int8")))
    for data, message in ((plan, "expected 16 offsets, got 15"), (plan[:8], "8 bytes hold no plan")):
        with pytest.raises(ModelError, match=message):
            write(with_metadata(grown, "OfflineMemoryAllocation", data))


def test_open_dimensions_may_differ_unless_shapes_are_fixed() -> None:
    """A converter holds an open dimension as 1, which a valid-padded window over it need not give."""
    graph = small_network()
    one = {0: (1, 1, 1, 4), 3: (1, 1, 1, 6), 6: (1, 1, 1, 6), 7: (1, 1, 1, 6), 8: (1, 1, 1, 6)}
    for t, shape in one.items():
        graph = tensor(graph, t, shape=shape)
    model_ops = option(graph, 3, padding=1).ops[:4]
    graph = replace(graph, ops=tuple(model_ops), outputs=(8,))
    with pytest.raises(ModelError, match="op 3 AVERAGE_POOL_2D, output 0"):
        verify(graph)
    extra = {"record": s.TensorT(ints(1, 1, 1, 6), 9, 0, b"t8", shapeSignature=ints(1, -1, -1, 6))}
    opened = tensor(graph, 8, extra=extra)
    verify(opened)
    with pytest.raises(ModelError, match="op 3 AVERAGE_POOL_2D, output 0"):
        verify(opened, open_shapes=False)
    closed = {"record": s.TensorT(ints(1, 1, 1, 6), 9, 0, b"t8", shapeSignature=ints(1, 1, -1, 6))}
    with pytest.raises(ModelError, match="op 3 AVERAGE_POOL_2D, output 0"):
        verify(tensor(graph, 8, extra=closed))
