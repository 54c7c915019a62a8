"""What a device leaves to a network, and whether a candidate fits: quickly for many, exactly for those kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tflm_mcunet.codegen.family import PORTABLE, family_of
from tflm_mcunet.codegen.program import Program, build_program, scratch
from tflm_mcunet.errors import UsageError
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import total_macs
from tflm_mcunet.schedule.in_place import own_kernels
from tflm_mcunet.schedule.layer import plan_layer
from tflm_mcunet.schedule.schedule import Schedule, aligned
from tflm_mcunet.schedule.stages import plan_stages
from tflm_mcunet.targets import Target, as_target
from tflm_mcunet.tflm.memory import memory
from tflm_mcunet.tinynas.architecture import Architecture, layer_macs, layer_parameters
from tflm_mcunet.tinynas.build import graph_of
from tflm_mcunet.tinynas.flash import CODE_BYTES, STACK_BYTES, constant_bytes, static_bytes
from tflm_mcunet.tinynas.instructions import instructions_estimate
from tflm_mcunet.tinynas.layer_bound import layer_bound_bytes
from tflm_mcunet.transforms import canonical

SCHEDULES = ("layer", "stream", "tflm")

#: What the careful plan of stages may be of the quick one at the least; between the two the exact test decides.
_QUICK_PLAN = 0.85

#: Bytes of a `.tflite` for each tensor, operator and file beside the constants: names, quantisation, tables.
_TFLITE_TENSOR, _TFLITE_OP, _TFLITE_FILE = 640, 160, 8192


@dataclass(frozen=True)
class Budget:
    """What a network may take.

    Args:
        target: Target.
        sram_bytes: int. For the arena with the input, kernel scratch, static data and stack; with schedule "tflm"
            for the arena of stock TFLite Micro.
        flash_bytes: int or None. For constants and code; with schedule "tflm" for the `.tflite` alone.
        max_macs: int or None. Of one inference.
        max_latency_ms: float or None. Of one inference by the model of `instructions`, one instruction a cycle.
        schedule: str. "layer", "stream" (rows through stages: less SRAM) or "tflm" (stock TFLite Micro).
    """

    target: Target
    sram_bytes: int
    flash_bytes: int | None
    max_macs: int | None = None
    max_latency_ms: float | None = None
    schedule: str = "layer"

    @classmethod
    def of(
        cls,
        target: Target | str | Path,
        *,
        sram_bytes: int | None = None,
        flash_bytes: int | None = None,
        max_macs: int | None = None,
        max_latency_ms: float | None = None,
        schedule: str = "layer",
    ) -> Budget:
        """A budget of a device, or of less than it has.

        Raises:
            UsageError: an unknown target or schedule, a limit that is no positive number or above the device's,
                or a latency for a device of unknown clock.

        Example:
            >>> Budget.of("STM32F411", flash_bytes=300_000).sram_bytes
            131072
        """
        device = as_target(target)
        if device is None:
            raise UsageError("expected a target, got None", "for example STM32F746")
        if schedule not in SCHEDULES:
            raise UsageError(f"expected schedule to be one of {', '.join(SCHEDULES)}, got {schedule!r}")
        limits = {"SRAM": (sram_bytes, device.contiguous_sram), "flash": (flash_bytes, device.flash)}
        for name, (given, there) in limits.items():
            _check_positive(name, given)
            if given is not None and there is not None and given > there:
                raise UsageError(
                    f"expected at most {there:,} bytes of {name} on {device.name}, got {given:,}",
                    "lower the constraint, or take a larger device",
                )
        _check_positive("max_macs", max_macs)
        _check_positive("max_latency_ms", max_latency_ms)
        if max_latency_ms is not None and not device.clock_hz:
            raise UsageError(f"the clock of {device.name} is not known", "give max_macs instead")
        return cls(
            device,
            sram_bytes or device.contiguous_sram,
            flash_bytes or device.flash,
            max_macs,
            max_latency_ms,
            schedule,
        )

    @property
    def family(self) -> str:
        """The kernels of the target's core."""
        return family_of(self.target.core) if self.target.core else PORTABLE


