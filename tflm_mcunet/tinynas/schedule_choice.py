"""A search in which every network gets the schedule that suits it, out of those that are planned quickly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tflm_mcunet.errors import UsageError
from tflm_mcunet.graph import Graph
from tflm_mcunet.tinynas.architecture import Architecture
from tflm_mcunet.tinynas.budget import SCHEDULES, Budget, MemoryOracle, Need

#: Schedules that a search may choose among, the one of fewest instructions first.
QUICK_SCHEDULES = ("layer", "stream")


def schedules_of(schedule: str | Sequence[str]) -> tuple[str, ...]:
    """The schedules that an option names, the one of fewest instructions first.

    Raises:
        UsageError: none, an unknown one, or several that are not to be chosen among.

    >>> schedules_of(["stream", "layer"])
    ('layer', 'stream')
    """
    names = (schedule,) if isinstance(schedule, str) else tuple(schedule)
    if len(names) == 1 and names[0] in SCHEDULES:
        return names
    if not names or any(name not in QUICK_SCHEDULES for name in names):
        raise UsageError(
            f"expected schedule to be one of {', '.join(SCHEDULES)}, or several of "
            f"{', '.join(QUICK_SCHEDULES)}, got {schedule!r}",
            "plans in patches take seconds for each candidate: schedule_genes.ScheduleOracle has them",
        )
    return tuple(name for name in QUICK_SCHEDULES if name in names)


class ScheduleChoice(MemoryOracle):
    """A memory oracle that takes, for each network, the first schedule under which it fits.

    For a given network the schedule changes neither accuracy nor MACs here, so the best value of that gene is known
    once the network is: the cheapest that fits. Nothing is drawn for it.

    Args:
        budget: Budget. Its schedule is the last of `schedules`.
        schedules: sequence of str. As `schedules_of` orders them.

    Example:
        >>> from tflm_mcunet.tinynas.architecture import Block
        >>> network = Architecture((64, 64, 3), 2, 16, 3, 2, (Block(16, 64, stride=2),))
        >>> for sram_bytes in (128_000, 48_000):
        ...     budget = Budget.of("STM32F411", sram_bytes=sram_bytes, schedule="stream")
        ...     print(ScheduleChoice(budget, ("layer", "stream")).schedule_of(network))
        layer
        stream
    """

    def __init__(self, budget: Budget, schedules: Sequence[str]) -> None:
        super().__init__(budget)
        self.schedules = tuple(schedules)
        self._oracles = [MemoryOracle(replace(budget, schedule=name)) for name in schedules]

    def why_not(self, network: Architecture | Graph) -> tuple[str, ...]:
        """What a network exceeds under the last schedule; empty where it fits under any."""
        broken: tuple[str, ...] = ()
        for oracle in self._oracles:
            broken = oracle.why_not(network)
            if not broken:
                break
        return broken

    def is_plausible(self, network: Architecture | Graph) -> bool:
        """Whether the cheap tests leave any schedule."""
        return any(oracle.is_plausible(network) for oracle in self._oracles)

    def need(self, network: Architecture | Graph) -> Need:
        """What a network takes under its schedule."""
        return self._of(network).need(network)

    def schedule_of(self, network: Architecture | Graph) -> str:
        """The first schedule under which a network fits; the last where it fits under none."""
        return self._of(network).budget.schedule

    def _of(self, network: Architecture | Graph) -> MemoryOracle:
        *earlier, last = self._oracles
        return next((oracle for oracle in earlier if not oracle.why_not(network)), last)


def memory_oracle(budget: Budget, schedules: Sequence[str] = ()) -> MemoryOracle:
    """The oracle of a budget, or of several schedules under it."""
    return ScheduleChoice(budget, schedules) if len(schedules) > 1 else MemoryOracle(budget)
