"""The fields of the C++ parameter structures, read from the headers that declare them.

The generated program initialises structures by position (C++14); the order comes from the header itself, so
that neither a renamed nor a moved field can go unnoticed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tflm_mcunet.cpp import cpp_sources

_INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)
_STRUCT = re.compile(r"\bstruct (\w+) \{(.*?)\n\};", re.DOTALL)
_FIELD = re.compile(r"^\s*(?P<type>(?:const )?[\w:]+\*?)\s+(?P<name>\w+)(?P<array>\[\w+\])?;")


@dataclass(frozen=True)
class Field:
    """One member of a structure: its C++ type without the name, and whether it is an array."""

    name: str
    type: str
    is_array: bool


def struct_fields(header: str, struct: str) -> tuple[Field, ...]:
    """The members of a structure in declaration order.

    Args:
        header: str. Path below the library's `src/`, as "kernels/conv_2d".
        struct: str. The structure's name.

    Raises:
        KeyError: the header declares no such structure.
    """
    return _structs(cpp_sources() / "src" / f"{header}.h")[struct]


@cache
def _structs(path: Path) -> dict[str, tuple[Field, ...]]:
    """The structures of a header and of the headers that it includes."""
    text = path.read_text()
    found: dict[str, tuple[Field, ...]] = {}
    for include in _INCLUDE.findall(text):
        found |= _structs(path.parent / include)
    return found | {name: tuple(_fields(body)) for name, body in _STRUCT.findall(text)}


def _fields(body: str) -> list[Field]:
    fields = []
    for line in body.splitlines():
        found = _FIELD.match(line.split("//")[0])
        if found:
            fields.append(Field(found["name"], found["type"].strip(), bool(found["array"])))
    return fields
