"""The kernels and routines that a model's stages name, as C++: a firmware links these and no others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tflm_mcunet.graph import Graph
from tflm_mcunet.tflm.stage_kernels import StageKernel, StageRoutine
from tflm_mcunet.tflm.stage_op import STAGE
from tflm_mcunet.tflm.stage_reader import named

#: The `StageKernels` that the definitions define.
MODEL_KERNELS = "tflm_mcunet::kModelStageKernels"


def registry_headers(graphs: Iterable[Graph]) -> tuple[str, ...]:
    """What the definitions include, below the folder of the C++ sources; empty without stages."""
    kernels, routines = _named(graphs)
    declared = sorted({k.header for k in kernels} | {r.header for r in routines})
    return (*declared, "src/tflm/stage_kernel.h") if kernels else ()


def registry(graphs: Iterable[Graph]) -> str:
    """The definitions; empty without stages."""
    kernels, routines = _named(graphs)
    if not kernels:
        return ""
    lists = _list("StageKernel kModelKernels", kernels)
    lists += _list("StageRoutine kModelRoutines", routines) if routines else ""
    fields = f"kModelKernels, {'kModelRoutines' if routines else 'nullptr'}, {len(kernels)}, {len(routines)}"
    return f"""namespace tflm_mcunet {{
namespace {{

// What the model's stages name, and no other.
{lists}constexpr StageKernels kModelStageKernels = {{{fields}, nullptr}};

}}  // namespace
}}  // namespace tflm_mcunet

"""


def _list(declared: str, entries: Sequence[StageKernel | StageRoutine]) -> str:
    lines = "\n".join(f"    {entry.entry}," for entry in entries)
    return f"constexpr {declared}[] = {{\n{lines}\n}};\n"


def _named(graphs: Iterable[Graph]) -> tuple[list[StageKernel], list[StageRoutine]]:
    """Each once, by number."""
    found = [named(op) for graph in graphs for op in graph.ops if op.name == STAGE]
    kernels = {k.number: k for some, _ in found for k in some}
    routines = {r.number: r for _, some in found for r in some}
    return [kernels[n] for n in sorted(kernels)], [routines[n] for n in sorted(routines)]
