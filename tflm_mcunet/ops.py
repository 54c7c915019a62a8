"""Facts about operators in one table: output shape, MACs, row relation, and what may share bytes.

Everything that reasons about an operator without computing it (verification, memory planning, streaming, the
search's oracle) reads this table; what computes it is in `codegen/` and the C++ kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tflm_mcunet.graph import Graph, Op

Shape = tuple[int, ...]

#: The schema's `Padding` and `ActivationFunctionType`.
SAME, VALID = 0, 1
ACTIVATIONS: Mapping[int, str] = {
    0: "NONE",
    1: "RELU",
    2: "RELU_N1_TO_1",
    3: "RELU6",
    4: "TANH",
    5: "SIGN_BIT",
}


#: Operators that read or change state outside their tensors; their order among each other is kept. A custom
#: operator may keep state between calls, so it counts as one.
STATEFUL = frozenset(
    (
        "ASSIGN_VARIABLE",
        "CALL",
        "CALL_ONCE",
        "CUSTOM",
        "HASHTABLE",
        "HASHTABLE_FIND",
        "HASHTABLE_IMPORT",
        "HASHTABLE_SIZE",
        "IF",
        "MULTINOMIAL",
        "RANDOM_STANDARD_NORMAL",
        "RANDOM_UNIFORM",
        "READ_VARIABLE",
        "STABLEHLO_RNG_BIT_GENERATOR",
        "WHILE",
    )
)


@dataclass(frozen=True)
class Window:
    """How a spatial operator's output positions read its input (NHWC).

    Output row y reads input rows y·stride_h - pad_top + k·dilation_h for k in [0, kernel_h), those outside the
    input being padding; likewise for columns.
    """

    kernel_h: int = 1
    kernel_w: int = 1
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    pad_top: int = 0
    pad_left: int = 0

    @property
    def extent_h(self) -> int:
        """Rows from the first to the last that one output row reads."""
        return (self.kernel_h - 1) * self.dilation_h + 1

    @property
    def extent_w(self) -> int:
        """Columns from the first to the last that one output column reads."""
        return (self.kernel_w - 1) * self.dilation_w + 1

    def first_row(self, y: int) -> int:
        """The first input row, possibly negative (padding), that output row `y` reads."""
        return y * self.stride_h - self.pad_top

    def last_row(self, y: int) -> int:
        """The last input row, possibly past the end (padding), that output row `y` reads."""
        return self.first_row(y) + self.extent_h - 1


def windowed_size(size: int, kernel: int, stride: int, dilation: int, padding: int) -> tuple[int, int]:
    """Output size and leading padding along one axis, as TFLite computes them (`kernels/padding.h`)."""
    extent = (kernel - 1) * dilation + 1
    out = (size + stride - 1) // stride if padding == SAME else (size + stride - extent) // stride
    return out, max((out - 1) * stride + extent - size, 0) // 2


def _geometry(graph: Graph, op: Op, kernel_h: int, kernel_w: int) -> tuple[int, int, Window]:
    """Output height and width and the window of a convolution or pool."""
    height, width = graph.tensors[op.inputs[0]].shape[1:3]
    options = op.options
    dilation_h, dilation_w = options.get("dilation_h_factor", 1), options.get("dilation_w_factor", 1)
    stride_h, stride_w, padding = options["stride_h"], options["stride_w"], options["padding"]
    out_h, pad_top = windowed_size(height, kernel_h, stride_h, dilation_h, padding)
    out_w, pad_left = windowed_size(width, kernel_w, stride_w, dilation_w, padding)
    window = Window(kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left)
    return out_h, out_w, window


def _kernel_size(graph: Graph, op: Op) -> tuple[int, int]:
    if op.type.endswith("POOL_2D"):
        return op.options["filter_height"], op.options["filter_width"]
    return graph.tensors[op.inputs[1]].shape[1], graph.tensors[op.inputs[1]].shape[2]


def _spatial_window(graph: Graph, op: Op) -> Window | None:
    return _geometry(graph, op, *_kernel_size(graph, op))[2]


def _spatial_shape(graph: Graph, op: Op) -> Shape:
    out_h, out_w, _ = _geometry(graph, op, *_kernel_size(graph, op))
    batch, channels = graph.tensors[op.inputs[0]].shape[0], graph.tensors[op.inputs[0]].shape[3]
    if op.type == "CONV_2D":
        channels = graph.tensors[op.inputs[1]].shape[0]
    elif op.type == "DEPTHWISE_CONV_2D":
        channels = graph.tensors[op.inputs[1]].shape[3]
    return batch, out_h, out_w, channels


def _spatial_macs(graph: Graph, op: Op) -> int:
    weights = graph.tensors[op.inputs[1]].shape
    batch, out_h, out_w, channels = graph.tensors[op.outputs[0]].shape
    per_output = weights[1] * weights[2] * (weights[3] if op.type == "CONV_2D" else 1)
    return batch * out_h * out_w * channels * per_output


def _fully_connected_shape(graph: Graph, op: Op) -> Shape:
    units, depth = graph.tensors[op.inputs[1]].shape
    source = graph.tensors[op.inputs[0]]
    if op.options.get("keep_num_dims"):
        return (*source.shape[:-1], units)
    return source.elements // depth, units


def _fully_connected_macs(graph: Graph, op: Op) -> int:
    return graph.tensors[op.outputs[0]].elements * graph.tensors[op.inputs[1]].shape[1]


def _row_window(graph: Graph, op: Op) -> Window | None:
    """The identity window of an elementwise operator, where every operand has the output's rows."""
    shape = graph.tensors[op.outputs[0]].shape
    operands = [graph.tensors[i] for i in op.inputs if i >= 0]
    if len(shape) != 4 or any(t.shape != shape for t in operands):
        return None
    return Window()


