"""Several measurements together: geometric means, the JSON form, tables for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tflm_mcunet.bench import peers
from tflm_mcunet.bench.measure import Measurement
from tflm_mcunet.bench.tables import group_tables, models_table, ratio
from tflm_mcunet.report.text import table

#: The models over which the geometric mean is taken where all are there; else over all that were measured.
MEAN_MODELS = (
    "mcunet_vww_80",
    "mlperf_vww_96_int8",
    "mlperf_kws_ref_model",
    "mlperf_resnet_quant",
    "mlperf_ad01_int8",
)

CYCLE_MODEL = (
    "cycles are modelled: the Cortex-M4 manual's timings over the executed instructions, zero wait states, 2 cycles "
    "for a pipeline refill, 7 for a division; no board was measured, and other cores have no model"
)


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean.

    >>> round(geometric_mean([1.0, 4.0]), 6)
    2.0
    """
    return math.exp(sum(math.log(v) for v in values) / len(values))


def to_dict(measurements: Sequence[Measurement]) -> dict[str, Any]:
    """The JSON form of `tflm-mcunet bench`."""
    names = {m.model for m in measurements}
    return {
        "io": "int8",
        "cycle_model": CYCLE_MODEL,
        "results": [m.to_dict() for m in measurements],
        "geometric_means": [_mean(*group) for group in operating_points(measurements)],
        "peers": {
            "source": peers.source(),
            "models": {name: dict(peers.model_figures(name)) for name in sorted(names)},
        },
    }


def operating_points(measurements: Sequence[Measurement]) -> list[tuple[str, list[Measurement]]]:
    """Measurements of one core, schedule and preference, with what to call them."""
    groups: dict[str, list[Measurement]] = {}
    for m in measurements:
        rows = ", rows fed" if m.input == "rows" else ""
        groups.setdefault(f"{m.on}, {m.planned}, prefer {m.prefer}{rows}", []).append(m)
    return list(groups.items())


def _mean(name: str, group: Sequence[Measurement]) -> dict[str, Any]:
    chosen = [m for m in group if m.model in MEAN_MODELS]
    if {m.model for m in chosen} != set(MEAN_MODELS):
        chosen = [m for m in group if m.macs]
    cycles = [m.cycles_per_mac for m in chosen if m.cycles_per_mac is not None]
    return {
        "name": name,
        "models": [m.model for m in chosen],
        "instructions_per_mac": round(geometric_mean([m.instructions_per_mac for m in chosen]), 4)
        if chosen
        else None,
        "modelled_cycles_per_mac": round(geometric_mean(cycles), 4)
        if chosen and len(cycles) == len(chosen)
        else None,
    }


def to_text(measurements: Sequence[Measurement], all_ops: bool = False) -> str:
    """Tables: a line a model with the peers' counts beside it, and a line a class of operators.

    Args:
        measurements: sequence of Measurement.
        all_ops: bool. Also a line an operator, with the kernel that it runs.
    """
    parts = []
    for name, group in operating_points(measurements):
        tables = (models_table(group), *group_tables(group, all_ops))
        first, *others = (table(t.rows, t.right) for t in tables)
        parts += [f"{name}, int8 inputs and outputs", first, "  " + mean_line(name, group), *others]
    parts.append(f"Peers: {peers.source()}")
    parts.append(f"Instructions are counted exactly; {CYCLE_MODEL}.")
    return "\n\n".join(parts)


def mean_line(name: str, group: Sequence[Measurement]) -> str:
    """The geometric means as a sentence."""
    mean = _mean(name, group)
    cycles = mean["modelled_cycles_per_mac"]
    line = (
        f"geometric mean of {len(mean['models'])}: {ratio(mean['instructions_per_mac'])} instructions a MAC"
    )
    return line + (f", {ratio(cycles)} modelled cycles a MAC" if cycles is not None else "")
