"""Each entry of the kernel table, alone in a model, against what the package records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tflm_graphs import needs_tflm

from tflm_mcunet.errors import ConstraintError
from tflm_mcunet.graph import Graph, Op, Quantization, Tensor
from tflm_mcunet.ops import OPS
from tflm_mcunet.tflite import write
from tflm_mcunet.tflm.interpreter import run
from tflm_mcunet.tflm.kernel_table import KERNELS
from tflm_mcunet.tflm.memory import memory

SHAPE = (1, 4, 6, 8)
Q = Quantization((0.5,), (0,))


def computed(shape: tuple[int, ...] = SHAPE, dtype: str = "int8") -> Tensor:
    return Tensor("t", shape, dtype, Q if dtype == "int8" else None)


def constant(values: Any, dtype: str = "int32") -> Tensor:
    array = np.asarray(values, dtype)
    return Tensor("c", array.shape, dtype, Q if dtype == "int8" else None, array.tobytes())


def one(
    type: str, operands: list[Tensor], outputs: list[Tensor], options: dict[str, Any] | None = None
) -> Graph:
    """A graph of one operator; what is no constant is an input."""
    count = len(operands)
    inputs = tuple(i for i, t in enumerate(operands) if t.data is None)
    results = tuple(range(count, count + len(outputs)))
    op = Op(type, tuple(range(count)), results, options or {})
    return Graph((*operands, *outputs), (op,), inputs, results)


FLOAT, BOOL = computed(dtype="float32"), computed(dtype="bool")
WEIGHTS = replace(constant(np.ones((5, 3, 3, 8)), "int8"), quantization=Quantization((0.1,) * 5, (0,) * 5))
BIAS = replace(constant([1] * 5), quantization=Quantization((0.05,) * 5, (0,) * 5))
NO_ACTIVATION = {"fused_activation_function": 0}
TRANSPOSED = {"padding": 0, "stride_w": 2, "stride_h": 2, **NO_ACTIVATION}

CASES: dict[str, Graph] = {
    **{type: one(type, [FLOAT], [FLOAT]) for type in ("CEIL", "COS", "EXP", "FLOOR", "LOG", "NEG", "ROUND")},
    **{type: one(type, [FLOAT], [FLOAT]) for type in ("SIN", "SQRT", "SQUARE", "ZEROS_LIKE")},
    **{type: one(type, [computed()], [computed()]) for type in ("ABS", "ELU", "RSQRT")},
    **{type: one(type, [computed(), computed()], [computed()]) for type in ("MAXIMUM", "MINIMUM")},
    **{type: one(type, [computed(), computed()], [BOOL]) for type in ("EQUAL", "GREATER", "GREATER_EQUAL")},
    **{type: one(type, [computed(), computed()], [BOOL]) for type in ("LESS", "LESS_EQUAL", "NOT_EQUAL")},
    **{type: one(type, [BOOL, BOOL], [BOOL]) for type in ("LOGICAL_AND", "LOGICAL_OR")},
    **{
        type: one(type, [computed(), constant(3)], [computed((1, 4, 6), "int32")], {"output_type": 2})
        for type in ("ARG_MAX", "ARG_MIN")
    },
    **{
        type: one(type, [computed(), constant([1, 2])], [computed((1, 8))], {"keep_dims": False})
        for type in ("REDUCE_MAX", "REDUCE_MIN", "SUM")
    },
    "CAST": one("CAST", [computed()], [FLOAT], {"in_data_type": 9, "out_data_type": 0}),
    "DEPTH_TO_SPACE": one("DEPTH_TO_SPACE", [computed()], [computed((1, 8, 12, 2))], {"block_size": 2}),
    "DIV": one("DIV", [FLOAT, FLOAT], [FLOAT], NO_ACTIVATION),
    "GATHER": one("GATHER", [computed(), constant([3, 1])], [computed((1, 4, 6, 2))], {"axis": 3}),
    "L2_NORMALIZATION": one("L2_NORMALIZATION", [FLOAT], [FLOAT], NO_ACTIVATION),
    "LOGICAL_NOT": one("LOGICAL_NOT", [BOOL], [BOOL]),
    "PACK": one("PACK", [computed(), computed()], [computed((2, *SHAPE))], {"values_count": 2, "axis": 0}),
    "PRELU": one("PRELU", [computed(), constant(np.ones((1, 1, 8)), "int8")], [computed()]),
    "RESIZE_BILINEAR": one(
        "RESIZE_BILINEAR",
        [computed(), constant([8, 12])],
        [computed((1, 8, 12, 8))],
        {"align_corners": False, "half_pixel_centers": True},
    ),
    "SHAPE": one("SHAPE", [computed()], [computed((4,), "int32")], {"out_type": 2}),
    "SLICE": one(
        "SLICE", [computed(), constant([0, 1, 0, 2]), constant([1, 2, 6, 3])], [computed((1, 2, 6, 3))]
    ),
    "SPACE_TO_DEPTH": one("SPACE_TO_DEPTH", [computed()], [computed((1, 2, 3, 32))], {"block_size": 2}),
    "SPLIT_V": one(
        "SPLIT_V",
        [computed(), constant([3, 5]), constant(3)],
        [computed((1, 4, 6, 3)), computed((1, 4, 6, 5))],
        {"num_splits": 2},
    ),
    "SQUARED_DIFFERENCE": one("SQUARED_DIFFERENCE", [computed(), computed()], [computed()]),
    "TRANSPOSE_CONV": one(
        "TRANSPOSE_CONV",
        [constant([1, 8, 12, 5]), WEIGHTS, computed(), BIAS],
        [computed((1, 8, 12, 5))],
        TRANSPOSED,
    ),
    "UNPACK": one("UNPACK", [computed((2, *SHAPE))], [computed(), computed()], {"num": 2, "axis": 0}),
}

#: What other tests run: the table of operator facts in drawn graphs, and operators that need subgraphs or variables.
ELSEWHERE = {*OPS, "ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE"}


@needs_tflm
@pytest.mark.parametrize("type", sorted(CASES))
def test_a_kernel_takes_what_the_table_says(type):
    graph = CASES[type]
    model, modelled = write(graph), memory(graph)
    recorded = run(model).allocations
    assert (modelled.head_bytes, modelled.tail_bytes) == (recorded.head_bytes, recorded.tail_bytes)
    assert modelled.arena_bytes is not None
    run(model, arena_bytes=modelled.arena_bytes)
    with pytest.raises(ConstraintError):
        run(model, arena_bytes=modelled.arena_bytes - 16)


def test_every_entry_of_the_table_is_run_somewhere():
    assert {*CASES, *ELSEWHERE} == set(KERNELS)
