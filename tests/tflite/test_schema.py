"""The recorded schema is the generated code's: every field of every table reads and writes as it does there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as s
from tflite_trees import difference, pack, tree

from tflm_mcunet.graph import ITEM_BYTES
from tflm_mcunet.ops import OPS
from tflm_mcunet.tflite.flatbuffer import unpack
from tflm_mcunet.tflite.options import decode, encode, option_table
from tflm_mcunet.tflite.schema import (
    builtin_codes,
    builtin_names,
    dtype_codes,
    enum_values,
    snake_case,
    table,
    union_members,
)

UNIONS = {"BuiltinOptions": "builtinOptions", "BuiltinOptions2": "builtinOptions2"}


def filled(name: str, generator: np.random.Generator) -> Any:
    """An object of a table with every field set to something that is not its default."""
    kind = table(name)
    value = kind.make()
    for field in kind.fields:
        count = int(generator.integers(1, 5)) if field.is_vector else None
        if field.kind == "scalar" and field.dtype is not None:
            drawn = generator.integers(1, 100, count).astype(field.dtype)
            setattr(value, field.attribute, drawn if field.is_vector else drawn.item())
        elif field.kind == "string":
            texts = [b"text %d" % i for i in range(count or 1)]
            setattr(value, field.attribute, texts if field.is_vector else texts[0])
        elif field.kind == "table":
            setattr(value, field.attribute, [filled(field.target, generator) for _ in range(count or 1)])
            if not field.is_vector:
                setattr(value, field.attribute, getattr(value, field.attribute)[0])
        else:
            code = int(generator.choice(list(union_members(field.target))))
            setattr(value, field.attribute + "Type", code)
            setattr(value, field.attribute, filled(union_members(field.target)[code], generator))
    return value


@pytest.mark.parametrize("seed", range(3))
def test_every_field_of_the_model_unpacks_as_generated(seed: int) -> None:
    data = pack(filled("Model", np.random.default_rng(seed)))
    assert difference(tree(data), unpack(data)[0]) == ""


@pytest.mark.parametrize("union", UNIONS)
def test_every_option_table_unpacks_and_turns_into_plain_values_and_back(union: str) -> None:
    generator = np.random.default_rng(1)
    types = {(t := option_table(op_type)) and t.name: op_type for op_type in builtin_codes()}
    for code, name in union_members(union).items():
        options = filled(name, generator)
        operator = s.OperatorT(**{UNIONS[union] + "Type": code, UNIONS[union]: options})
        data = pack(s.ModelT(version=3, subgraphs=[s.SubGraphT(operators=[operator])]))
        back = unpack(data)[0].subgraphs[0].operators[0]
        assert difference(tree(data).subgraphs[0].operators[0], back) == ""
        plain = decode(types[name], back)
        assert set(plain) == {field.name for field in table(name).fields}
        attribute, union_type, encoded = encode(types[name], plain)
        assert (attribute, union_type) == (UNIONS[union], code)
        rewritten = s.OperatorT(**{attribute + "Type": union_type, attribute: encoded})
        again = pack(s.ModelT(version=3, subgraphs=[s.SubGraphT(operators=[rewritten])]))
        assert difference(tree(data), tree(again)) == "", name


def test_option_tables_of_the_operators_that_share_them() -> None:
    expected = {
        "AVERAGE_POOL_2D": "Pool2DOptions",
        "CONV_2D": "Conv2DOptions",
        "MAXIMUM": "MaximumMinimumOptions",
        "MEAN": "ReducerOptions",
        "BATCH_MATMUL": "BatchMatMulOptions",
        "ATAN2": "ATan2Options",
        "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNNOptions",
    }
    assert {name: getattr(option_table(name), "name", None) for name in expected} == expected
    assert [option_table(name) for name in ("RELU", "LOGISTIC", "CUSTOM", "PRELU")] == [None] * 4


def test_names_of_enums() -> None:
    assert builtin_codes()["CONV_2D"] == 3
    assert 127 not in builtin_names()  # the mark of codes past 127, no operator
    assert set(OPS) <= set(builtin_codes())
    assert dtype_codes()["int8"] == enum_values("TensorType")["INT8"] == 9
    assert set(dtype_codes()) <= set(ITEM_BYTES)


@pytest.mark.parametrize(
    "attribute, name",
    [("strideW", "stride_w"), ("fusedActivationFunction", "fused_activation_function"), ("beta", "beta")],
)
def test_field_names_are_the_schemas(attribute: str, name: str) -> None:
    assert snake_case(attribute) == name
