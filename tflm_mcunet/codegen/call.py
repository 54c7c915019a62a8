"""What one operator becomes: the call of one C++ kernel with constant parameters, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tflm_mcunet.ops import Window


@dataclass(frozen=True, eq=False)
class Constant:
    """An array in flash.

    Args:
        values: array. int8, uint8, int16, uint16, int32, uint32 or float32; flattened when it is written.
    """

    values: np.ndarray


@dataclass(frozen=True)
class Symbol:
    """What the C++ sources define, as an expression: `&kKernels`, the name of a function."""

    expression: str


@dataclass(frozen=True, eq=False)
class Params:
    """An instance of a kernel's parameter structure.

    Args:
        struct: str. Its C++ name.
        fields: mapping. Field name -> int, float, tuple (array), Constant, Symbol, Params (a pointer to it, or the
            structure itself) or None.
    """

    struct: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class View:
    """A tensor seen as rows of bytes.

    Args:
        tensor: int. Index in the graph; constants are allowed.
        height: int. Rows of one image.
        row_bytes: int.
        is_repeated: bool. Every row is the same one: a constant or a gate that an operator applies to all rows.
    """

    tensor: int
    height: int
    row_bytes: int
    is_repeated: bool = False


@dataclass(frozen=True, eq=False)
class Call:
    """One operator as a kernel call.

    Args:
        kernel: str. The C++ function.
        source: str. Its file below the library's `src/`, without suffix.
        params: Params.
        inputs, outputs: tuple of View.
        whole: bool. A WholeKernel; else a RowKernel.
        window: Window. The row relation (rows only: columns are in `params`).
        width: int. Output columns of a RowKernel.
        batch: int. Images, one after the other.
        scratch_bytes: int.
        in_place_scratch_bytes: int. Of a RowKernel whose output row is the first row of its window.
        is_sum: bool. `kernel` names SumKernels: the only output row is a sum over the input's rows.
        is_copy: bool. Does nothing but move bytes: dropped where input and output lie at one offset.
    """

    kernel: str
    source: str
    params: Params
    inputs: tuple[View, ...]
    outputs: tuple[View, ...]
    whole: bool = False
    window: Window = field(default_factory=Window)
    width: int = 1
    batch: int = 1
    scratch_bytes: int = 0
    in_place_scratch_bytes: int = 0
    is_sum: bool = False
    is_copy: bool = False


def as_one_row(call: Call) -> Call:
    """A call whose rows do not know of each other, with the whole map as its only row."""
    width = call.width * call.outputs[0].height
    if width >= 1 << 16:
        return call
    return replace(
        call,
        inputs=tuple(View(v.tensor, 1, v.height * v.row_bytes) for v in call.inputs),
        outputs=tuple(View(v.tensor, 1, v.height * v.row_bytes) for v in call.outputs),
        window=Window(),
        width=width,
    )