def _binary_window(graph: Graph, op: Op) -> Window | None:
    """The identity window where an operand has one value a channel, or both have the output's rows."""
    return Window() if channel_operand(graph, op) >= 0 else _row_window(graph, op)


def channel_operand(graph: Graph, op: Op) -> int:
    """Which operand of ADD, SUB or MUL has one value for each channel of a batch-1 map; -1 for none.

    A constant, or a computed gate as squeeze-and-excite has it. The second, or for ADD and MUL, which may be swapped,
    the first.
    """
    shape = graph.tensors[op.outputs[0]].shape
    if len(shape) != 4 or shape[0] != 1 or shape[1:3] == (1, 1):
        return -1
    for position in (1, 0) if op.type != "SUB" else (1,):
        values, other = (graph.tensors[op.inputs[p]] for p in (position, 1 - position))
        has_one_each = values.elements == shape[3] and values.shape[-1:] == shape[3:]
        if has_one_each and other.shape == shape:
            return position
    return -1


def _concatenation_window(graph: Graph, op: Op) -> Window | None:
    rank = len(graph.tensors[op.outputs[0]].shape)
    return Window() if rank == 4 and op.options["axis"] % rank == 3 else None


def _pad_window(graph: Graph, op: Op) -> Window | None:
    before = constant_ints(graph, op, 1)
    if before is None or len(before) != 8 or any(before[:2]) or any(before[6:]):
        return None
    return Window(pad_top=before[2], pad_left=before[4])


def _same_shape(graph: Graph, op: Op) -> Shape:
    return graph.tensors[op.inputs[0]].shape


def _broadcast_shape(graph: Graph, op: Op) -> Shape:
    shapes = [graph.tensors[i].shape for i in op.inputs]
    return tuple(int(n) for n in np.broadcast_shapes(*shapes))


def constant_ints(graph: Graph, op: Op, position: int) -> list[int] | None:
    """The flat values of a constant integer operand; None where it is absent or computed."""
    if position >= len(op.inputs) or op.inputs[position] < 0:
        return None
    tensor = graph.tensors[op.inputs[position]]
    if not tensor.is_constant or not tensor.dtype.startswith(("int", "uint")):
        return None
    return [int(v) for v in tensor.array().reshape(-1)]


def _reshape_shape(graph: Graph, op: Op) -> Shape | None:
    wanted = constant_ints(graph, op, 1)
    if wanted is None:
        wanted = op.options.get("new_shape")
    if wanted is None:
        return None
    shape, elements = [int(n) for n in wanted], graph.tensors[op.inputs[0]].elements
    if shape.count(-1) == 1:
        known = math.prod(n for n in shape if n != -1)
        shape[shape.index(-1)] = elements // known if known else 0
    return tuple(shape)