@dataclass(frozen=True)
class Need:
    """What a network takes.

    Args:
        sram_bytes: int. No less than what a run measures.
        flash_bytes: int. No less than what the linker measures.
        arena_bytes: int. As planned: part of the SRAM.
        macs: int. Exact.
        instructions: int. Modelled, see `instructions`.
        is_complete: bool. Whether scratch, tables and code were counted; a quick estimate leaves them out.
    """

    sram_bytes: int
    flash_bytes: int
    arena_bytes: int
    macs: int
    instructions: int
    is_complete: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


class MemoryOracle:
    """Says whether a network fits a budget; counts what it was asked.

    Args:
        budget: Budget.

    Attributes:
        schedules: tuple of str. Those that a network may have: here the budget's alone.
        asked, kept: int. Networks that `fits` was asked about, and those that do.

    Example:
        >>> from tflm_mcunet.tinynas.architecture import Block
        >>> oracle = MemoryOracle(Budget.of("STM32F411"))
        >>> oracle.why_not(Architecture((64, 64, 3), 2, 16, 3, 2, (Block(16, 64, stride=2),)))
        ()
        >>> oracle.why_not(Architecture((224, 224, 3), 2, 32, 3, 2, (Block(16, 64),)))
        ('SRAM: at least 1,605,632 bytes, budget 131,072',)
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.schedules: tuple[str, ...] = (budget.schedule,)
        self.asked = self.kept = 0

    def fits(self, network: Architecture | Graph) -> bool:
        """Whether nothing speaks against a network; `why_not` as a bool, and counted."""
        self.asked += 1
        fits = not self.why_not(network)
        self.kept += fits
        return fits

    def why_not(self, network: Architecture | Graph) -> tuple[str, ...]:
        """What a network exceeds; empty where it fits. Cheap tests come first, the exact one last."""
        graph, broken = self._plausible(network)
        return broken or self.exceeded(self.need(graph))

    def is_plausible(self, network: Architecture | Graph) -> bool:
        """The cheap tests alone: False where the network cannot fit, True where it most likely does."""
        return not self._plausible(network)[1]

    def _plausible(self, network: Architecture | Graph) -> tuple[Any, tuple[str, ...]]:
        """The Graph (the network itself where it need not be made), and what it cannot but exceed."""
        by_layer = 0
        if isinstance(network, Architecture):
            by_layer = layer_bound_bytes(network)
            bounds = quick_bounds(network)
            if self.budget.schedule != "stream":
                bounds = replace(bounds, sram_bytes=by_layer)
            broken = self.exceeded(bounds)
            if broken:
                return network, broken
            network = graph_of(network)
        arena = self._least_arena_bytes(network, by_layer)
        instructions = instructions_estimate(network, self.budget.family)
        return network, self.exceeded(Need(arena, 0, arena, total_macs(network), instructions, False))

    def _least_arena_bytes(self, graph: Graph, by_layer: int) -> int:
        """An arena that the exact plan hardly goes below; what runs layer by layer needs no plan of stages."""
        schedule, sram = self.budget.schedule, self.budget.sram_bytes
        if schedule != "stream":
            return quick_arena_bytes(graph, schedule)
        if by_layer <= sram:
            layer = quick_arena_bytes(graph, "layer")
            if layer <= sram:
                return layer
        return int(quick_arena_bytes(graph, schedule, sram) * _QUICK_PLAN)

    def need(self, network: Architecture | Graph) -> Need:
        """What a network takes, nothing left out: no run measures more."""
        graph = graph_of(network) if isinstance(network, Architecture) else network
        macs, instructions = total_macs(graph), instructions_estimate(graph, self.budget.family)
        if self.budget.schedule == "tflm":
            stock = memory(graph, 32, enum_bytes=4)
            if stock.arena_bytes is None:
                raise UsageError("; ".join(stock.reasons), "use schedule='layer'")
            return Need(stock.arena_bytes, tflite_bytes(graph), stock.head_bytes or 0, macs, instructions)
        schedule = exact_schedule(canonical(graph)[0], self.budget.schedule)
        programs = [build_program(schedule, family) for family in {PORTABLE: 0, self.budget.family: 0}]
        sram = arena_bytes(schedule, programs) + max(static_bytes(p) for p in programs) + STACK_BYTES
        return Need(sram, constant_bytes(*programs) + CODE_BYTES, schedule.arena_bytes, macs, instructions)

    def schedule_of(self, network: Architecture | Graph) -> str:
        """The schedule that a network is judged by."""
        return self.budget.schedule

    def exceeded(self, need: Need) -> tuple[str, ...]:
        """What of the budget a need exceeds."""
        budget = self.budget
        least = "" if need.is_complete else "at least "
        broken = []
        if need.sram_bytes > budget.sram_bytes:
            broken.append(f"SRAM: {least}{need.sram_bytes:,} bytes, budget {budget.sram_bytes:,}")
        if budget.flash_bytes is not None and need.flash_bytes > budget.flash_bytes:
            broken.append(f"flash: {least}{need.flash_bytes:,} bytes, budget {budget.flash_bytes:,}")
        if budget.max_macs is not None and need.macs > budget.max_macs:
            broken.append(f"MACs: {need.macs:,}, budget {budget.max_macs:,}")
        if budget.max_latency_ms is not None and budget.target.clock_hz:
            latency_ms = 1000 * need.instructions / budget.target.clock_hz
            if latency_ms > budget.max_latency_ms:
                broken.append(f"latency: {latency_ms:.1f} ms (modelled), budget {budget.max_latency_ms:g}")
        return tuple(broken)


def quick_bounds(network: Architecture) -> Need:
    """What no plan of a network can go below, in microseconds: its input and first map, its weights, its MACs."""
    macs = parameters = largest = 0
    for layer, source, shape in network.shapes():
        macs += layer_macs(layer, shape)
        parameters += layer_parameters(layer, source)
        if layer.name == "stem":
            largest = math.prod(source) + math.prod(shape)
    return Need(largest, parameters, largest, macs, 0, False)


def quick_arena_bytes(graph: Graph, schedule: str, sram_bytes: int = 0) -> int:
    """The arena of a schedule, without kernel scratch: about a millisecond for "layer", tens for "stream".

    Args:
        graph: Graph.
        schedule: str. One of `SCHEDULES`.
        sram_bytes: int. What is good enough, so that the planner of stages may end early; 0 for the lowest.
    """
    if schedule == "tflm":
        return memory(graph, 32).head_bytes or 0
    if schedule == "layer":
        return plan_layer(graph, in_place=own_kernels()).arena_bytes
    clean = canonical(graph)[0]
    return plan_stages(clean, kinds=("layer", "stream"), effort="quick", sram=sram_bytes).arena_bytes


def arena_bytes(schedule: Schedule, programs: Sequence[Program]) -> int:
    """The arena and the scratch that lies behind it; the program of `convert` takes no more.

    Args:
        schedule: Schedule. Of `exact_schedule`, which has operators in streams that `convert` may run whole.
        programs: sequence of Program. The same for several families of kernels, of which one will run.
    """
    if all(stage.plan is None for stage in schedule.stages):
        return max(aligned(p.arena_bytes) + p.scratch_bytes for p in programs)
    return max(p.most_bytes for p in programs)


def exact_schedule(graph: Graph, schedule: str) -> Schedule:
    """The Schedule of lowest peak for a clean graph; that of `convert` needs no more SRAM."""
    layer = plan_layer(graph, in_place=own_kernels(), scratch=scratch)
    if schedule == "layer":
        return layer
    staged = plan_stages(graph, kinds=("layer", "stream"))
    return staged if staged.arena_bytes < layer.arena_bytes else layer


def tflite_bytes(graph: Graph) -> int:
    """No `.tflite` of the graph, as the converter writes it, is larger."""
    constants = sum(16 + -(-t.size_bytes // 16) * 16 for t in graph.tensors if t.is_constant)
    scales = sum(16 * len(t.quantization.scale) for t in graph.tensors if t.quantization)
    return (
        constants + scales + _TFLITE_TENSOR * len(graph.tensors) + _TFLITE_OP * len(graph.ops) + _TFLITE_FILE
    )


def _check_positive(name: str, value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0):
        raise UsageError(f"expected {name} to be a positive number or None, got {value!r}")
