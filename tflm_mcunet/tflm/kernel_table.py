"""TFLite Micro's reference kernels by operator: what each takes from the arena.

Read from `core/api/flatbuffer_conversions.cc` (which operators have parsed options) and from each kernel's `Init`
and `Prepare`; the sizes are `sizeof` as compiled (`layout.py` says how). Every entry is checked against the package's
recorded allocations by a test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tflm_mcunet.graph import Graph, Op, Tensor
from tflm_mcunet.tflm.kernel_memory import Kernel, Requests


def _unpacked_int4(weights: Tensor) -> tuple[int, ...]:
    """Four-bit weights are unpacked to a byte each before every use."""
    return (weights.elements,) if weights.dtype == "int4" else ()


def _convolution(axis: int) -> Callable[[Graph, Op], Requests]:
    """A multiplier and a shift per output channel, whatever the type."""

    def requests(graph: Graph, op: Op) -> Requests:
        weights = graph.tensors[op.inputs[1]]
        channels = 4 * weights.shape[axis]
        return (channels, channels), _unpacked_int4(weights)

    return requests


def _fully_connected(graph: Graph, op: Op) -> Requests:
    weights = graph.tensors[op.inputs[1]]
    scales = weights.quantization
    kept: tuple[int, ...] = ()
    if (
        graph.tensors[op.inputs[0]].dtype != "float32"
        and scales
        and len(scales.scale) > 1
        and scales.zero_point
    ):
        kept = (4 * len(scales.scale),) * 2
    return kept, _unpacked_int4(weights)


def _mean(graph: Graph, op: Op) -> Requests:
    """An accumulator per output (quantised types only), an index per dimension, the resolved axes."""
    source, axes = graph.tensors[op.inputs[0]], graph.tensors[op.inputs[1]]
    outputs = graph.tensors[op.outputs[0]].elements
    accumulators = (4 * outputs,) if source.dtype in ("int8", "int16") else ()
    return (), (*accumulators, 4 * len(source.shape), 4 * axes.elements)


def _reshape(graph: Graph, op: Op) -> Requests:
    """An output shape with an open dimension is copied to where it can be written."""
    shape = graph.tensors[op.outputs[0]].shape
    return ((4 + 4 * len(shape),) if -1 in shape else ()), ()


def _softmax(graph: Graph, op: Op) -> Requests:
    """16-bit input is looked up in two tables of 513 entries."""
    return ((1026, 1026) if graph.tensors[op.inputs[0]].dtype == "int16" else ()), ()


def _reduction(graph: Graph, op: Op) -> Requests:
    """An index per dimension and the resolved axes."""
    source, axes = graph.tensors[op.inputs[0]], graph.tensors[op.inputs[1]]
    return (), (4 * len(source.shape), 4 * axes.elements)


def _transposed_convolution(graph: Graph, op: Op) -> Requests:
    """A multiplier and a shift per channel, and an accumulator per output (quantised types only)."""
    channels = 4 * graph.tensors[op.inputs[1]].shape[0]
    accumulator = {"int8": 4, "int16": 8}.get(graph.tensors[op.inputs[2]].dtype, 0)
    outputs = graph.tensors[op.outputs[0]].elements
    return (channels, channels), ((accumulator * outputs,) if accumulator else ())


def _writable_shape(graph: Graph, op: Op) -> Requests:
    """The output's shape is copied to where it can be written."""
    return (4 + 4 * len(graph.tensors[op.outputs[0]].shape),), ()


_CONVOLUTION = "o01|012o"
_POOL = Kernel("0o", (40, 4), init=32)
_MEAN = Kernel("0o101q", (1, 1), init=44, requests=_mean)
_REDUCTION = Kernel("01q0o1", (1, 1), init=44, requests=_reduction)
_UNARY, _BARE = Kernel("0o"), Kernel("")
_COMPARISON = Kernel("01", init=32)
_ARG = Kernel("", (4, 4), (1, 1))
_RESHAPED = Kernel("0o", (4, 4), requests=_writable_shape)