def _squeeze_shape(graph: Graph, op: Op) -> Shape:
    shape = graph.tensors[op.inputs[0]].shape
    raw = op.options.get("squeeze_dims")
    dims = [int(d) % len(shape) for d in raw] if raw is not None and len(raw) else None
    return tuple(n for i, n in enumerate(shape) if not (n == 1 if dims is None else i in dims))


def _expand_dims_shape(graph: Graph, op: Op) -> Shape | None:
    axis = constant_ints(graph, op, 1)
    if axis is None:
        return None
    shape = list(graph.tensors[op.inputs[0]].shape)
    shape.insert(axis[0] % (len(shape) + 1), 1)
    return tuple(shape)


def _pad_shape(graph: Graph, op: Op) -> Shape | None:
    pads = constant_ints(graph, op, 1)
    if pads is None:
        return None
    shape = graph.tensors[op.inputs[0]].shape
    return tuple(n + pads[2 * i] + pads[2 * i + 1] for i, n in enumerate(shape))


def mean_axes(graph: Graph, op: Op) -> tuple[int, ...] | None:
    """The reduced axes of a MEAN or SUM, non-negative and ascending; None where they are computed."""
    axes = constant_ints(graph, op, 1)
    rank = len(graph.tensors[op.inputs[0]].shape)
    return None if axes is None else tuple(sorted({a % rank for a in axes}))


def _reduced_shape(graph: Graph, op: Op) -> Shape | None:
    axes = mean_axes(graph, op)
    if axes is None:
        return None
    keep = op.options.get("keep_dims")
    shape = graph.tensors[op.inputs[0]].shape
    return tuple(1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes)


def _concatenation_shape(graph: Graph, op: Op) -> Shape:
    shapes = [graph.tensors[i].shape for i in op.inputs]
    axis = op.options["axis"] % len(shapes[0])
    return (*shapes[0][:axis], sum(s[axis] for s in shapes), *shapes[0][axis + 1 :])


def _split_shape(graph: Graph, op: Op) -> Shape | None:
    axis = constant_ints(graph, op, 0)
    if axis is None:
        return None
    shape = list(graph.tensors[op.inputs[1]].shape)
    shape[axis[0] % len(shape)] //= len(op.outputs)
    return tuple(shape)


def slice_bounds(graph: Graph, op: Op) -> list[tuple[int, int, int]] | None:
    """(start, count, stride) along each axis of a STRIDED_SLICE with constant bounds, its masks resolved.

    None where a bound is computed or the ellipsis or new-axis masks are used.
    """
    begin, end, strides = (constant_ints(graph, op, i) for i in (1, 2, 3))
    options = op.options
    if begin is None or end is None or strides is None:
        return None
    if options.get("ellipsis_mask") or options.get("new_axis_mask"):
        return None
    bounds = []
    for i, size in enumerate(graph.tensors[op.inputs[0]].shape):
        if i >= len(begin):
            bounds.append((0, size, 1))
            continue
        start = None if options.get("begin_mask", 0) >> i & 1 else begin[i]
        stop = None if options.get("end_mask", 0) >> i & 1 else end[i]
        step = strides[i]
        if options.get("shrink_axis_mask", 0) >> i & 1:
            start = begin[i] % size if size else 0
            stop, step = start + 1, 1
        if step == 0:
            return None
        picked = range(*slice(start, stop, step).indices(size))
        bounds.append((picked.start, len(picked), step))
    return bounds


def _strided_slice_shape(graph: Graph, op: Op) -> Shape | None:
    bounds = slice_bounds(graph, op)
    if bounds is None:
        return None
    shrunk = op.options.get("shrink_axis_mask", 0)
    return tuple(count for i, (_, count, _) in enumerate(bounds) if not shrunk >> i & 1)


def _transpose_shape(graph: Graph, op: Op) -> Shape | None:
    order = constant_ints(graph, op, 1)
    shape = graph.tensors[op.inputs[0]].shape
    return None if order is None else tuple(shape[i] for i in order)


def _resize_shape(graph: Graph, op: Op) -> Shape | None:
    size = constant_ints(graph, op, 1)
    shape = graph.tensors[op.inputs[0]].shape
    return None if size is None else (shape[0], size[0], size[1], shape[3])


