"""What the operator TFLM_MCUNET_STAGE of a model holds: the kernels that it names, and what it takes from the arena."""

from __future__ import annotations

import numpy as np

from tflm_mcunet.codegen.family import FAMILIES
from tflm_mcunet.errors import ModelError
from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.schedule.schedule import aligned
from tflm_mcunet.tflm.kernel_memory import KernelMemory
from tflm_mcunet.tflm.stage_kernels import (
    StageKernel,
    StageRoutine,
    stage_kernels,
    stage_routines,
    structure_bytes,
)
from tflm_mcunet.tflm.stage_op import (
    HEADER_WORDS,
    MAP_WORDS,
    OP_WORDS,
    POINTER_WORDS,
    ROUTINE,
    STAGE,
    STAGE_WORDS,
    TENSOR_WORDS,
    VERSION,
)


def _sections_of(op: Op) -> tuple[tuple[int, ...], np.ndarray, np.ndarray]:
    """The counts of an operator's header, and its records of operators and pointers.

    Raises:
        ModelError: the options are damaged, or name what is not known.
    """
    words = np.frombuffer(op.custom_options[: len(op.custom_options) // 4 * 4], "<u4")
    if len(words) < HEADER_WORDS or words[1] != VERSION or words[2] != len(words):
        raise ModelError(
            f"the options of {STAGE} are damaged, or of another version", "convert the model anew"
        )
    counts = tuple(int(n) for n in words[:HEADER_WORDS])
    inputs, outputs, _, _, tensors, stages, ops, operands, offsets, pointers = counts[5:15]
    at = HEADER_WORDS + MAP_WORDS * (inputs + outputs) + STAGE_WORDS * stages + TENSOR_WORDS * tensors
    behind = at + OP_WORDS * ops
    first = behind + (operands + 1) // 2 + offsets
    records = words[at:behind].reshape(ops, OP_WORDS)
    return counts, records, words[first : first + POINTER_WORDS * pointers].reshape(pointers, POINTER_WORDS)


def _number(record: np.ndarray) -> int:
    """The kernel of an operator's record."""
    return int(record[0]) & 0xFFFF


def named(op: Op) -> tuple[tuple[StageKernel, ...], tuple[StageRoutine, ...]]:
    """The kernels and routines that an operator names, by number.

    Raises:
        ModelError: the options are damaged, or name what is not known.
    """
    _, records, pointers = _sections_of(op)
    kernels = {kernel.number: kernel for kernel in stage_kernels().values()}
    routines = {routine.number: routine for routine in stage_routines().values()}
    numbers = sorted({_number(r) for r in records})
    routine_numbers = sorted({int(p[1]) for p in pointers if p[0] == ROUTINE})
    if not (kernels.keys() >= set(numbers) and routines.keys() >= set(routine_numbers)):
        raise ModelError(f"{STAGE} names a kernel that this version lacks", "update tflm-mcunet")
    return tuple(kernels[n] for n in numbers), tuple(routines[n] for n in routine_numbers)


def stage_family(graph: Graph) -> str | None:
    """The family whose list holds all kernels that a graph's stages name; None without stages.

    Raises:
        ModelError: the options of a stage are damaged.
    """
    found = {kernel.family for op in graph.ops if op.name == STAGE for kernel in named(op)[0]}
    return max(found, key=FAMILIES.index) if found else None


def stage_memory(graph: Graph, op: Op, pointer_bits: int) -> KernelMemory:
    """What the operator takes from the arena besides its tensors: for `tflm.memory`."""
    pointer = pointer_bits // 8
    data, rows, stage_op = structure_bytes(pointer)
    counts, records, _ = _sections_of(op)
    bases, tensors, _, ops = counts[8:12]
    known = {kernel.number: kernel for kernel in named(op)[0]}
    windows = [1 if known[_number(r)].is_sum else (int(r[1]) & 255) * (int(r[2]) & 65535) for r in records]
    pieces = [
        (1 + bases) * pointer, max([1, *windows]) * pointer, tensors * rows, ops * stage_op,
        2 * (tensors + ops),
        *(pointer * known[_number(r)].pointers + 4 * known[_number(r)].words for r in records),
    ]  # fmt: skip
    return KernelMemory(init=(data,), prepare=(sum(aligned(n, pointer) for n in pieces),))
