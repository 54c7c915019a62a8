"""QUANTIZE at the inputs and DEQUANTIZE at the outputs dropped: the caller gives and takes int8."""

from __future__ import annotations

from dataclasses import replace

from tflm_mcunet.graph import Graph
from tflm_mcunet.transforms.edit import Draft, Rewritten

#: What counts as an edge that can be dropped, by the caller's dtype before.
_FOREIGN = ("float32", "uint8")


def fold_edges(graph: Graph) -> Rewritten:
    """Make graph inputs and outputs int8 where an operator at the edge only converts them.

    The int8 bytes that the model computed with are now the caller's to give, real = scale · (byte - zero point)
    with the tensor's own parameters, and likewise for outputs; the tensor at the edge takes over the name that
    the caller knows. Everything between computes the same bytes.

    Args:
        graph: Graph.

    Returns:
        Rewritten. A reason for every input and output that is not int8 and stays so.
    """
    draft = Draft(graph)
    for end, edges, fold in (
        ("input", graph.model_inputs, _fold_input),
        ("output", graph.model_outputs, _fold_output),
    ):
        for position, t in enumerate(edges):
            tensor = graph.tensors[t]
            if tensor.dtype not in _FOREIGN:
                continue
            what = f"graph {end} {position} {tensor.name!r} ({tensor.dtype})"
            reason = fold(draft, position, t)
            if reason:
                draft.refused.append(f"{what} stays: {reason}")
            else:
                draft.done.append(f"{what} is int8 now")
    return draft.finish()


def _fold_input(draft: Draft, position: int, x: int) -> str:
    readers = draft.readers(x)
    if x in draft.returned:
        return "it is a graph output too"
    if draft.inputs.count(x) > 1:
        return "it is fed twice"
    if len(readers) != 1:
        return f"{len(readers)} operators read it" if readers else "nothing reads it"
    op = draft.ops[readers[0]]
    if op is None or op.type != "QUANTIZE":
        return f"{op.name if op else 'no operator'} reads it, not QUANTIZE"
    y = op.outputs[0]
    inner = draft.tensors[y]
    if inner.dtype != "int8":
        return f"it is quantised to {inner.dtype}"
    if y in draft.returned:
        return "its quantised form is a graph output"
    draft.put(readers[0], None)
    draft.inputs[position] = y
    draft.fed.add(y)
    draft.tensors[y] = replace(inner, name=draft.tensors[x].name)
    return ""


def _fold_output(draft: Draft, position: int, y: int) -> str:
    op = draft.maker(y)
    if op is None:
        return "no operator computes it"
    if op.type not in ("DEQUANTIZE", "QUANTIZE"):
        return f"{op.name} computes it, not DEQUANTIZE"
    x = op.inputs[0]
    inner = draft.tensors[x]
    if inner.dtype != "int8":
        return f"it is computed from {inner.dtype}"
    if draft.readers(y) or draft.outputs.count(y) > 1:
        return "something else uses it too"
    if x in draft.returned or x in draft.fed or inner.is_constant or inner.is_variable:
        return "its int8 form is a graph input, another graph output, a constant or a variable"
    draft.put(draft.producer[y], None)
    draft.outputs[position] = x
    draft.returned.add(x)
    draft.tensors[x] = replace(inner, name=draft.tensors[y].name)
    return ""
