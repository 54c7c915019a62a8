"""An operator's options ↔ the schema's option tables: plain values by the schema's field names."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from tflm_mcunet.errors import ModelError
from tflm_mcunet.tflite.schema import Field, Table, builtin_names, enum_values, table, text

#: Operators whose option table has another name than theirs.
_SHARED_TABLES: Mapping[str, str] = {
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "CONV_3D_TRANSPOSE": "Conv3DOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "L2_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MEAN": "ReducerOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "MULTINOMIAL": "RandomOptions",
    "RANDOM_STANDARD_NORMAL": "RandomOptions",
    "RANDOM_UNIFORM": "RandomOptions",
    "REDUCE_ALL": "ReducerOptions",
    "REDUCE_ANY": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "REDUCE_PROD": "ReducerOptions",
    "SUM": "ReducerOptions",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNNOptions",
}
#: The two unions of option tables and the Operator's attributes for them.
_UNIONS = {"BuiltinOptions": "builtinOptions", "BuiltinOptions2": "builtinOptions2"}


@cache
def _tables() -> Mapping[str, tuple[str, int, str]]:
    """Operator type -> (attribute of OperatorT, union type, name of the option table)."""
    by_name = {}
    for union, attribute in _UNIONS.items():
        for name, code in enum_values(union).items():
            if name != "NONE":
                by_name[name] = (attribute, code, name)
    plain = {name.removesuffix("Options").lower(): entry for name, entry in by_name.items()}
    found = {}
    for op_type in builtin_names().values():
        shared = _SHARED_TABLES.get(op_type)
        entry = by_name[shared] if shared else plain.get(op_type.replace("_", "").lower())
        if entry:
            found[op_type] = entry
    return found


def option_table(op_type: str) -> Table | None:
    """The option table of an operator type; None where the schema gives it none."""
    entry = _tables().get(op_type)
    return table(entry[2]) if entry else None


def decode(op_type: str, record: Any) -> dict[str, Any]:
    """The options of an OperatorT; absent vectors and strings are left out.

    Raises:
        ModelError: the options belong to another operator type.
    """
    expected = _tables().get(op_type)
    for union, attribute in _UNIONS.items():
        code = getattr(record, attribute + "Type")
        if code and (expected is None or (attribute, code) != expected[:2]):
            known = {value: name for name, value in enum_values(union).items()}
            wanted = expected[2] if expected else "no options"
            raise ModelError(f"options: expected {wanted}, got {known.get(code, f'{union} type {code}')}")
    value = getattr(record, expected[0]) if expected else None
    return _plain_table(table(expected[2]), value) if expected and value is not None else {}


def _plain_table(kind: Table, value: Any) -> dict[str, Any]:
    plain = {}
    for field in kind.fields:
        item = getattr(value, field.attribute)
        if item is not None:
            plain[field.name] = _plain(field, item)
    return plain


def _plain(field: Field, item: Any) -> Any:
    if isinstance(item, np.ndarray):
        return item.tobytes() if item.dtype == np.uint8 else tuple(item.tolist())
    if isinstance(item, bytes):
        return text(item)
    if isinstance(item, list):
        return tuple(_plain(field, each) for each in item)
    return _plain_table(table(field.target), item) if field.kind == "table" else item


def encode(op_type: str, options: Mapping[str, Any]) -> tuple[str, int, Any]:
    """(attribute of OperatorT, union type, option table); ("", 0, None) for an operator without options.

    Options that are left out take the schema's defaults; the table itself is always made, because kernels in
    TFLite Micro read it without asking whether it is there.

    Raises:
        ModelError: an option that the table does not have, or a value that its field cannot hold.
    """
    entry = _tables().get(op_type)
    if entry is None:
        if options:
            raise ModelError(f"options: {op_type} takes none in the schema, got {', '.join(sorted(options))}")
        return "", 0, None
    kind = table(entry[2])
    unknown = set(options) - {field.name for field in kind.fields}
    if unknown:
        known = ", ".join(field.name for field in kind.fields) or "none"
        raise ModelError(f"options: {kind.name} has no {', '.join(sorted(unknown))}", f"its fields: {known}")
    value = kind.make()
    for field in kind.fields:
        if options.get(field.name) is not None:
            setattr(value, field.attribute, _schema_value(field, options[field.name]))
    return entry[0], entry[1], value


def _schema_value(field: Field, value: Any) -> Any:
    try:
        if field.kind == "string":
            return str(value).encode()
        if field.kind != "scalar":
            raise TypeError
        if not field.is_vector:
            plain = value.item() if isinstance(value, np.generic) else value
            field.pack(plain)
            return plain
        if isinstance(value, bytes):
            return np.frombuffer(value, np.uint8).astype(field.dtype)
        return np.array(list(value), field.dtype)
    except (struct.error, TypeError, ValueError, OverflowError):
        kind = f"{'a list of ' if field.is_vector else ''}{field.dtype or field.kind}"
        raise ModelError(f"options: {field.name} is {kind}, got {value!r}") from None
