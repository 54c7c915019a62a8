"""Whether a network of a sample fits: hundreds a second, by the oracle's cheap tests and margins that it measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tflm_mcunet.schedule.stages import plan_stages
from tflm_mcunet.tinynas.architecture import Architecture
from tflm_mcunet.tinynas.budget import Budget, MemoryOracle, Need, quick_arena_bytes, quick_bounds
from tflm_mcunet.tinynas.build import graph_of
from tflm_mcunet.tinynas.flash import CODE_BYTES
from tflm_mcunet.tinynas.layer_bound import layer_bound_bytes
from tflm_mcunet.tinynas.schedule_genes import need_of_plan
from tflm_mcunet.tinynas.space import Space
from tflm_mcunet.transforms import canonical

#: Networks of a subspace whose needs are computed exactly, and draws to find them among.
MEASURED, DRAWS = 3, 60


class QuickFit:
    """A test for the hundred thousand networks that stage 1 samples.

    Arena, weights and MACs are those of the network. What comes on top (scratch and tables of kernels, stack, code)
    varies little within a subspace, and computing it takes thirty times as long: it is computed for a few networks,
    and their mean is added. So near the limit the verdict may be wrong; networks that are to be kept go through
    `MemoryOracle.fits`.

    - "layer": a bound from the description rejects most of what does not fit; only the rest is planned.
    - "stream": a plan of stages is never above that layer by layer, so only what does not fit so is planned in
      stages.

    Args:
        budget: Budget.
        subspace: Space. Where the networks are from.

    Example:
        >>> from tflm_mcunet.tinynas.space import image_space
        >>> space = image_space((96, 96, 3), 2)
        >>> fits = QuickFit(Budget.of("STM32F411"), space)
        >>> [fits(space.architecture(space.extreme(largest))) for largest in (False, True)]
        [True, False]
    """

    def __init__(self, budget: Budget, subspace: Space) -> None:
        self.budget = budget
        self.oracle = MemoryOracle(budget)
        #: Bytes of SRAM beside the arena, bytes of flash beside the weights, and flash for each byte of weights.
        self.sram_margin, self.flash_margin, self.flash_factor = 0.0, 0.0, 1.0
        self._measure(subspace)

    def __call__(self, network: Architecture) -> bool:
        budget = self.budget
        bounds = quick_bounds(network)
        if budget.max_macs is not None and bounds.macs > budget.max_macs:
            return False
        flash_bytes = bounds.flash_bytes * self.flash_factor + self.flash_margin
        if budget.flash_bytes is not None and flash_bytes > budget.flash_bytes:
            return False
        most = budget.sram_bytes - self.sram_margin
        if budget.schedule != "tflm":
            fits_by_layer = layer_bound_bytes(network) <= most and self._arena(network, "layer") <= most
            if not fits_by_layer and (budget.schedule == "layer" or self._arena(network, enough=most) > most):
                return False
        elif self._arena(network) > most:
            return False
        return budget.max_latency_ms is None or self.oracle.is_plausible(network)

    def _arena(self, network: Architecture, schedule: str | None = None, enough: float = 0) -> int:
        schedule = schedule or self.budget.schedule
        return quick_arena_bytes(graph_of(network), schedule, max(0, int(enough)))

    def _need(self, network: Architecture) -> Need:
        """What a network takes; in stages by the quick plan, since the careful one takes seconds."""
        if self.budget.schedule != "stream":
            return self.oracle.need(network)
        clean = canonical(graph_of(network))[0]
        return need_of_plan(plan_stages(clean, kinds=("layer", "stream"), effort="quick"), self.budget)

    def _measure(self, subspace: Space) -> None:
        random = np.random.default_rng(0)
        srams, flashes = [], []
        for _ in range(DRAWS):
            network = subspace.architecture(subspace.sample(random))
            if not self(network):
                continue
            need = self._need(network)
            code = 0 if self.budget.schedule == "tflm" else CODE_BYTES
            srams.append(need.sram_bytes - self._arena(network))
            flashes.append((need.flash_bytes - code) / network.parameters)
            if len(srams) == MEASURED:
                break
        if srams:
            self.sram_margin, self.flash_factor = float(np.mean(srams)), float(np.mean(flashes))
            self.flash_margin = 0 if self.budget.schedule == "tflm" else CODE_BYTES


def quick_fits(budget: Budget) -> Callable[[Space], QuickFit]:
    """What `rank_spaces` asks for: the test of each subspace."""
    return lambda subspace: QuickFit(budget, subspace)
