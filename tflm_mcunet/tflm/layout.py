"""The sizes of TFLite Micro's own objects in the arena, for the host package and for 32-bit targets.

All are `sizeof` as compiled from TFLite Micro's headers with TF_LITE_STATIC_MEMORY, as its own builds define it: the
host's column with GCC for x86-64 and with decompression, as the package is built, the others with GCC for ARM (with
and without `-fshort-enums`). With the Cortex-M's column, the totals of 415 models equalled what a build of TFLite Micro
reported on an emulated Cortex-M7, and their smallest arenas were enough there.
"""

from __future__ import annotations

from dataclasses import dataclass

from tflm_mcunet.errors import UsageError

#: TFLite Micro aligns every planned buffer, and what kernels keep, to this.
ARENA_ALIGNMENT = 16


@dataclass(frozen=True)
class Layout:
    """Sizes in bytes of the objects that TFLite Micro keeps in its arena on one kind of machine.

    Args:
        pointer: int. Also the alignment of every structure that holds one.
        enum: int. Bytes of a C enum in kernel options: 1 under the ARM EABI's short enums, else 4.
        allocators: tuple of int. What the arena holds before a model is seen, in order: the arena's allocator,
            the memory planner, the model's allocator.
        builtin_data_allocator: int.
        subgraph, eval_tensor, node, scratch_handle: int. One element of the array of each.
        tensor, quantization: int. TfLiteTensor and TfLiteAffineQuantization of a graph input or output.
        variables, variable: int. The table of resource variables, and one entry.
        request, allocation_info, planner_entry: int. One element of what exists only while a model is planned.
    """

    pointer: int
    enum: int
    allocators: tuple[int, int, int]
    builtin_data_allocator: int
    subgraph: int
    eval_tensor: int
    node: int
    tensor: int
    quantization: int
    scratch_handle: int
    variables: int
    variable: int
    request: int
    allocation_info: int
    planner_entry: int


#: The package on x86-64: its allocators are the recording ones.
HOST = Layout(8, 4, (104, 72, 272), 16, 24, 24, 64, 64, 24, 8, 16, 40, 16, 32, 40)

#: The Cortex-M: AAPCS, enums as short as they may be; the plain allocators of `MicroInterpreter`.
CORTEX_M = Layout(4, 1, (36, 44, 36), 8, 8, 12, 32, 32, 12, 4, 12, 20, 12, 24, 40)

#: Other 32-bit targets (RISC-V ILP32, Xtensa): enums are ints.
ILP32 = Layout(4, 4, (36, 44, 36), 8, 8, 12, 32, 40, 12, 4, 12, 20, 12, 24, 40)


def layout(pointer_bits: int, enum_bytes: int | None = None) -> Layout:
    """The layout for 64 (the host package) or 32 bits (Cortex-M, or ILP32 where `enum_bytes` is 4)."""
    if pointer_bits == 64 and enum_bytes in (None, 4):
        return HOST
    if pointer_bits == 32 and enum_bytes in (None, 1, 4):
        return ILP32 if enum_bytes == 4 else CORTEX_M
    raise UsageError(
        f"expected pointer_bits 64, or 32 with enum_bytes 1 or 4; got {pointer_bits} and {enum_bytes}"
    )
