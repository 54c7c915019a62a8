"""Tensors seen as rows of bytes: how a kernel walks its operands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tflm_mcunet.codegen.call import View
from tflm_mcunet.graph import ITEM_BYTES, Graph


@dataclass(frozen=True)
class Elementwise:
    """How an operator walks tensors of one shape, element by element.

    Args:
        views: tuple of View, as the tensors were given.
        width: int. Columns of a row.
        channels: int. Elements of a column.
        batch: int. Images, one after the other.
    """

    views: tuple[View, ...]
    width: int
    channels: int
    batch: int


def image_view(graph: Graph, index: int) -> View:
    """A [batch, height, width, channels] tensor as the rows of one image."""
    tensor = graph.tensors[index]
    _, height, width, channels = tensor.shape
    return View(index, height, int(width * channels * ITEM_BYTES[tensor.dtype]))


def vector_view(graph: Graph, index: int) -> View:
    """A whole tensor as one row."""
    return View(index, 1, graph.tensors[index].size_bytes)


def are_images(graph: Graph, indices: Sequence[int]) -> bool:
    """Whether these tensors can be walked row by row, image after image."""
    return all(len(graph.tensors[i].shape) == 4 for i in indices)


def elementwise(graph: Graph, indices: Sequence[int]) -> Elementwise:
    """The walk over tensors of one shape: by the rows of images where they are images, else as one long row."""
    first = graph.tensors[indices[0]]
    if are_images(graph, indices):
        batch, _, width, channels = first.shape
        return Elementwise(tuple(image_view(graph, i) for i in indices), width, channels, batch)
    return Elementwise(tuple(vector_view(graph, i) for i in indices), 1, first.elements, 1)
