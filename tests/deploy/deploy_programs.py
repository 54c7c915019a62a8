"""Hand-written programs that keep the contract of the code generator, for the deployment tests."""

from pathlib import Path
from types import SimpleNamespace

EMULATED = ("qemu:cortex-m4", "qemu:cortex-m7", "qemu:cortex-m55", "qemu:rv32", "qemu:lx106")
BOARDS = ("host", *EMULATED)
#: The LX106 has no memory protection, and its compiler brings neither a C library nor float arithmetic.
PROTECTED = tuple(board for board in EMULATED if board != "qemu:lx106")
WITH_LIBRARY = ("host", *PROTECTED)

# A loop of N turns, N being the first word of the arena. ARM, Xtensa: 2 + 2 N + 2 instructions, RV32: 4 + 2 N + 2.
COUNTED_LOOP = """
#if defined(__arm__)
asm(".syntax unified\\n.thumb\\n.section .text.model_invoke,\\"ax\\"\\n.globl model_invoke\\n"
    ".type model_invoke, %function\\n.thumb_func\\nmodel_invoke:\\n"
    "  ldr r2, =arena\\n  ldr r1, [r2]\\n"
    "1: subs r1, r1, #1\\n  bne 1b\\n"
    "  movs r0, #0\\n  bx lr\\n  .ltorg\\n.text\\n");
#elif defined(__XTENSA__)
asm(".section .text.model_invoke,\\"ax\\"\\n.literal_position\\n.align 4\\n.globl model_invoke\\n"
    ".type model_invoke, @function\\nmodel_invoke:\\n"
    "  movi a3, arena\\n  l32i a2, a3, 0\\n"
    "1: addi a2, a2, -1\\n  bnez a2, 1b\\n"
    "  movi a2, 0\\n  ret\\n.text\\n");
#else
asm(".section .text.model_invoke,\\"ax\\"\\n.globl model_invoke\\n.type model_invoke, @function\\n"
    "model_invoke:\\n"
    ".option push\\n.option norelax\\n"
    "  lui t1, %hi(arena)\\n  lw t0, %lo(arena)(t1)\\n  nop\\n  nop\\n.option pop\\n"
    "1: addi t0, t0, -1\\n  bnez t0, 1b\\n"
    "  li a0, 0\\n  ret\\n.text\\n");
#endif
"""


def counted_instructions(on, turns):
    """Length of COUNTED_LOOP as counted by hand from its listing."""
    return 2 * turns + (6 if on == "qemu:rv32" else 4)


# Takes 1,000 bytes of stack and writes the lowest word of them.
USES_1000_BYTES_OF_STACK = """
#if defined(__arm__)
asm(".syntax unified\\n.thumb\\n.section .text.model_invoke,\\"ax\\"\\n.globl model_invoke\\n"
    ".type model_invoke, %function\\n.thumb_func\\nmodel_invoke:\\n"
    "  sub sp, sp, #1000\\n  movs r0, #0\\n  str r0, [sp]\\n  add sp, sp, #1000\\n  bx lr\\n.text\\n");
#elif defined(__XTENSA__)
asm(".section .text.model_invoke,\\"ax\\"\\n.literal_position\\n.align 4\\n.globl model_invoke\\n"
    ".type model_invoke, @function\\nmodel_invoke:\\n"
    "  movi a3, -1000\\n  add a1, a1, a3\\n  movi a2, 0\\n  s32i a2, a1, 0\\n  sub a1, a1, a3\\n  ret\\n.text\\n");
#else
asm(".section .text.model_invoke,\\"ax\\"\\n.globl model_invoke\\n.type model_invoke, @function\\n"
    "model_invoke:\\n"
    "  addi sp, sp, -1000\\n  li a0, 0\\n  sw a0, 0(sp)\\n  addi sp, sp, 1000\\n  ret\\n.text\\n");
#endif
"""

ADDS_ONE = "int model_invoke(void) { for (int i = 0; i < 16; ++i) arena[32 + i] = arena[i] + 1; return 0; }\n"

TENSORS = """
void* model_input(int index) { return arena + 16 * index; }
void* model_output(int index) { return arena + 32 + 16 * index; }
"""


def write_program(
    directory: Path,
    invoke: str = ADDS_ONE,
    *,
    inputs=(16,),
    outputs=(16,),
    arena_bytes=128,
    before="",
    init="int model_init(void) { return 0; }\n",
    tensors=TENSORS,
    files=None,
):
    """Writes model.h and model.cpp: `invoke` defines model_invoke over `arena`, `before` comes first."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "model.h").write_text(
        "#ifndef MODEL_H_\n#define MODEL_H_\n"
        'extern "C" {\nint model_init(void);\nint model_invoke(void);\n'
        "void* model_input(int index);\nvoid* model_output(int index);\n}\n"
        f"#define MODEL_INPUT_COUNT {len(inputs)}\n#define MODEL_OUTPUT_COUNT {len(outputs)}\n"
        f"#define MODEL_ARENA_BYTES {arena_bytes}\n"
        f"#define MODEL_INPUT_BYTES {{{', '.join(map(str, inputs))}}}\n"
        f"#define MODEL_OUTPUT_BYTES {{{', '.join(map(str, outputs))}}}\n"
        "#define MODEL_MACS 1000\n#endif\n"
    )
    (directory / "model.cpp").write_text(
        '#include "model.h"\n#include <stdint.h>\n#include <string.h>\n'
        f'extern "C" {{ alignas(16) uint8_t arena[{arena_bytes}]; }}\n' + before + init + invoke + tensors
    )
    for name, text in (files or {}).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def target(flash=None, sram=None, name="TINY1"):
    """What the deployment reads of a `Target`."""
    return SimpleNamespace(name=name, flash=flash, sram=sram)
