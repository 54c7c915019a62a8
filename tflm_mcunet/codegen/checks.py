"""What lowerings check and derive again and again: dtypes, constants, and tensors seen as rows."""

from __future__ import annotations

from tflm_mcunet.codegen.call import View
from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import ITEM_BYTES, Graph, Tensor


def require_dtype(tensor: Tensor, dtypes: tuple[str, ...], where: str) -> None:
    """Raise UnsupportedOpError unless the tensor has one of these dtypes."""
    if tensor.dtype not in dtypes:
        raise UnsupportedOpError(
            f"{where}: tensor {tensor.name!r} is {tensor.dtype}; the C++ kernels take {' or '.join(dtypes)}",
            "quantise the model to full INT8",
        )


def require_int8(tensor: Tensor, where: str) -> None:
    """Raise UnsupportedOpError unless the tensor is int8 with one scale."""
    require_dtype(tensor, ("int8",), where)
    if tensor.quantization is None or len(tensor.quantization.scale) != 1:
        raise UnsupportedOpError(f"{where}: tensor {tensor.name!r} must have exactly one scale")


def require_constant(tensor: Tensor, dtype: str, where: str) -> None:
    """Raise UnsupportedOpError unless the tensor is a constant of this dtype."""
    require_dtype(tensor, (dtype,), where)
    if not tensor.is_constant:
        raise UnsupportedOpError(f"{where}: tensor {tensor.name!r} must be a constant")


def image_view(graph: Graph, index: int) -> View:
    """A [batch, height, width, channels] tensor as the rows of one image."""
    tensor = graph.tensors[index]
    _, height, width, channels = tensor.shape
    return View(index, height, int(width * channels * ITEM_BYTES[tensor.dtype]))


def vector_view(graph: Graph, index: int) -> View:
    """A whole tensor as one row."""
    return View(index, 1, graph.tensors[index].size_bytes)
