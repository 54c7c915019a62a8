"""What lowerings check again and again: dtypes, constants, quantisation; all that TFLite Micro's Prepare refuses."""

from __future__ import annotations

from collections.abc import Iterable

from tflm_mcunet.errors import UnsupportedOpError
from tflm_mcunet.graph import Graph, Tensor
from tflm_mcunet.ops import constant_ints

#: What operators that only move bytes take, where nothing narrower is said: what the generated tables can hold.
MOVABLE = ("int8", "uint8", "int16", "int32", "float32")


def require(condition: bool, where: str, problem: str, hint: str = "") -> None:
    """Raise UnsupportedOpError, naming the operator, unless the condition holds."""
    if not condition:
        raise UnsupportedOpError(f"{where}: {problem}", hint)


def require_dtype(tensor: Tensor, dtypes: tuple[str, ...], where: str) -> None:
    """Raise UnsupportedOpError unless the tensor has one of these dtypes."""
    require(
        tensor.dtype in dtypes,
        where,
        f"tensor {tensor.name!r} is {tensor.dtype}; the C++ kernels take {' or '.join(dtypes)}",
        "quantise the model to full INT8",
    )


def require_quantized(tensor: Tensor, dtypes: tuple[str, ...], where: str) -> None:
    """Raise UnsupportedOpError unless the tensor has one of these dtypes, one scale and one zero point."""
    require_dtype(tensor, dtypes, where)
    quantization = tensor.quantization
    one = quantization is not None and len(quantization.scale) == 1 == len(quantization.zero_point)
    require(one, where, f"tensor {tensor.name!r} must have exactly one scale and zero point")
    low, high = {"int8": (-128, 127), "uint8": (0, 255)}.get(tensor.dtype, (-(2**15), 2**15 - 1))
    valid = tensor.scale > 0 and low <= tensor.zero_point <= high
    found = f"scale {tensor.scale:g} and zero point {tensor.zero_point}"
    require(valid, where, f"tensor {tensor.name!r} has {found}, which is no {tensor.dtype} quantisation")


def require_int8(tensor: Tensor, where: str) -> None:
    """Raise UnsupportedOpError unless the tensor is int8 with one scale and one zero point."""
    require_quantized(tensor, ("int8",), where)


def require_constant(tensor: Tensor, dtype: str, where: str) -> None:
    """Raise UnsupportedOpError unless the tensor is a constant of this dtype."""
    require_dtype(tensor, (dtype,), where)
    require(tensor.is_constant, where, f"tensor {tensor.name!r} must be a constant")


def require_one_dtype(tensors: Iterable[Tensor], dtypes: tuple[str, ...], where: str) -> None:
    """Raise UnsupportedOpError unless the tensors all have the same dtype, and it is one of these."""
    first, *others = tensors
    require_dtype(first, dtypes, where)
    for tensor in others:
        require_dtype(tensor, (first.dtype,), where)


def int32_values(graph: Graph, index: int, position: int, count: int | None = None) -> list[int]:
    """The values of a constant int32 operand.

    Args:
        graph: Graph.
        index: int. The operator.
        position: int. Of the operand.
        count: int or None. How many values it must have.

    Raises:
        UnsupportedOpError: it is absent, computed, of another dtype, or has another number of values.
    """
    op, where = graph.ops[index], graph.describe(index)
    values = constant_ints(graph, op, position)
    require(values is not None, where, f"input {position} must be a constant")
    assert values is not None
    require_dtype(graph.tensors[op.inputs[position]], ("int32",), where)
    wrong = f"input {position} has {len(values)} values, expected {count}"
    require(count is None or len(values) == count, where, wrong)
    return values
