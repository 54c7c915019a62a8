"""Row kernels in numpy for the byte-exact machine: integer arithmetic, one output row from its window's rows.

They round as they like (in float64, the same way each time): what the tests compare is row by row against whole map,
both with these kernels, so that a difference can only come from a row that was lost, shifted or padded wrongly.
"""

from __future__ import annotations

import numpy as np

from tflm_mcunet.graph import Graph, Op

SPATIAL = ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D")


def quantized(values: np.ndarray, zero_point: int) -> np.ndarray:
    return np.clip(np.floor(values + 0.5) + zero_point, -128, 127).astype(np.int8)


def requantizer(graph: Graph, op: Op) -> np.ndarray:
    weights = graph.tensors[op.inputs[1]].quantization
    out = graph.tensors[op.outputs[0]]
    return np.array(weights.scale) * graph.tensors[op.inputs[0]].scale / out.scale


def columns(row: np.ndarray, window, out_w: int, fill: int) -> np.ndarray:
    """[out_w, kernel_w, channels] columns that a row gives to each output pixel, `fill` outside."""
    index = np.arange(out_w)[:, None] * window.stride_w - window.pad_left
    index = index + np.arange(window.kernel_w)[None, :] * window.dilation_w
    inside = (index >= 0) & (index < row.shape[0])
    picked = row[np.clip(index, 0, row.shape[0] - 1)].astype(np.int64)
    picked[~inside] = fill
    return picked


def spatial_row(graph: Graph, op: Op, window, rows: list[np.ndarray | None], width: int) -> np.ndarray:
    """One output row of a convolution or pool; `None` rows are padding."""
    source, out = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    out_w = out.shape[2]
    if op.type.endswith("POOL_2D"):
        real = [columns(r, window, out_w, -999) for r in rows if r is not None]
        stack = np.concatenate(real, axis=1)
        if op.type == "MAX_POOL_2D":
            return stack.max(axis=1).astype(np.int8)
        inside = stack != -999
        return quantized((stack * inside).sum(axis=1) / inside.sum(axis=1), 0)
    zero = source.zero_point
    weights = graph.tensors[op.inputs[1]].array().astype(np.int64)
    total = np.zeros((out_w, out.shape[3]), np.int64)
    for k, row in enumerate(rows):
        if row is None:
            continue
        x = columns(row, window, out_w, zero) - zero
        if op.type == "CONV_2D":
            total += np.einsum("xkc,okc->xo", x, weights[:, k])
        else:
            total += (np.repeat(x, out.shape[3] // x.shape[2], axis=2) * weights[0, k][None]).sum(axis=1)
    if len(op.inputs) > 2 and op.inputs[2] >= 0:
        total += graph.tensors[op.inputs[2]].array()
    return quantized(total * requantizer(graph, op), out.zero_point)


def elementwise(graph: Graph, op: Op, operands: list[np.ndarray]) -> np.ndarray:
    """ADD, SUB, MUL, CONCATENATION, QUANTIZE, RELU, SOFTMAX on rows or maps of any shape [..., channels]."""
    out = graph.tensors[op.outputs[0]]
    given = iter(operands)
    seen: dict[int, np.ndarray] = {}
    reals = []
    for t in op.inputs:
        tensor = graph.tensors[t]
        if tensor.is_constant:
            value = tensor.array()
        else:
            if t not in seen:
                seen[t] = next(given)
            value = seen[t]
        reals.append((value.astype(np.float64) - tensor.zero_point) * (tensor.scale or 1.0))
    if op.type == "CONCATENATION":
        return np.concatenate(list(operands), axis=-1)
    if op.type == "SOFTMAX":
        e = np.exp(reals[0] - reals[0].max(axis=-1, keepdims=True))
        value = e / e.sum(axis=-1, keepdims=True)
    elif op.type in ("RELU", "RELU6"):
        value = np.maximum(reals[0], 0)
    elif op.type == "MUL":
        value = reals[0] * reals[1]
    elif op.type == "SUB":
        value = reals[0] - reals[1]
    else:
        value = sum(reals)  # ADD, and QUANTIZE of its one operand
    return quantized(np.asarray(value) / out.scale, out.zero_point)


def fully_connected(graph: Graph, op: Op, x: np.ndarray) -> np.ndarray:
    out, source = graph.tensors[op.outputs[0]], graph.tensors[op.inputs[0]]
    weights = graph.tensors[op.inputs[1]].array().astype(np.int64)
    total = weights @ (x.reshape(-1).astype(np.int64) - source.zero_point)
    if len(op.inputs) > 2 and op.inputs[2] >= 0:
        total = total + graph.tensors[op.inputs[2]].array()
    return quantized(total * requantizer(graph, op), out.zero_point)


def global_mean(graph: Graph, op: Op, sums: np.ndarray, count: int) -> np.ndarray:
    source, out = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    value = (sums / count - source.zero_point) * source.scale / out.scale
    return quantized(value, out.zero_point)


def whole_op(graph: Graph, op: Op, values: dict[int, np.ndarray], window_of) -> np.ndarray:
    """One operator on whole maps, PADs as operators of their own."""
    out = graph.tensors[op.outputs[0]]
    x = values.get(op.inputs[0])
    if op.type in SPATIAL:
        window = window_of(graph, op)
        result = np.empty(out.shape, np.int8)
        for y in range(out.shape[1]):
            rows = [window.first_row(y) + k * window.dilation_h for k in range(window.kernel_h)]
            given = [x[0, r] if 0 <= r < x.shape[1] else None for r in rows]
            result[0, y] = spatial_row(graph, op, window, given, x.shape[2])
        return result
    if op.type == "PAD":
        pads = graph.tensors[op.inputs[1]].array().reshape(-1, 2)
        return np.pad(x, [tuple(p) for p in pads], constant_values=out.zero_point)
    if op.type in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS"):
        return x.reshape(out.shape)
    if op.type == "TRANSPOSE":
        return x.transpose(graph.tensors[op.inputs[1]].array())
    if op.type == "MEAN":
        axes = tuple(int(a) for a in graph.tensors[op.inputs[1]].array().reshape(-1))
        count = int(np.prod([x.shape[a] for a in axes]))
        return global_mean(graph, op, x.astype(np.int64).sum(axis=axes), count).reshape(out.shape)
    if op.type == "FULLY_CONNECTED":
        return fully_connected(graph, op, x).reshape(out.shape)
    computed = list(dict.fromkeys(t for t in op.inputs if not graph.tensors[t].is_constant))
    operands = [values[t] for t in (op.inputs if op.type == "CONCATENATION" else computed)]
    return elementwise(graph, op, operands).reshape(out.shape)


def run_whole(graph: Graph, inputs: dict[int, np.ndarray], window_of) -> dict[int, np.ndarray]:
    """Every tensor of the graph, computed map by map."""
    values = dict(inputs)
    for op in graph.ops:
        values[op.outputs[0]] = whole_op(graph, op, values, window_of)
    return values
