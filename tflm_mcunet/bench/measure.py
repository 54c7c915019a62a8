"""Measures one model on one emulated core: what it executes, operator by operator, and what it occupies."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet.bench.classes import op_class, work
from tflm_mcunet.bench.cortex_m4 import Cycles
from tflm_mcunet.bench.cost import block_costs
from tflm_mcunet.codegen.emit import emit, write
from tflm_mcunet.codegen.family import family_of
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.convert import Conversion
from tflm_mcunet.deploy.run import run_program
from tflm_mcunet.errors import ToolError
from tflm_mcunet.ops import total_macs

#: Cores that have a cycle model. The Cortex-M7 issues two instructions at once by rules that its manual does not give.
MODELLED = ("qemu:cortex-m4",)


@dataclass(frozen=True)
class OpCount:
    """What one operator executes in an inference.

    Attributes:
        index: int. In the graph.
        type: str. TFLite's name.
        op_class: str. See `bench.classes`.
        kernel: str. The C++ function.
        work: int. MACs, or elements where the operator has none.
        unit: str. "MAC" or "element".
        instructions: int. Of the kernel, from its entry to its return; the engine's are apart.
        cycles: int or None. Modelled.
        mix: mapping or None. How many of the instructions are of which kind, see `bench.cortex_m4`.
    """

    index: int
    type: str
    op_class: str
    kernel: str
    work: int
    unit: str
    instructions: int
    cycles: int | None
    mix: Mapping[str, int] | None


@dataclass(frozen=True)
class Measurement:
    """One model on one core.

    Attributes:
        model, on: str. What ran where.
        planned, prefer, input: str. What the planner was asked for.
        schedule: str. What it made.
        macs: int. Of the model.
        instructions: int. Of one inference, exact.
        engine_instructions: int. The part that is not in kernels.
        init_instructions: int. Of the program's preparation, once.
        cycles: Cycles or None. Modelled, where the core has a model.
        sram, flash: mapping. Bytes by name, measured.
        ops: tuple of OpCount.
        outputs: tuple of bytes. The model's outputs.
        exact: bool or None. Whether TFLite Micro computes the same ones, where it was asked.
    """

    model: str
    on: str
    planned: str
    schedule: str
    prefer: str
    input: str
    macs: int
    instructions: int
    engine_instructions: int
    init_instructions: int
    cycles: Cycles | None
    sram: dict[str, int]
    flash: dict[str, int]
    ops: tuple[OpCount, ...]
    outputs: tuple[bytes, ...]
    exact: bool | None = None

    @property
    def instructions_per_mac(self) -> float:
        return self.instructions / self.macs if self.macs else float("nan")

    @property
    def cycles_per_mac(self) -> float | None:
        return self.cycles.total / self.macs if self.cycles and self.macs else None

    def to_dict(self) -> dict[str, Any]:
        """The stable JSON form."""
        plain = ("model", "on", "planned", "schedule", "prefer", "input", "macs", "instructions")
        return {
            **{name: getattr(self, name) for name in plain},
            "engine_instructions": self.engine_instructions,
            "init_instructions": self.init_instructions,
            "instructions_per_mac": round(self.instructions_per_mac, 4) if self.macs else None,
            "modelled_cycles": None if self.cycles is None else self.cycles.total,
            "modelled_cycles_per_mac": None if self.cycles_per_mac is None else round(self.cycles_per_mac, 4),
            "jumps": None if self.cycles is None else self.cycles.jumps,
            "exact": self.exact,
            "sram": dict(self.sram),
            "flash": dict(self.flash),
            "classes": [c.to_dict() for c in by_class([self])],
            "ops": [asdict(op) for op in self.ops],
        }


@dataclass(frozen=True)
class ClassCount:
    """The operators of one class together."""

    op_class: str
    unit: str
    ops: int
    work: int
    instructions: int
    cycles: int | None
    mix: Mapping[str, int] | None

    def to_dict(self) -> dict[str, Any]:
        """The stable JSON form."""
        return {
            "class": self.op_class,
            "unit": self.unit,
            "ops": self.ops,
            "work": self.work,
            "instructions": self.instructions,
            "instructions_per_unit": round(self.instructions / self.work, 4),
            "modelled_cycles": self.cycles,
            "modelled_cycles_per_unit": None if self.cycles is None else round(self.cycles / self.work, 4),
            "mix": None if self.mix is None else dict(self.mix),
        }


def by_class(measurements: Iterable[Measurement]) -> list[ClassCount]:
    """The classes of all operators, those with most instructions first."""
    groups: dict[tuple[str, str], list[OpCount]] = defaultdict(list)
    for measurement in measurements:
        for op in measurement.ops:
            groups[op.op_class, op.unit].append(op)
    found = []
    for (name, unit), ops in groups.items():
        cycles = [op.cycles for op in ops if op.cycles is not None]
        total = sum(cycles) if len(cycles) == len(ops) else None
        instructions = sum(op.instructions for op in ops)
        mix: Counter[str] = sum((Counter(op.mix) for op in ops if op.mix), Counter())
        size = sum(op.work for op in ops)
        found.append(ClassCount(name, unit, len(ops), size, instructions, total, dict(mix) or None))
    return sorted(found, key=lambda c: -c.instructions)


def measure(
    name: str,
    conversion: Conversion,
    inputs: Sequence[np.ndarray],
    *,
    on: str,
    planned: str,
    prefer: str,
    input: str = "resident",
) -> Measurement:
    """Run one inference on an emulated core and count.

    Args:
        name: str. What to call the model.
        conversion: Conversion. The plan.
        inputs: one array for each input of the planned graph.
        on: str. "qemu:<core>".
        planned, prefer, input: str. What the planner was asked for; only told again.

    Raises:
        UnsupportedOpError: an operator has no C++ kernel.
        ToolError: a tool is missing or failed, or the profile contradicts the board's counter.
    """
    program = build_program(conversion.schedule, family_of(on))
    steps = [step for stage in program.stages for step in stage.steps]
    with tempfile.TemporaryDirectory(prefix="tflm_mcunet_bench_") as folder:
        write(emit(program), Path(folder))
        run = run_program(Path(folder), [list(inputs)], on=on, profiled_ops=len(steps))
    assert run.profile is not None and run.instructions is not None and run.init_instructions is not None
    fed_rows = program.fed_rows.height * program.fed_passes if program.fed_rows else 0
    _check_total(run.profile.instructions, run.instructions[0], fed_rows)
    costs = block_costs(run.profile.blocks, run.executable) if on in MODELLED else None
    counts, cycles = [0] * (len(steps) + 1), [0] * (len(steps) + 1)
    mixes: list[Counter[str]] = [Counter() for _ in cycles]
    for number, block in enumerate(run.profile.blocks):
        counts[block.operator] += block.instructions * block.executed
        if costs is not None:
            cycles[block.operator] += costs[number].cycles
            mixes[block.operator].update(costs[number].mix)
    graph = program.graph
    ops = [
        OpCount(
            step.op,
            graph.ops[step.op].type,
            op_class(graph, graph.ops[step.op]),
            step.call.kernel,
            *work(graph, graph.ops[step.op]),
            counts[i],
            cycles[i] if costs else None,
            dict(mixes[i]) if costs else None,
        )
        for i, step in enumerate(steps)
    ]
    jumps = sum(block.jumped for block in run.profile.blocks)
    return Measurement(
        model=name,
        on=on,
        planned=planned,
        schedule=conversion.schedule.kind,
        prefer=prefer,
        input=input,
        macs=total_macs(conversion.source),
        instructions=run.instructions[0],
        engine_instructions=counts[-1],
        init_instructions=run.init_instructions,
        cycles=Cycles(sum(cycles), jumps) if costs else None,
        sram=dict(run.sram),
        flash=dict(run.flash or {}),
        ops=tuple(ops),
        outputs=tuple(run.outputs[0]),
    )


def _check_total(profiled: int, counted: int, fed_rows: int) -> None:
    """The profile and the board's counter are two ways to one number."""
    # The harness passes each row that it feeds with a few instructions of its own; see ProgramRun.
    if not 0 <= counted - profiled <= 8 * fed_rows:
        raise ToolError(f"the profile has {profiled:,} instructions, the board counted {counted:,}")