def _no_macs(graph: Graph, op: Op) -> int:
    return 0


def _no_window(graph: Graph, op: Op) -> Window | None:
    return None


@dataclass(frozen=True)
class OpFacts:
    """What holds for every operator of one type.

    Args:
        output_shape: (Graph, Op) -> shape of each output, or None where it depends on computed values.
        macs: (Graph, Op) -> multiply-accumulates of one inference.
        window: (Graph, Op) -> Window where an output row needs only a window of input rows, else None.
        in_place: tuple of int. Operand positions whose bytes the output may take in our own kernels, where the
            sizes and dtypes are equal and nothing else reads the operand later.
        inputs: (least, most) number of operands.
    """

    output_shape: Callable[[Graph, Op], Shape | None]
    macs: Callable[[Graph, Op], int] = _no_macs
    window: Callable[[Graph, Op], Window | None] = _no_window
    in_place: tuple[int, ...] = ()
    inputs: tuple[int, int] = (1, 1)


_ELEMENTWISE = OpFacts(_same_shape, window=_row_window, in_place=(0,))
_BINARY = OpFacts(_broadcast_shape, window=_binary_window, in_place=(0, 1), inputs=(2, 2))

OPS: Mapping[str, OpFacts] = {
    "ADD": _BINARY,
    "AVERAGE_POOL_2D": OpFacts(_spatial_shape, window=_spatial_window),
    "CONCATENATION": OpFacts(_concatenation_shape, window=_concatenation_window, inputs=(1, 10)),
    "CONV_2D": OpFacts(_spatial_shape, _spatial_macs, _spatial_window, inputs=(2, 3)),
    "DEPTHWISE_CONV_2D": OpFacts(_spatial_shape, _spatial_macs, _spatial_window, inputs=(2, 3)),
    "DEQUANTIZE": OpFacts(_same_shape, window=_row_window),
    "EXPAND_DIMS": OpFacts(_expand_dims_shape, in_place=(0,), inputs=(2, 2)),
    "FULLY_CONNECTED": OpFacts(_fully_connected_shape, _fully_connected_macs, inputs=(2, 3)),
    "HARD_SWISH": _ELEMENTWISE,
    "LEAKY_RELU": _ELEMENTWISE,
    "LOGISTIC": _ELEMENTWISE,
    "MAX_POOL_2D": OpFacts(_spatial_shape, window=_spatial_window),
    "MEAN": OpFacts(_reduced_shape, inputs=(2, 2)),
    "MUL": _BINARY,
    "PAD": OpFacts(_pad_shape, window=_pad_window, inputs=(2, 2)),
    "PADV2": OpFacts(_pad_shape, window=_pad_window, inputs=(3, 3)),
    "QUANTIZE": OpFacts(_same_shape, window=_row_window, in_place=(0,)),
    "RELU": _ELEMENTWISE,
    "RELU6": _ELEMENTWISE,
    "RESHAPE": OpFacts(_reshape_shape, in_place=(0,), inputs=(1, 2)),
    "RESIZE_NEAREST_NEIGHBOR": OpFacts(_resize_shape, inputs=(2, 2)),
    "SOFTMAX": OpFacts(_same_shape, in_place=(0,)),
    "SPLIT": OpFacts(_split_shape, inputs=(2, 2)),
    "SQUEEZE": OpFacts(_squeeze_shape, in_place=(0,)),
    "STRIDED_SLICE": OpFacts(_strided_slice_shape, inputs=(4, 4)),
    "SUB": _BINARY,
    "TANH": _ELEMENTWISE,
    "TRANSPOSE": OpFacts(_transpose_shape, inputs=(2, 2)),
}


def macs(graph: Graph, op: Op) -> int:
    """Multiply-accumulates of one operator: convolutions and fully connected layers count, the rest is 0."""
    return OPS[op.type].macs(graph, op) if op.type in OPS else 0


def total_macs(graph: Graph) -> int:
    """Multiply-accumulates of one inference."""
    return sum(macs(graph, op) for op in graph.ops)


def window(graph: Graph, op: Op) -> Window | None:
    """The row relation of an operator, or None where an output row may need every input row."""
    return OPS[op.type].window(graph, op) if op.type in OPS else None
