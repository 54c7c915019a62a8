"""The schedule as a gene: a network is searched together with the plan that makes it fit (MCUNetV2, section 3.3).

Streaming needs less SRAM than running layer by layer, patches less still, at the price of MACs that are computed twice.
So what fits depends on both, and a budget of MACs or time makes it a trade: a larger network in patches, or a smaller
one without.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tflm_mcunet.codegen.family import PORTABLE
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.errors import UsageError
from tflm_mcunet.ops import total_macs
from tflm_mcunet.schedule.schedule import Schedule
from tflm_mcunet.schedule.stages import plan_stages
from tflm_mcunet.tinynas.architecture import Architecture
from tflm_mcunet.tinynas.breeding import Genes
from tflm_mcunet.tinynas.budget import Budget, MemoryOracle, Need, arena_bytes
from tflm_mcunet.tinynas.build import graph_of
from tflm_mcunet.tinynas.flash import CODE_BYTES, STACK_BYTES, constant_bytes, static_bytes
from tflm_mcunet.tinynas.instructions import instructions_estimate
from tflm_mcunet.tinynas.space import Space
from tflm_mcunet.transforms import canonical

#: The gene's name.
SCHEDULE = "schedule"

#: Its values: "patch 1.25" may compute a quarter of the network's MACs twice.
SCHEDULES = ("layer", "stream", "patch 1.1", "patch 1.25", "patch 1.5")


@dataclass(frozen=True)
class Verdict:
    """Whether a network fits under one schedule.

    Args:
        fits: bool.
        mac_factor: float. MACs that the plan computes, as a factor of the network's; 1 without patches.
    """

    fits: bool
    mac_factor: float = 1.0


class ScheduleOracle:
    """Says whether genes fit: an architecture's choices, and a schedule.

    Args:
        space: Space.
        budget: Budget. Its own schedule is what genes without one are judged by.
        schedules: sequence of str. Values of the gene; "layer", "stream", "tflm", or "patch F" with the factor of MACs
            that the plan may compute. Planning patches takes seconds for each network that does not fit without.

    Raises:
        UsageError: a schedule that is none of these.

    Example:
        >>> from tflm_mcunet.tinynas.space import image_space
        >>> oracle = ScheduleOracle(image_space((8, 8, 1), 10), Budget.of("STM32F411"), ("layer", "patch 1.5"))
        >>> oracle.choices()["schedule"]
        ('layer', 'patch 1.5')
    """

    def __init__(self, space: Space, budget: Budget, schedules: Sequence[str] = ()) -> None:
        self.space, self.budget = space, budget
        self.schedules = tuple(schedules) or (budget.schedule,)
        for name in self.schedules:
            if name not in ("layer", "stream", "tflm") and _factor(name) is None:
                raise UsageError(
                    f"expected schedules out of 'layer', 'stream', 'tflm', 'patch F' with F above 1, got {name!r}"
                )
        plain = {name for name in self.schedules if _factor(name) is None} | {budget.schedule}
        self.oracles = {name: MemoryOracle(replace(budget, schedule=name)) for name in plain}
        self._verdicts: dict[tuple[Architecture, str], Verdict] = {}

    def choices(self) -> dict[str, tuple[Any, ...]]:
        """The genes: the space's choices, and the schedule where there are several."""
        found: dict[str, tuple[Any, ...]] = self.space.choices()
        return {**found, SCHEDULE: self.schedules} if len(self.schedules) > 1 else found

    def schedule_of(self, genes: Genes) -> str:
        """The schedule that the genes say."""
        return str(genes.get(SCHEDULE, self.schedules[0]))

    def fits(self, genes: Genes) -> bool:
        """Whether the network fits under the schedule of the genes."""
        return self.verdict(genes).fits

    def key(self, genes: Genes) -> str:
        """The same for genes of one network and one schedule."""
        return f"{self.schedule_of(genes)} {self.space.architecture(genes).to_json()}"

    def verdict(self, genes: Genes) -> Verdict:
        """Whether it fits, and what MACs the plan computes; remembered."""
        network, name = self.space.architecture(genes), self.schedule_of(genes)
        if (network, name) not in self._verdicts:
            factor = _factor(name)
            if factor is None:
                found = Verdict(self.oracles[name].fits(network))
            else:
                found = self._in_patches(network, factor)
            self._verdicts[network, name] = found
        return self._verdicts[network, name]

    def _in_patches(self, network: Architecture, factor: float) -> Verdict:
        budget = self.budget
        if budget.max_macs is not None and network.macs > budget.max_macs:
            return Verdict(False)
        if budget.flash_bytes is not None and network.parameters + CODE_BYTES > budget.flash_bytes:
            return Verdict(False)
        # What fits without patches needs none: the planner's plan with patches is never above that in stages.
        stream = self.oracles.setdefault("stream", MemoryOracle(replace(budget, schedule="stream")))
        if stream.fits(network):
            return Verdict(True)
        if math.prod(network.input_shape) + STACK_BYTES > budget.sram_bytes:
            return Verdict(False)
        graph = canonical(graph_of(network))[0]
        plan = plan_stages(graph, max_mac_overhead=factor, effort=0, spread_maps=True)
        need, taken = need_of_plan(plan, budget), sum(stage.macs for stage in plan.stages) / network.macs
        limits: list[tuple[float, float | None]] = [
            (need.sram_bytes, budget.sram_bytes),
            (need.flash_bytes, budget.flash_bytes),
            (need.macs, budget.max_macs),
        ]
        if budget.max_latency_ms is not None and budget.target.clock_hz:
            limits.append((1000 * need.instructions / budget.target.clock_hz, budget.max_latency_ms))
        return Verdict(all(most is None or have <= most for have, most in limits), taken)


def need_of_plan(plan: Schedule, budget: Budget) -> Need:
    """What a network takes under a plan with MACs computed twice; instructions grow with them.

    Args:
        plan: Schedule.
        budget: Budget. For the kernels of its target.
    """
    programs = [build_program(plan, family) for family in {PORTABLE: 0, budget.family: 0}]
    sram = arena_bytes(plan, programs) + max(static_bytes(program) for program in programs) + STACK_BYTES
    computed, once = sum(stage.macs for stage in plan.stages), total_macs(plan.graph)
    instructions = round(instructions_estimate(plan.graph, budget.family) * computed / max(1, once))
    flash = constant_bytes(*programs) + CODE_BYTES
    return Need(sram, flash, plan.arena_bytes, computed, instructions)


def _factor(name: str) -> float | None:
    """The factor of MACs of "patch 1.25"; None for anything else."""
    kind, _, number = name.partition(" ")
    try:
        factor = float(number)
    except ValueError:
        return None
    return factor if kind == "patch" and factor > 1 else None
