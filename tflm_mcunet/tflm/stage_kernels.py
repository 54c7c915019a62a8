"""The kernels that a stage of a `.tflite` can name, read from the C++ list, and their structures as words."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from tflm_mcunet.codegen.call import Call, Constant
from tflm_mcunet.codegen.structs import struct_fields
from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.schedule.schedule import aligned

_ENTRY = re.compile(r"^(ROW|SUM)_KERNEL\((\d+), (\w+), (\w+), (\d+), (\d+)\)", re.MULTILINE)

#: The types that one word holds, with their format and how many of them.
_WORDS = {"int32_t": ("<i", 1), "uint32_t": ("<I", 1), "float": ("<f", 1), "uint8_t": ("<4B", 4)}


@dataclass(frozen=True)
class StageKernel:
    """One line of `src/tflm/kernel_list.h`: the kernel's number, its structure, and the structure's extent."""

    number: int
    is_sum: bool
    struct: str
    pointers: int
    words: int


@cache
def stage_kernels() -> Mapping[str, StageKernel]:
    """C++ name -> the kernel.

    Example:
        >>> stage_kernels()["conv_2d_row"].struct
        'Conv2D'
    """
    text = (cpp_sources() / "src" / "tflm" / "kernel_list.h").read_text()
    return {
        name: StageKernel(int(number), kind == "SUM", struct, int(pointers), int(words))
        for kind, number, name, struct, pointers, words in _ENTRY.findall(text)
    }


def stage_kernel(call: Call) -> StageKernel:
    """The kernel of a call.

    Raises:
        UnsupportedOpError: a stage in TFLite Micro cannot name it.
    """
    kernel = stage_kernels().get(call.kernel)
    if kernel is None or call.whole or kernel.is_sum != call.is_sum or kernel.struct != call.params.struct:
        raise UnsupportedOpError(f"the operator of stages has no kernel {call.kernel}")
    return kernel


def params_parts(call: Call) -> tuple[list[np.ndarray | None], bytes]:
    """A call's structure as its pointers (arrays, None for nullptr) and its words.

    Raises:
        UnsupportedOpError: the structure is none of pointers followed by 32-bit words.
    """
    kernel, fields = stage_kernel(call), struct_fields(call.source, call.params.struct)
    pointers: list[np.ndarray | None] = []
    words = b""
    for field in fields:
        value = call.params.fields[field.name]
        if field.type.endswith("*") and not words and (value is None or isinstance(value, Constant)):
            pointers.append(None if value is None else value.values)
        elif field.type in _WORDS:
            words += _packed(field.type, value if field.is_array else (value,))
        else:
            raise UnsupportedOpError(f"{kernel.struct}.{field.name} does not fit the options of a stage")
    if len(pointers) != kernel.pointers or len(words) != 4 * kernel.words:
        found = f"{len(pointers)} pointers and {len(words) // 4} words"
        raise UnsupportedOpError(f"kernel_list.h does not fit {kernel.struct}: it has {found}")
    return pointers, words


def _packed(type: str, values: Any) -> bytes:
    code, count = _WORDS[type]
    values = [float(v) if type == "float" else int(v) for v in values]
    return b"".join(struct.pack(code, *values[i : i + count]) for i in range(0, len(values), count))


#: The members of the engine's structures that are no pointers: bytes and alignment.
_MEMBERS = {"uint8_t": (1, 1), "uint16_t": (2, 2), "int16_t": (2, 2), "uint32_t": (4, 4), "Columns": (12, 4)}


@cache
def structure_bytes(pointer_bytes: int) -> tuple[int, int, int, int]:
    """Bytes of the C++ side's structures: StageData, Rows, Stage, StageOp.

    StageData holds two pointers, a StageOptions of nine, a Program, a Workspace of three, and one more pointer.
    """
    rows, stage, op, program = (
        _structure_bytes(name, pointer_bytes) for name in ("Rows", "Stage", "StageOp", "Program")
    )
    return 15 * pointer_bytes + program, rows, stage, op


def _structure_bytes(name: str, pointer_bytes: int) -> int:
    end, widest = 0, 1
    for field in struct_fields("engine/program", name):
        size, alignment = _MEMBERS.get(field.type, (pointer_bytes, pointer_bytes))
        end = aligned(end, alignment) + size
        widest = max(widest, alignment)
    return aligned(end, widest)
