"""What the blocks of a profile cost on a Cortex-M4: modelled cycles, and the mix of the executed instructions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tflm_mcunet.bench.cortex_m4 import REFILL, kind, straight_cycles
from tflm_mcunet.bench.disassembly import Instruction, disassemble
from tflm_mcunet.deploy.profile import Block
from tflm_mcunet.errors import ToolError


@dataclass(frozen=True)
class Cost:
    """Of all runs of a block.

    Attributes:
        cycles: int. Modelled.
        mix: mapping. Kind of instruction -> how many were executed.
    """

    cycles: int
    mix: Mapping[str, int]


def block_costs(blocks: Sequence[Block], executable: Path) -> list[Cost]:
    """The cost of every block of a profile.

    Raises:
        ToolError: objdump is missing, disagrees with the emulator, or shows an instruction that has no model.
    """
    listing = disassemble(executable)
    known: dict[tuple[int, int], tuple[int, Counter[str]]] = {}
    found = []
    for block in blocks:
        key = (block.start, block.end)
        if key not in known:
            instructions = _instructions(listing, block)
            known[key] = straight_cycles(instructions), Counter(kind(i) for i in instructions)
        straight, kinds = known[key]
        cycles = straight * block.executed + REFILL * block.jumped + block.misaligned
        found.append(Cost(cycles, {name: n * block.executed for name, n in kinds.items()}))
    return found


def _instructions(listing: Mapping[int, Instruction], block: Block) -> list[Instruction]:
    found = [listing[address] for address in range(block.start, block.end, 2) if address in listing]
    if len(found) != block.instructions:
        raise ToolError(f"objdump and the emulator disagree about the code at {block.start:#010x}")
    return found
