"""The TFLite schema as data, learnt from the generated flatbuffer classes: tables, fields, unions, enums.

The classes carry no description of themselves, but each accessor tells what it does to a table that records
the calls (which vtable slot, which scalar type, which class comes back). So the checked reader follows the
very schema that the installed package unpacks and packs, with its unions and newly added tables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as generated

#: Where the generated code picks a union's member, the enum of its members. Anything else is a newer schema.
_UNION_ENUMS: Mapping[tuple[str, str], str] = {
    ("Operator", "builtinOptions"): "BuiltinOptions",
    ("Operator", "builtinOptions2"): "BuiltinOptions2",
    ("QuantizationParameters", "details"): "QuantizationDetails",
    ("DimensionMetadata", "arraySegments"): "SparseIndexVector",
    ("DimensionMetadata", "arrayIndices"): "SparseIndexVector",
}


@dataclass(frozen=True)
class Field:
    """One field of a table.

    Args:
        attribute: str. Its name in the object API ("strideW").
        name: str. Its name in the schema, snake case ("stride_w").
        slot: int. Its position in the vtable, from 0.
        kind: str. "scalar", "string", "table" or "union".
        is_vector: bool. A vector of that kind.
        unpack: callable or None. `struct.Struct.unpack_from` of a scalar.
        pack: callable or None. `struct.Struct.pack` of a scalar.
        width: int. Bytes of a scalar, or of an offset.
        dtype: numpy dtype or None. Of a scalar's vector.
        target: str. The table's name, or the union's enum.
    """

    attribute: str
    name: str
    slot: int
    kind: str
    is_vector: bool
    unpack: Any
    pack: Any
    width: int
    dtype: np.dtype | None
    target: str


@dataclass(frozen=True)
class Table:
    """A table of the schema: its object API class and its fields in schema order.

    Args:
        name: str. "Conv2DOptions".
        make: class. "Conv2DOptionsT".
        fields: tuple of Field.
        slots: int. Vtable slots that this schema knows; a used slot past them comes from a newer schema.
    """

    name: str
    make: type
    fields: tuple[Field, ...]
    slots: int


class _Recorder:
    """Stands for `flatbuffers.table.Table` and notes what an accessor asks of it."""

    Bytes = b""
    Pos = 0

    def __init__(self) -> None:
        self.slot = -1
        self.flags: Any = None
        self.kind = ""

    def Offset(self, vtable_offset: int) -> int:
        self.slot = vtable_offset // 2 - 2
        return 4

    def Vector(self, offset: int) -> int:
        return 0

    def Indirect(self, offset: int) -> int:
        self.kind = "table"
        return 0

    def Get(self, flags: Any, offset: int) -> int:
        self.kind, self.flags = "scalar", flags
        return 0

    def String(self, offset: int) -> bytes:
        self.kind = "string"
        return b""

    def Union(self, table: Any, offset: int) -> None:
        self.kind = "union"


def _field(table: str, attribute: str) -> Field:
    accessor_class = getattr(generated, table)
    method = attribute[0].upper() + attribute[1:]
    reader = accessor_class()
    reader._tab = recorder = _Recorder()
    is_vector = hasattr(accessor_class, method + "Length")
    result = getattr(reader, method)(*([0] if is_vector else []))
    flags, kind, target = recorder.flags, recorder.kind, ""
    if kind == "table":
        target = type(result).__name__
    elif kind == "union":
        target = _UNION_ENUMS[table, attribute]
    packer = flags.packer_type if flags else None
    return Field(
        attribute,
        snake_case(attribute),
        recorder.slot,
        kind,
        is_vector,
        packer.unpack_from if packer else None,
        packer.pack if packer else None,
        flags.bytewidth if flags else 4,
        np.dtype(flags.py_type if flags.py_type is bool else flags.name).newbyteorder("<") if flags else None,
        target,
    )


@cache
def table(name: str) -> Table:
    """The table of that name; its fields' targets are looked up when they are needed."""
    make = getattr(generated, name + "T")
    fields = tuple(_field(name, attribute) for attribute in vars(make()))
    # A union's type is its own field in the slot before it, so the last slot is the last field's.
    return Table(name, make, fields, max((f.slot + 1 for f in fields), default=0))


@cache
def union_members(enum: str) -> Mapping[int, str]:
    """Union type -> name of the table; NONE is left out."""
    return {code: name for name, code in enum_values(enum).items() if name != "NONE"}


@cache
def enum_values(enum: str) -> Mapping[str, int]:
    """Names of an enum -> values."""
    return {name: value for name, value in vars(getattr(generated, enum)).items() if type(value) is int}


@cache
def dtype_names() -> Mapping[int, str]:
    """TensorType -> dtype name in lower case, as in `graph.ITEM_BYTES`."""
    return {code: name.lower() for name, code in enum_values("TensorType").items()}


@cache
def dtype_codes() -> Mapping[str, int]:
    """dtype name -> TensorType."""
    return {name: code for code, name in dtype_names().items()}


@cache
def builtin_names() -> Mapping[int, str]:
    """BuiltinOperator -> name, without the placeholder that marks codes past 127."""
    names = {code: name for name, code in enum_values("BuiltinOperator").items()}
    return {code: name for code, name in names.items() if name != "PLACEHOLDER_FOR_GREATER_OP_CODES"}


@cache
def builtin_codes() -> Mapping[str, int]:
    """Name -> BuiltinOperator."""
    return {name: code for code, name in builtin_names().items()}


def snake_case(attribute: str) -> str:
    """The schema's name of an object API attribute: "keepNumDims" -> "keep_num_dims"."""
    return re.sub(r"([A-Z])", r"_\1", attribute).lower()


def text(raw: bytes | str | None) -> str:
    """A string of the file for reading; bytes that are no UTF-8 become escapes, so it prints anywhere."""
    if isinstance(raw, str):
        return raw
    return (raw or b"").decode("utf-8", "backslashreplace")
