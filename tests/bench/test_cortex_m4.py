"""The cycle model gives what the Cortex-M4's manual gives, by hand, for loops whose every instruction is known."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from deploy_programs import write_program

from tflm_mcunet.bench.cortex_m4 import straight_cycles
from tflm_mcunet.bench.cost import block_costs
from tflm_mcunet.bench.disassembly import parse_listing
from tflm_mcunet.bench.peers import model_figures
from tflm_mcunet.bench.suite import run_suite
from tflm_mcunet.deploy.run import run_program
from tflm_mcunet.errors import ToolError

BOARD = "qemu:cortex-m4"
REFILL = 2


def cycles(*lines: str) -> int:
    listing = "".join(f"{2 * i:x}:\t{line}\n" for i, line in enumerate(lines))
    return straight_cycles(list(parse_listing(listing).values()))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["add.w\tr0, r1, r2", "smlad\tr3, r4, r5, r3", "smlal\tr0, r1, r2, r3", "ssat\tr0, #8, r0"], 4),
        (["sxtb16\tr1, r2, ror #8", "smmla\tr0, r1, r2, r3", "pkhbt\tr0, r1, r2, lsl #16"], 3),
        # The manual's four examples of loads that overlap.
        (["ldr\tr0, [r1]", "ldr\tr1, [r2]"], 3),
        (["ldr.w\tr0, [r1, r2]", "str\tr0, [r3, #20]"], 3),
        (["ldr.w\tr0, [r1, r2]", "str.w\tr1, [r3, r2]"], 3),
        (["ldr.w\tr0, [r1, r5]", "ldr\tr1, [r2]", "ldr\tr2, [r3, #4]"], 4),
        # A pointer that was loaded right before: nothing overlaps.
        (["ldr\tr0, [r1]", "ldr\tr2, [r0]"], 4),
        (["ldr.w\tr0, [r1], #4", "ldrsb.w\tr2, [r3, #1]"], 3),
        # Nothing overlaps with what follows a store, nor with several registers.
        (["str\tr0, [r1]", "ldr\tr2, [r3]"], 3),
        (["ldrd\tr0, r1, [r2]", "ldr\tr3, [r4]"], 5),
        (["ldmia.w\tr0!, {r4, r5, r6, r7}", "ldmia.w\tr1!, {r8, r9}"], 8),
        (["push\t{r4, r5, r6, lr}", "pop\t{r4-r6, pc}"], 10),
        (["strb.w\tr0, [r1], #1", "strb.w\tr0, [r1, r2]"], 3),
        # An address fresh from the adder; data fresh from it costs nothing, nor does a comparison.
        (["adds\tr0, r0, #4", "ldr\tr1, [r0]"], 4),
        (["adds\tr0, r0, #4", "str\tr0, [r1]"], 2),
        (["cmp\tr0, #4", "ldr\tr1, [r0]"], 3),
        (["smull\tr2, r3, r4, r5", "ldr\tr1, [r3]"], 4),
        (["udiv\tr0, r1, r2"], 7),
        (["vmul.f32\ts0, s1, s2", "vfma.f32\ts0, s1, s2", "vldr\ts0, [r0]", "vpush\t{d8-d9}"], 11),
        (["vdiv.f32\ts0, s1, s2", "vmov\tr0, s0", "vmov\tr0, r1, d0"], 17),
        (["it\tlt", "movlt\tr0, #0", "beq.n\t21000040 <f+0x10>", "blx\tr3", "cbnz\tr0, 21000040 <f>"], 5),
    ],
)
def test_straight_code_takes_what_the_manual_says(lines: list[str], expected: int) -> None:
    assert cycles(*lines) == expected


def test_an_unknown_instruction_is_an_error_not_a_guess() -> None:
    with pytest.raises(ToolError, match="vmladavax"):
        cycles("vmladavax.s8\tr0, q0, q1")


def program(body: str) -> str:
    return (
        'asm(".syntax unified\\n.thumb\\n.section .text.model_invoke,\\"ax\\"\\n.globl model_invoke\\n"\n'
        '".type model_invoke, %function\\n.thumb_func\\nmodel_invoke:\\n'
        + body.replace("\n", "\\n")
        + '\\n.ltorg\\n.text\\n");\n'
    )


# (assembly of a call, its cycles without jumps by hand, jumps, kinds of instructions)
LOOPS = {
    # ldr 2; 100 turns of subs 1 and bne 1, 99 of them with a refill; movs 1; bx 1 and a refill.
    "an empty loop": (
        "movs r1, #100\n1: subs r1, r1, #1\nbne 1b\nmovs r0, #0\nbx lr",
        1 + 200 + 1 + 1,
        99 + 1,
        {"arithmetic": 1 + 100 + 1, "branch": 100 + 1},
    ),
    # As above, each turn with ldmia 4, two smlad 2, and a pointer set anew by an add in between: mov 1 and stall 1.
    "multiplications": (
        "push {r4, lr}\nldr r2, =arena\nmovs r1, #50\n"
        "1: mov r0, r2\nldmia r0!, {r3, r4, r12}\nsmlad r3, r4, r12, r3\nsmlad r3, r4, r12, r3\n"
        "subs r1, r1, #1\nbne 1b\nmovs r0, #0\npop {r4, pc}",
        3 + 2 + 1 + 50 * (1 + 5 + 1 + 1 + 1 + 1) + 1 + 3,
        49 + 1,
        {
            "store": 1,
            "load": 1,
            "arithmetic": 1 + 2 * 50 + 1,
            "multiply": 100,
            "load several": 50 + 1,
            "branch": 50,
        },
    ),
    # A word at an odd address costs two cycles more, at an even one a cycle, a half-word at an odd one a cycle.
    "misaligned loads": (
        "ldr r2, =arena\nmovs r1, #10\n"
        "1: ldr r0, [r2, #1]\nldr r0, [r2, #2]\nldrh r0, [r2, #3]\nldrh r0, [r2, #2]\nldrb r0, [r2, #3]\n"
        "subs r1, r1, #1\nbne 1b\nmovs r0, #0\nbx lr",
        2 + 1 + 10 * (2 + 1 + 1 + 1 + 1 + (2 + 1 + 1) + 1 + 1) + 1 + 1,
        9 + 1,
        {"load": 1 + 50, "arithmetic": 1 + 10 + 1, "branch": 10 + 1},
    ),
    # Wide instructions behind a narrow one lie across every border of the emulator's pages.
    "code over several pages": (
        "movs r0, #0\n" + "add.w r3, r3, r3\n" * 700 + "bx lr",
        1 + 700 + 1,
        1,
        {"arithmetic": 701, "branch": 1},
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_executed_loops_take_the_cycles_counted_by_hand(name: str, tmp_path: Path) -> None:
    body, straight, jumps, kinds = LOOPS[name]
    folder = write_program(tmp_path / "program", program(body))
    x = np.zeros(16, np.uint8)
    run = run_program(folder, [[x]], on=BOARD, profiled_ops=0)
    assert run.profile is not None
    assert run.profile.instructions == run.instructions[0]
    assert sum(b.jumped for b in run.profile.blocks) == jumps
    costs = block_costs(run.profile.blocks, run.executable)
    assert sum(c.cycles for c in costs) == straight + REFILL * jumps
    mix: Counter[str] = sum((Counter(c.mix) for c in costs), Counter())
    assert mix.total() == run.instructions[0]
    assert dict(mix) == kinds


@pytest.mark.parametrize(
    "name", ["mlperf_vww_96_int8", "mlperf_kws_ref_model", "mlperf_resnet_quant", "mlperf_ad01_int8"]
)
def test_modelled_cycles_are_of_the_size_that_boards_take_for_the_same_networks(
    name: str, shared_models: Path
) -> None:
    """Another engine's published cycles, flash wait states included: so a factor of two either way, and no claim.

    What this can show is that the model is not wrong by a large factor; not that it is right.
    """
    [m] = run_suite([(name, str(shared_models / f"{name}.tflite"))], boards=[BOARD])
    assert m.cycles is not None
    published = model_figures(name)["st_ms_m4_at_120_mhz"] * 120e3
    assert 0.5 < m.cycles.total / published < 2
