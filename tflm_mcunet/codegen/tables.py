"""Writes constants and parameter structures as C++ text, each distinct array once."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflm_mcunet.codegen.call import Constant, Params, Symbol
from tflm_mcunet.codegen.literals import array_body, braces, number
from tflm_mcunet.codegen.structs import Field, struct_fields

_C_TYPES = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "uint16": "uint16_t",
    "int32": "int32_t",
    "uint32": "uint32_t",
    "float32": "float",
}


class Tables:
    """Collects the definitions of a generated program; a name is given to each array and structure."""

    def __init__(self) -> None:
        self.definitions: list[str] = []
        self._arrays: dict[tuple[str, bytes], str] = {}

    def constant(self, values: np.ndarray) -> str:
        """Define an array in flash, or find the equal one that is there; its name."""
        values = np.ascontiguousarray(values)
        key = (values.dtype.name, values.tobytes())
        if key not in self._arrays:
            name = f"kData{len(self._arrays)}"
            head = f"alignas(4) const {_C_TYPES[values.dtype.name]} {name}[{max(values.size, 1)}]"
            self.definitions.append(f"{head} = {{\n{array_body(values)}\n}};")
            self._arrays[key] = name
        return self._arrays[key]

    def params(self, params: Params, header: str, name: str) -> str:
        """Define a parameter structure called `name`.

        Raises:
            ValueError: the lowering gave other fields than the header declares.
        """
        lines = [f"    {value},  // {field}" for field, value in self._values(params, header, name)]
        self.definitions.append(f"const {params.struct} {name} = {{\n" + "\n".join(lines) + "\n};")
        return name

    def _values(self, params: Params, header: str, name: str) -> list[tuple[str, str]]:
        """(name, initialiser) of each field, in the order of the header."""
        fields = struct_fields(header, params.struct)
        declared, given = {f.name for f in fields}, set(params.fields)
        if declared != given:
            raise ValueError(f"{params.struct}: fields {sorted(declared ^ given)} are not on both sides")
        nested = [f"{name}{field.name.title().replace('_', '')}" for field in fields]
        return [
            (f.name, self._value(params.fields[f.name], f, header, n))
            for f, n in zip(fields, nested, strict=True)
        ]

    def _value(self, value: Any, field: Field, header: str, name: str) -> str:
        if value is None:
            return "nullptr"
        if isinstance(value, Constant):
            return self.constant(value.values)
        if isinstance(value, Symbol):
            return value.expression
        if isinstance(value, Params) and field.type == value.struct:
            return braces(text for _, text in self._values(value, header, name))
        if isinstance(value, Params):
            return f"&{self.params(value, header, name)}"
        if field.is_array:
            return braces(number(v) for v in value)
        return number(value)
