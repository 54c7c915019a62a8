"""PAD before a VALID convolution becomes SAME with a larger kernel, where SAME with the same one reads other windows.

PyTorch pads evenly on both sides; before a stride of two SAME pads only behind, so such a PAD cannot be folded as it
is. With a kernel that has one more row and column of zero weights SAME does start where the PAD started: a 3×3
kernel becomes 4×4. The sums stay what they were, because the weights' zero point is 0. The padded copy of the map,
often the largest buffer of all, is gone; the price is stated: the zeros are multiplied, and stored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tflm_mcunet.graph import Graph, Op, Tensor
from tflm_mcunet.ops import SAME, VALID, macs, total_macs, windowed_size
from tflm_mcunet.transforms.edit import Draft, Rewritten
from tflm_mcunet.transforms.fold_pad import CONVOLUTIONS, pad_fault, spatial_pads


@dataclass(frozen=True)
class _Growth:
    """Rows and columns of zeros around a kernel: (before, after) along height and width."""

    height: tuple[int, int]
    width: tuple[int, int]


def grow_kernels(graph: Graph, *, max_mac_overhead: float) -> Rewritten:
    """Drop PADs at the price of zero weights, the largest padded maps first, while the MACs allow it.

    Exact in every runtime; see the top of this file. `fold_pad` comes first: what it can fold costs nothing.

    Args:
        graph: Graph.
        max_mac_overhead: float. MACs of the result, at most, as a factor of the graph's own.

    Returns:
        Rewritten. What each change costs, and a reason for every PAD that stays.

    Example:
        >>> from tflm_mcunet.builder import GraphBuilder
        >>> b = GraphBuilder()
        >>> x = b.pad(b.input((1, 8, 8, 3)), [(0, 0), (1, 1), (1, 1), (0, 0)])
        >>> graph = b.finish([b.depthwise_conv_2d(x, (3, 3), stride=(2, 2), padding=VALID)])
        >>> grown = grow_kernels(graph, max_mac_overhead=2.0).graph
        >>> [(op.type, grown.tensors[op.inputs[1]].shape) for op in grown.ops]
        [('DEPTHWISE_CONV_2D', (1, 4, 4, 3))]
    """
    draft = Draft(graph)
    own = total_macs(graph)
    spent = 0
    pads = [(index, op) for index, op in draft if op.type in ("PAD", "PADV2")]
    for index, op in sorted(pads, key=lambda item: (-graph.tensors[item[1].outputs[0]].size_bytes, item[0])):
        growths, reason = _growths(draft, op)
        cost = sum(_extra_macs(graph, graph.ops[reader], growth) for reader, growth in growths.items())
        if not reason and own + spent + cost > max_mac_overhead * own:
            reason = f"larger kernels would take it to {(own + spent + cost) / own:.3f} times the MACs"
        if not reason:
            spent += cost
            extra_bytes = _grow(draft, index, op, growths)
            draft.note(index, f"folded into larger kernels: {cost:,} MACs and {extra_bytes:,} bytes more", "")
        else:
            draft.note(index, "", reason)
    return draft.finish()


def _growths(draft: Draft, op: Op) -> tuple[dict[int, _Growth], str]:
    """How the kernel of every reader of a PAD must grow, or why that is not possible."""
    reason = pad_fault(draft, op)
    if reason:
        return {}, reason
    graph, y, pads = draft.source, op.outputs[0], spatial_pads(draft.source, op)
    result: dict[int, _Growth] = {}
    for reader in draft.readers(y):
        convolution = graph.ops[reader]
        if convolution.type not in CONVOLUTIONS or convolution.inputs[0] != y or y in convolution.inputs[1:]:
            return {}, f"{convolution.name} reads it"
        weights = graph.tensors[convolution.inputs[1]]
        if convolution.options["padding"] != VALID:
            return {}, f"{graph.describe(reader)} pads by itself"
        if not weights.is_constant or weights.dtype != "int8" or not _has_zero_points_of_zero(weights):
            return {}, f"the weights of {graph.describe(reader)} are no int8 constant with zero point 0"
        height, width = (_along(graph, convolution, axis, pads[axis]) for axis in (1, 2))
        if height is None or width is None:
            return (
                {},
                f"no kernel up to twice the size of that of {graph.describe(reader)} makes SAME its window",
            )
        result[reader] = _Growth(height, width)
    return result, "" if result else "nothing reads it"


def _has_zero_points_of_zero(weights: Tensor) -> bool:
    return weights.quantization is not None and not any(weights.quantization.zero_point)


def _along(graph: Graph, op: Op, axis: int, pads: tuple[int, int]) -> tuple[int, int] | None:
    """Zeros (before, after) a kernel along one axis with which SAME reads the windows that PAD and VALID read."""
    name = "h" if axis == 1 else "w"
    kernel = graph.tensors[op.inputs[1]].shape[axis]
    stride, dilation = op.options[f"stride_{name}"], op.options.get(f"dilation_{name}_factor", 1)
    padded = graph.tensors[op.inputs[0]].shape[axis]
    size, _ = windowed_size(padded, kernel, stride, dilation, VALID)
    for more in range(kernel + 1):
        for before in range(more + 1):
            bare = padded - sum(pads)
            if windowed_size(bare, kernel + more, stride, dilation, SAME) == (
                size,
                pads[0] + before * dilation,
            ):
                return before, more - before
    return None


def _extra_macs(graph: Graph, op: Op, growth: _Growth) -> int:
    height, width = graph.tensors[op.inputs[1]].shape[1:3]
    taps = (height + sum(growth.height)) * (width + sum(growth.width))
    return macs(graph, op) // (height * width) * (taps - height * width)


def _grow(draft: Draft, index: int, op: Op, growths: dict[int, _Growth]) -> int:
    """Give every reader its larger kernel and drop the PAD; returns the bytes that the kernels grew by."""
    grown_bytes = 0
    for reader, growth in growths.items():
        convolution = draft.ops[reader]
        assert convolution is not None
        weights = draft.tensors[convolution.inputs[1]]
        around = ((0, 0), growth.height, growth.width, (0, 0))
        larger = np.pad(weights.array(), around)
        added = replace(weights, shape=larger.shape, data=larger.tobytes(), extra={})
        grown_bytes += added.size_bytes - weights.size_bytes
        draft.tensors.append(added)
        inputs = (op.inputs[0], len(draft.tensors) - 1, *convolution.inputs[2:])
        draft.put(
            reader, replace(convolution, inputs=inputs, options={**convolution.options, "padding": SAME})
        )
    draft.put(index, None)
    return grown_bytes
