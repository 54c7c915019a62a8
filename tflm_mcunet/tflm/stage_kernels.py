"""The kernels and routines that a stage of a `.tflite` can name, read from the C++ lists, and structures as words."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from tflm_mcunet.codegen.call import Call, Constant, Params, Symbol
from tflm_mcunet.codegen.family import FAMILIES, PORTABLE
from tflm_mcunet.codegen.structs import Field, struct_fields
from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.schedule.schedule import aligned

_KERNEL = re.compile(
    r"^ +(row|sum)_kernel<(\w+), (\d+), (\d+)((?:, \d+)*)>\((\d+), &?(\w+)\),$", re.MULTILINE
)
_ROUTINE = re.compile(r"^ +routine<([^>]+), ([&\w:]+)>\((\d+)\),$", re.MULTILINE)
_INCLUDE = re.compile(r'^#include "([^"]*/kernels/[^"]+)"', re.MULTILINE)

#: `kStageGroup`.
_GROUP = 64

#: The types that fit into words, with their format and how many of them go together.
_FORMATS = {
    "int8_t": "b", "uint8_t": "B", "int16_t": "h", "uint16_t": "H", "int32_t": "i", "uint32_t": "I", "float": "f",
}  # fmt: skip


@dataclass(frozen=True)
class StageKernel:
    """One entry of a list of kernels.

    Args:
        number: int. What stands for it in a model.
        is_sum: bool.
        name, struct: str. The C++ names of the kernel and its structure.
        pointers, words: int. The extent of the structure.
        groups: tuple of int. For each pointer, the number with which those of its routines begin; 0 for data.
        family: str. Whose list it is in.
        header: str. What declares it, below the folder of the C++ sources.
        entry: str. The entry as C++.
    """

    number: int
    is_sum: bool
    name: str
    struct: str
    pointers: int
    words: int
    groups: tuple[int, ...]
    family: str
    header: str
    entry: str = field(repr=False)


@dataclass(frozen=True)
class StageRoutine:
    """One entry of a list of routines, as in StageKernel; `expression` is its C++ address."""

    number: int
    expression: str
    header: str
    entry: str = field(repr=False)


@cache
def stage_kernels() -> Mapping[str, StageKernel]:
    """C++ name -> the kernel, of all families.

    Example:
        >>> stage_kernels()["conv_2d_row"].struct
        'Conv2D'
    """
    found = {}
    for family in FAMILIES:
        text, headers = _list_of(family)
        for match in _KERNEL.finditer(text):
            kind, structure, pointers, words, listed, number, name = match.groups()
            groups = [int(n) for n in listed.split(", ")[1:]]
            groups += [0] * (int(pointers) - len(groups))
            found[name] = StageKernel(
                int(number), kind == "sum", name, structure, int(pointers), int(words), tuple(groups), family,
                headers[name], match[0].strip().rstrip(","),
            )  # fmt: skip
    return found


@cache
def stage_routines() -> Mapping[str, StageRoutine]:
    """Address as a C++ expression -> the routine, of all families.

    Example:
        >>> stage_routines()["arm_dsp::units_saturate"].header
        'src/kernels/arm_dsp/units_core.h'
    """
    found = {}
    for family in FAMILIES:
        text, headers = _list_of(family)
        for match in _ROUTINE.finditer(text):
            _, expression, number = match.groups()
            header = headers[expression.split(":")[-1].lstrip("&")]
            found[expression] = StageRoutine(int(number), expression, header, match[0].strip().rstrip(","))
    return found


def _list_of(family: str) -> tuple[str, Mapping[str, str]]:
    """The text of a family's list, and name -> header of what the headers that it includes declare."""
    root = cpp_sources()
    folder = root / "src" / "tflm" / ("" if family == PORTABLE else family)
    text = (folder / "stage_kernels.cpp").read_text()
    headers: dict[str, str] = {}
    for include in _INCLUDE.findall(text):
        path = (folder / include).resolve()
        declared = re.findall(
            r"^(?:void|extern const \w+|[A-Z]\w+) (\w+)[;(]", path.read_text(), re.MULTILINE
        )
        headers |= dict.fromkeys(declared, path.relative_to(root.resolve()).as_posix())
    return text, headers


