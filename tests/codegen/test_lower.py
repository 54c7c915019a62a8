"""Which operators have kernels, and what every lowering leaves to the engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.codegen.literals import number
from tflm_mcunet.codegen.lower import LOWER, lower
from tflm_mcunet.codegen.tables import Tables
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.ops import OPS


def test_every_operator_of_the_facts_has_a_kernel():
    assert set(LOWER) == set(OPS)


def test_images_are_walked_by_rows_and_other_shapes_as_one():
    b = GraphBuilder()
    image, vector = b.input((2, 3, 4, 5)), b.input((6, 7))
    graph = b.finish([b.op("RELU", [image]), b.op("RELU", [vector])])
    by_image, as_one = lower(graph, 0), lower(graph, 1)
    assert (by_image.inputs[0].height, by_image.inputs[0].row_bytes, by_image.width, by_image.batch) == (
        3,
        20,
        4,
        2,
    )
    assert (as_one.inputs[0].height, as_one.inputs[0].row_bytes, as_one.width, as_one.batch) == (1, 42, 1, 1)


def test_a_requantisation_to_the_same_scale_is_a_copy():
    b = GraphBuilder()
    x = b.input((1, 4), scale=0.1, zero_point=3)
    graph = b.finish([b.op("QUANTIZE", [x]), b.op("QUANTIZE", [x], scale=0.2, zero_point=3)])
    assert lower(graph, 0).is_copy
    assert not lower(graph, 1).is_copy


def test_rows_past_the_engines_counters_are_refused():
    b = GraphBuilder()
    graph = b.finish([b.softmax(b.input((70_000, 2)))])
    with pytest.raises(UnsupportedOpError, match=r"op 0 SOFTMAX .*70000 rows or columns"):
        lower(graph, 0)


def test_parameters_fit_the_headers():
    """Every field that a header declares is given, and no other: `Tables.params` compares them."""
    b = GraphBuilder()
    x = b.input((1, 4, 4, 2))
    outputs = [
        b.conv_2d(x, 2),
        b.depthwise_conv_2d(x),
        b.pool_2d("MAX_POOL_2D", x, (2, 2)),
        b.mean(x, (1, 2)),
    ]
    outputs += [b.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)]), b.pad(x, [(0, 0)] * 3 + [(1, 1)]), b.softmax(x)]
    outputs += [
        b.concatenation([x, x]),
        b.concatenation([x, x], 1),
        b.binary("ADD", x, x),
        b.fully_connected(x, 3),
    ]
    graph = b.finish(outputs)
    for i in range(len(graph.ops)):
        call = lower(graph, i)
        tables = Tables()
        tables.params(call.params, call.source, f"kOp{i}")
        assert f"const {call.params.struct} kOp{i} = {{" in tables.definitions[-1]


@given(st.floats(width=32))
def test_float_literals_read_back_to_the_same_bits(value):
    text = number(value)
    if not np.isfinite(value):
        assert text in ('__builtin_nanf("")', "__builtin_inff()", "-__builtin_inff()")
        return
    assert text.endswith("f") and np.float32(text[:-1]).tobytes() == np.float32(value).tobytes()
