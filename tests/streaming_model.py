"""A small streaming model, whose memory is a variable: shared by the tests of transforms and of projects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph, Op, Tensor
from tflm_mcunet.tflite.containers import Container

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