KERNELS: Mapping[str, Kernel] = {
    "ABS": Kernel("0o", init=28),
    "ADD": Kernel("01o", (8, 4), (2, 1), init=60),
    "ARG_MAX": _ARG,
    "ARG_MIN": _ARG,
    # With its decompression, the host build keeps a scratch index for the assigned value.
    "ASSIGN_VARIABLE": Kernel("1", init=4, init_32=0),
    "AVERAGE_POOL_2D": _POOL,
    "CALL_ONCE": Kernel("", (4, 4), init=8),
    "CAST": Kernel("0o", (8, 4), (2, 1)),
    "CEIL": _UNARY,
    "CONCATENATION": Kernel("0o*", (8, 4), init=80, init_32=24),
    "CONV_2D": Kernel(_CONVOLUTION, (28, 4), init=80, init_32=56, requests=_convolution(0)),
    "COS": _UNARY,
    "DEPTH_TO_SPACE": _RESHAPED,
    "DEPTHWISE_CONV_2D": Kernel(_CONVOLUTION, (28, 4), init=80, init_32=56, requests=_convolution(3)),
    "DEQUANTIZE": Kernel("0o", init=32),
    "DIV": Kernel("01o", (4, 4), (1, 1), init=28),
    "ELU": Kernel("0o", init=256),
    "EQUAL": _COMPARISON,
    "EXP": _UNARY,
    "EXPAND_DIMS": Kernel("01o"),
    "FLOOR": _BARE,
    "FULLY_CONNECTED": Kernel("012o", (16, 4), (5, 1), init=72, init_32=48, requests=_fully_connected),
    "GATHER": Kernel("01o", (8, 4), requests=_writable_shape),
    "GREATER": _COMPARISON,
    "GREATER_EQUAL": _COMPARISON,
    "HARD_SWISH": Kernel("0o", init=20),
    "L2_NORMALIZATION": Kernel("0o", (4, 4), (1, 1), init=4),
    "LEAKY_RELU": Kernel("0o", (4, 4), init=24),
    "LESS": _COMPARISON,
    "LESS_EQUAL": _COMPARISON,
    "LOG": _UNARY,
    "LOGICAL_AND": _BARE,
    "LOGICAL_NOT": _UNARY,
    "LOGICAL_OR": _BARE,
    "LOGISTIC": Kernel("0o", init=16),
    "MAX_POOL_2D": _POOL,
    "MAXIMUM": _BARE,
    "MEAN": _MEAN,
    "MINIMUM": _BARE,
    "MUL": Kernel("01o", (4, 4), (1, 1), init=36),
    "NEG": _BARE,
    "NOT_EQUAL": _COMPARISON,
    "PACK": Kernel("", (8, 4)),
    "PAD": Kernel("01o", init=56),
    "PADV2": Kernel("012o", init=56),
    "PRELU": Kernel("01o", init=28),
    "QUANTIZE": Kernel("0o", init=32),
    "READ_VARIABLE": Kernel("0"),
    "REDUCE_MAX": _REDUCTION,
    "REDUCE_MIN": _REDUCTION,
    "RELU": Kernel("0o", init=28),
    "RELU6": Kernel("0", init=8),
    "RESHAPE": Kernel("0o", (36, 4), requests=_reshape),
    "RESIZE_BILINEAR": Kernel("01o", (2, 1)),
    "RESIZE_NEAREST_NEIGHBOR": Kernel("01o", (2, 1)),
    "ROUND": _UNARY,
    "RSQRT": Kernel("0o", init=28),
    "SHAPE": Kernel("", (4, 4), (1, 1)),
    "SIN": _UNARY,
    "SLICE": Kernel("012o"),
    "SOFTMAX": Kernel("0o", (4, 4), init=80, init_32=56, requests=_softmax),
    "SPACE_TO_DEPTH": _RESHAPED,
    "SPLIT": Kernel("0", (4, 4)),
    "SPLIT_V": Kernel("2", (4, 4)),
    "SQRT": _UNARY,
    "SQUARE": _UNARY,
    "SQUARED_DIFFERENCE": Kernel("01o", init=112),
    "SQUEEZE": Kernel("0o", (36, 4)),
    "STRIDED_SLICE": Kernel("0123o", (24, 4), init=84),
    "SUB": Kernel("01o", (8, 4), (2, 1), init=52),
    "SUM": _MEAN,
    "TANH": Kernel("00o", init=16),
    "TRANSPOSE": Kernel("01o"),
    "TRANSPOSE_CONV": Kernel(
        "o21|213o", (20, 4), (16, 4), init=88, init_32=72, requests=_transposed_convolution
    ),
    "UNPACK": Kernel("", (8, 4)),
    "VAR_HANDLE": Kernel("", (16, 8), init=4, options_32=(8, 4)),
    "ZEROS_LIKE": _UNARY,
}
