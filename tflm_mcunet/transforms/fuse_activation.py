"""RELU and RELU6 after an operator that can clamp by itself become its fused activation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.ops import ACTIVATIONS
from tflm_mcunet.transforms.edit import Draft, Rewritten, is_per_tensor, same_values

#: Operators whose kernels clamp int8 results to the fused activation's range of their output tensor.
_FUSABLE = frozenset(
    ("ADD", "AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D", "MUL", "SUB")
)
#: (fused already, operator that follows) -> what both are together.
_TOGETHER = {
    ("NONE", "RELU"): "RELU",
    ("NONE", "RELU6"): "RELU6",
    ("RELU", "RELU"): "RELU",
    ("RELU", "RELU6"): "RELU6",
    ("RELU6", "RELU"): "RELU6",
    ("RELU6", "RELU6"): "RELU6",
}
_CODES = {name: code for code, name in ACTIVATIONS.items()}


def clamp_range(activation: str, scale: float, zero_point: int) -> tuple[int, int]:
    """The int8 range of RELU or RELU6 for an output's scale and zero point (`kernels/kernel_util.cc`)."""
    six = np.float32(6.0) / np.float32(scale)
    # C's round() takes halves away from zero; six is positive.
    highest = 127 if activation == "RELU" else min(127, zero_point + int(np.floor(np.float64(six) + 0.5)))
    return max(-128, zero_point), highest


def fuse_activation(graph: Graph) -> Rewritten:
    """Fuse every int8 RELU and RELU6 into the operator that alone feeds it.

    Exact where both tensors have one scale and zero point: TFLite Micro's RELU then requantises by a factor of 1, and
    both clamp to the same range. With different scales RELU rounds a second time, which no fused activation
    does; RELU6 even ignores its output's scale (`micro/kernels/activations_common.cc`).

    Args:
        graph: Graph.

    Returns:
        Rewritten. A reason for every activation that follows an operator which could take it, and stays.
    """
    draft = Draft(graph)
    for index, op in draft:
        maker = draft.maker(op.inputs[0]) if op.type in ("RELU", "RELU6") else None
        if maker is not None and maker.type in _FUSABLE:
            draft.note(index, f"fused into {maker.name}", _fuse(draft, index, op, maker))
    return draft.finish()


def _fuse(draft: Draft, index: int, op: Op, maker: Op) -> str:
    """Fuse one activation, or say why it stays."""
    x, y = op.inputs[0], op.outputs[0]
    before, after = draft.tensors[x], draft.tensors[y]
    if before.dtype != "int8" or not is_per_tensor(before):
        return f"only int8 with one scale is fused, not {before.dtype}"
    if not same_values(before, after):
        return "its input and output differ in scale or zero point, so it requantises"
    if x in draft.returned or draft.readers(x) != [index]:
        return f"the result of {maker.name} is used without it too"
    present = ACTIVATIONS.get(maker.options.get("fused_activation_function", 0), "")
    together = _TOGETHER.get((present, op.type))
    if together is None:
        return f"{maker.name} has {present or 'an unknown activation'} fused already"
    options = {**maker.options, "fused_activation_function": _CODES[together]}
    source = draft.producer[x]
    draft.put(index, None)
    draft.put(source, replace(maker, options=options, outputs=(y,)))
    return ""
