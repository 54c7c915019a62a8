"""Moves of data as plain arithmetic on shapes: which runs of bytes go from where to where (`kernels/move.h`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tflm_mcunet.codegen.call import Constant, Params

#: Axes that one part of the kernel's walk has.
AXES = 6


@dataclass(frozen=True)
class Part:
    """Runs of bytes that are copied along several axes, outermost first.

    Args:
        extent: tuple of int. Runs along each axis.
        source_stride, target_stride: tuple of int. In bytes.
        source_offset, target_offset: int. In bytes.
        run_bytes: int. Of one contiguous run.
    """

    extent: tuple[int, ...]
    source_stride: tuple[int, ...]
    target_stride: tuple[int, ...]
    source_offset: int
    target_offset: int
    run_bytes: int


def part(
    extent: Sequence[int],
    source_stride: Sequence[int],
    target_stride: Sequence[int],
    item_bytes: int,
    source_offset: int = 0,
    target_offset: int = 0,
) -> Part:
    """A Part from strides and offsets in elements, with as few axes and as long runs as there are.

    Neighbouring axes that both tensors walk in one go become one axis; a contiguous innermost axis becomes the run.

    >>> part((4, 5, 8), (40, 8, 1), (80, 8, 1), 1)
    Part(extent=(4,), source_stride=(40,), target_stride=(80,), source_offset=0, target_offset=0, run_bytes=40)
    """
    axes: list[tuple[int, int, int]] = []
    for count, source, target in zip(extent, source_stride, target_stride):
        if count == 1:
            continue
        if axes and axes[-1][1:] == (source * count, target * count):
            axes[-1] = (axes[-1][0] * count, source, target)
        else:
            axes.append((count, source, target))
    run = 1
    if axes and axes[-1][1:] == (1, 1):
        run = axes.pop()[0]
    return Part(
        tuple(a[0] for a in axes),
        tuple(a[1] * item_bytes for a in axes),
        tuple(a[2] * item_bytes for a in axes),
        source_offset * item_bytes,
        target_offset * item_bytes,
        run * item_bytes,
    )


def move_params(
    parts: Sequence[Part],
    *,
    many_inputs: bool = False,
    many_outputs: bool = False,
    fill_bytes: int = 0,
    fill: Sequence[int] = (0, 0, 0, 0),
) -> Params:
    """The parameters of the kernel `move`.

    Args:
        parts: sequence of Part, with at most `AXES` axes each.
        many_inputs, many_outputs: bool. Whether part i reads input i, writes output i; else all use the first.
        fill_bytes: int. Bytes of the first output to be filled before the parts are copied.
        fill: sequence of 4 int. The bytes of one element, repeated.
    """

    def table(name: str, missing: int) -> Constant:
        rows = [(missing,) * (AXES - len(p.extent)) + getattr(p, name) for p in parts]
        return Constant(np.array(rows, dtype=np.int32))

    def column(name: str) -> Constant:
        return Constant(np.array([getattr(p, name) for p in parts], dtype=np.int32))

    fields: dict[str, Any] = {
        "parts": len(parts),
        "input_step": int(many_inputs),
        "output_step": int(many_outputs),
        "fill_bytes": fill_bytes,
        "fill": tuple(fill),
        "extent": table("extent", 1),
        "source_stride": table("source_stride", 0),
        "target_stride": table("target_stride", 0),
        "source_offset": column("source_offset"),
        "target_offset": column("target_offset"),
        "run_bytes": column("run_bytes"),
    }
    return Params("Move", fields)
