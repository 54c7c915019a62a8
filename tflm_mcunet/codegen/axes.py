"""Axes of row-major tensors, merged where a walk does not tell them apart."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """One axis of a walk.

    Args:
        extent: int.
        stride: int. Elements from one index to the next.
        kind: hashable. What the walk does along it.
    """

    extent: int
    stride: int
    kind: Hashable


def strides(shape: Sequence[int]) -> list[int]:
    """Elements from one index to the next along each axis.

    >>> strides((2, 3, 4))
    [12, 4, 1]
    """
    steps, step = [], 1
    for size in reversed(shape):
        steps.append(step)
        step *= size
    return steps[::-1]


def merge(shape: Sequence[int], kinds: Sequence[Hashable]) -> list[Axis]:
    """The axes of a tensor, outermost first, with neighbours of one kind merged and axes of extent 1 dropped.

    >>> [(a.extent, a.stride, a.kind) for a in merge((1, 5, 6, 8), "KRRK")]
    [(30, 8, 'R'), (8, 1, 'K')]
    """
    merged: list[Axis] = []
    for extent, stride, kind in zip(shape, strides(shape), kinds):
        if extent == 1:
            continue
        if merged and merged[-1].kind == kind:
            merged[-1] = Axis(merged[-1].extent * extent, stride, kind)
        else:
            merged.append(Axis(extent, stride, kind))
    return merged
