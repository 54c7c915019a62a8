"""What the kernels of a whole model ask for, and where that is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tflm_mcunet.errors import ModelError
from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.tflm.kernel_memory import KernelMemory, KernelModel
from tflm_mcunet.tflm.kernel_table import KERNELS
from tflm_mcunet.tflm.layout import Layout

#: One entry per operator of each graph, None where its kernel is not known.
Needs = list[list[KernelMemory | None]]


def kernel_needs(
    graphs: Sequence[Graph],
    sizes: Sequence[Sequence[int]],
    of: Layout,
    kernels: Mapping[str, KernelModel],
) -> tuple[Needs, list[str]]:
    """The needs of every operator, and the reason for each that is None.

    Args:
        graphs: the main graph and the other subgraphs.
        sizes: bytes of each tensor of each graph.
        of: Layout. The machine.
        kernels: models of kernels that are not TFLite Micro's own, by `Op.name`; they win over what is known here.

    Raises:
        ModelError: an operator lacks an operand or a dimension that its kernel reads.
    """
    needs: Needs = []
    reasons: list[str] = []
    assigned: set[tuple[object, object]] = set()
    for g, graph in enumerate(graphs):
        ops: list[KernelMemory | None] = []
        for i in range(len(graph.ops)):
            need = _need(graph, i, of, kernels)
            if need is None:
                where = graph.describe(i) if g == 0 else f"subgraph {g}, {graph.describe(i)}"
                reasons.append(f"{where}: what its kernel takes from the arena is not modelled")
            ops.append(need)
        needs.append(_with_variables(graph, ops, sizes[g], assigned))
    return needs, reasons


def _need(graph: Graph, index: int, of: Layout, kernels: Mapping[str, KernelModel]) -> KernelMemory | None:
    op = graph.ops[index]
    if op.name in kernels:
        return kernels[op.name](graph, op, 8 * of.pointer)
    kernel = KERNELS.get(op.type)
    if kernel is None:
        return None
    try:
        return kernel.memory(graph, op, of.pointer, of.enum)
    except IndexError:
        raise ModelError(f"{graph.describe(index)}: an operand or a dimension is missing") from None


def _with_variables(
    graph: Graph, ops: list[KernelMemory | None], sizes: Sequence[int], assigned: set[tuple[object, object]]
) -> list[KernelMemory | None]:
    """Add each resource variable's bytes to the first operator that assigns it, which allocates them."""
    handles: dict[int, tuple[object, object]] = {}
    for i, op in enumerate(graph.ops):
        need = ops[i]
        if op.type == "VAR_HANDLE":
            handles.update({t: _variable(op) for t in op.outputs})
        elif op.type == "ASSIGN_VARIABLE" and need is not None and op.inputs[0] in handles:
            variable = handles[op.inputs[0]]
            if variable not in assigned:
                assigned.add(variable)
                ops[i] = replace(need, prepare=(*need.prepare, sizes[op.inputs[1]]))
    return ops


def _variable(op: Op) -> tuple[object, object]:
    return op.options.get("container"), op.options.get("shared_name")
