"""PAD before a VALID convolution becomes SAME padding, where that means the same windows of the same values.

An explicit PAD costs a second copy of the map: in MCUNet and in Keras' MobileNets it is the largest buffer of all.
"""

from __future__ import annotations

from dataclasses import replace

from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.ops import SAME, VALID, constant_ints, windowed_size
from tflm_mcunet.transforms.edit import Draft, Rewritten, is_per_tensor, same_values

#: Operators that can pad by themselves.
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def fold_pad(graph: Graph) -> Rewritten:
    """Fold every PAD and PADV2 that only VALID convolutions read, and drop those that add nothing.

    Exact where the padded value is the zero point (padding inside a convolution adds nothing to the sum, which is what
    the zero point adds), where input and output mean the same by equal bytes, and where SAME
    (`kernels/padding.h`) gives the same output size and the same leading padding along both axes.

    Args:
        graph: Graph.

    Returns:
        Rewritten. A reason for every PAD that stays.
    """
    draft = Draft(graph)
    for index, op in draft:
        if op.type in ("PAD", "PADV2"):
            draft.note(index, "folded", _fold(draft, index, op))
    return draft.finish()


def _fold(draft: Draft, index: int, op: Op) -> str:
    """Fold one PAD, or say why it stays."""
    x, y = op.inputs[0], op.outputs[0]
    pads = constant_ints(draft.source, op, 1)
    if pads is not None and not any(pads) and same_values(draft.tensors[x], draft.tensors[y]):
        return draft.bypass(index)
    reason = pad_fault(draft, op)
    if reason:
        return reason
    around = spatial_pads(draft.source, op)
    readers = [(reader, draft.ops[reader]) for reader in draft.readers(y)]
    for reader, convolution in readers:
        assert convolution is not None
        reason = _reader_fault(draft.source, reader, convolution, y, around)
        if reason:
            return reason
    for reader, convolution in readers:
        assert convolution is not None
        same = {**convolution.options, "padding": SAME}
        draft.put(reader, replace(convolution, inputs=(x, *convolution.inputs[1:]), options=same))
    draft.put(index, None)
    return ""


def pad_fault(draft: Draft, op: Op) -> str:
    """Why no convolution could pad instead of a PAD, whatever reads it; empty if one could."""
    y = op.outputs[0]
    pads = constant_ints(draft.source, op, 1)
    if pads is None:
        return "its amounts are computed"
    if not same_values(draft.tensors[op.inputs[0]], draft.tensors[y]):
        return "its input and output differ in dtype, scale or zero point"
    reason = _value_fault(draft.source, op)
    if reason:
        return reason
    if len(pads) != 8 or any(pads[:2]) or any(pads[6:]):
        return "it pads other axes than height and width"
    if y in draft.returned:
        return "its output is a graph output"
    return "" if draft.readers(y) else "nothing reads it"


def spatial_pads(graph: Graph, op: Op) -> dict[int, tuple[int, int]]:
    """Axis 1 and 2 -> what a PAD with constant amounts adds (before, after)."""
    pads = constant_ints(graph, op, 1)
    assert pads is not None
    return {axis: (pads[2 * axis], pads[2 * axis + 1]) for axis in (1, 2)}


def _value_fault(graph: Graph, op: Op) -> str:
    """Why the padded value is not what a convolution takes for padding; empty if it is."""
    source = graph.tensors[op.inputs[0]]
    if source.dtype not in ("int8", "int16"):
        return f"only int8 and int16 maps are folded, not {source.dtype}"
    if not is_per_tensor(source):
        return "its input is not quantised with one scale"
    zero_point = source.zero_point
    if op.type == "PADV2":
        value = constant_ints(graph, op, 2)
        if value != [zero_point]:
            return f"it pads with {value[0] if value else 'a computed value'}, the zero point is {zero_point}"
    elif source.dtype == "int16" and zero_point:
        return f"TFLite Micro pads int16 with 0, the zero point is {zero_point}"
    return ""


def _reader_fault(graph: Graph, reader: int, op: Op, y: int, pads: dict[int, tuple[int, int]]) -> str:
    """Why SAME is not what PAD and one reader compute together; empty if it is."""
    if op.type not in CONVOLUTIONS or op.inputs[0] != y or y in op.inputs[1:]:
        return f"{op.name} reads it"
    if op.options["padding"] != VALID:
        return f"{graph.describe(reader)} pads by itself"
    padded, weights = graph.tensors[y].shape, graph.tensors[op.inputs[1]].shape
    for axis, name in ((1, "h"), (2, "w")):
        before, after = pads[axis]
        window = (weights[axis], op.options[f"stride_{name}"], op.options.get(f"dilation_{name}_factor", 1))
        explicit, _ = windowed_size(padded[axis], *window, VALID)
        implied, leading = windowed_size(padded[axis] - before - after, *window, SAME)
        if (explicit, before) != (implied, leading):
            return (
                f"along axis {axis} it gives {explicit} positions with {before} before the map, "
                f"SAME gives {implied} with {leading}"
            )
    return ""