def stage_kernel(call: Call) -> StageKernel:
    """The kernel of a call.

    Raises:
        UnsupportedOpError: a stage in TFLite Micro cannot name it.
    """
    kernel = stage_kernels().get(call.kernel)
    if kernel is None or call.whole or kernel.is_sum != call.is_sum or kernel.struct != call.params.struct:
        raise UnsupportedOpError(f"the operator of stages has no kernel {call.kernel}")
    return kernel


#: What a pointer points at: an array in flash, a routine, the words of another structure, or nothing.
Pointer = np.ndarray | StageRoutine | bytes | None


def params_parts(call: Call) -> tuple[list[Pointer], bytes]:
    """A call's structure as its pointers and its words.

    Raises:
        UnsupportedOpError: the structure is none of pointers followed by what fills 32-bit words.
    """
    kernel = stage_kernel(call)
    pointers, words = _parts(call.params, call.source)
    groups = tuple(p.number // _GROUP * _GROUP if isinstance(p, StageRoutine) else 0 for p in pointers)
    found = (groups, len(words) // 4)
    if found != (kernel.groups, kernel.words):
        raise UnsupportedOpError(f"the list of kernels does not fit {kernel.struct}: it has {found}")
    return pointers, words


def _parts(params: Params, header: str) -> tuple[list[Pointer], bytes]:
    pointers: list[Pointer] = []
    words = b""
    for member in struct_fields(header, params.struct):
        value = params.fields[member.name]
        if isinstance(value, Params) and member.type == value.struct:
            inner, raw = _parts(value, header)
            pointers += inner
            words = _padded(words) + raw
        elif value is None or isinstance(value, (Constant, Symbol, Params)):
            if words:
                raise UnsupportedOpError(f"{params.struct}.{member.name} is a pointer behind numbers")
            pointers.append(_pointer(value, header))
        else:
            words = _with(words, member, value, params.struct)
    return pointers, _padded(words)


def _pointer(value: Constant | Symbol | Params | None, header: str) -> Pointer:
    if isinstance(value, Constant):
        return value.values
    if isinstance(value, Symbol):
        routine = stage_routines().get(value.expression)
        if routine is None:
            raise UnsupportedOpError(f"the operator of stages has no routine {value.expression}")
        return routine
    if isinstance(value, Params):
        pointers, words = _parts(value, header)
        if pointers:
            raise UnsupportedOpError(f"{value.struct} holds pointers, and another structure points at it")
        return words
    return None


def _with(words: bytes, member: Field, value: Any, structure: str) -> bytes:
    """The words with one more member, aligned as in memory."""
    code = _FORMATS.get(member.type)
    if code is None:
        raise UnsupportedOpError(f"{structure}.{member.name} does not fit the options of a stage")
    values = [float(v) if code == "f" else int(v) for v in (value if member.is_array else (value,))]
    return _padded(words, struct.calcsize(code)) + struct.pack(f"<{len(values)}{code}", *values)


def _padded(raw: bytes, size: int = 4) -> bytes:
    return raw + bytes(-len(raw) % size)


#: The members of the engine's structures that are no pointers: bytes and alignment.
_MEMBERS = {"uint8_t": (1, 1), "uint16_t": (2, 2), "int16_t": (2, 2), "uint32_t": (4, 4), "Columns": (12, 4)}


@cache
def structure_bytes(pointer_bytes: int) -> tuple[int, int, int]:
    """Bytes of the C++ side's structures: StageData, Rows, StageOp.

    StageData holds three pointers, a StageOptions of nine, a Program, a Workspace of three, and one more pointer.
    """
    rows, op, program = (_structure_bytes(name, pointer_bytes) for name in ("Rows", "StageOp", "Program"))
    return 16 * pointer_bytes + program, rows, op


def _structure_bytes(name: str, pointer_bytes: int) -> int:
    end, widest = 0, 1
    for member in struct_fields("engine/program", name):
        size, alignment = _MEMBERS.get(member.type, (pointer_bytes, pointer_bytes))
        end = aligned(end, alignment) + size
        widest = max(widest, alignment)
    return aligned(end, widest)
