"""Several measurements together: geometric means, the JSON form, tables for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tflm_mcunet.bench import peers
from tflm_mcunet.bench.measure import Measurement, by_class
from tflm_mcunet.report.text import number, table

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
        "geometric_means": [_mean(*group) for group in _operating_points(measurements)],
        "peers": {
            "source": peers.source(),
            "models": {name: dict(peers.model_figures(name)) for name in sorted(names)},
        },
    }


def _operating_points(measurements: Sequence[Measurement]) -> list[tuple[str, list[Measurement]]]:
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
    for name, group in _operating_points(measurements):
        parts += [
            f"{name}, int8 inputs and outputs",
            _models(group),
            _mean_line(name, group),
            _classes(group),
            *(_operators(m) for m in group if all_ops),
        ]
    parts.append(f"Peers: {peers.source()}")
    parts.append(f"Instructions are counted exactly; {CYCLE_MODEL}.")
    return "\n\n".join(parts)


def _models(group: Sequence[Measurement]) -> str:
    engines = list(peers.ENGINES.get(group[0].on, {}).values())
    head = ["model", "MACs", "instructions", "a MAC", "cycles*", "a MAC"]
    head += ["arena", "stack", "SRAM", "code", "flash", "init"]
    closed = "best closed, cycles" if group[0].cycles else None
    rows = [[*head, *engines, *([closed, "a MAC"] if closed else [])]]
    for m in group:
        others = peers.peer_instructions(m.model, m.on)
        rows.append(
            [
                m.model,
                number(m.macs),
                number(m.instructions),
                _ratio(m.instructions_per_mac),
                number(m.cycles.total if m.cycles else None),
                _ratio(m.cycles_per_mac),
                *(number(m.sram.get(part)) for part in ("arena", "stack", "total")),
                *(number(m.flash.get(part)) for part in ("code", "total")),
                number(m.init_instructions),
                *(_millions(others.get(e)) for e in engines),
                *(_published(m) if closed else ()),
            ]
        )
    return table(rows, right=range(1, len(rows[0])))


def _published(m: Measurement) -> tuple[str, str]:
    """Cycles that the best closed engine took on a board, and those a MAC."""
    count = peers.model_figures(m.model).get("closed_cycles_m4")
    return _millions(count), _ratio(count / m.macs if count else None)


def _millions(count: int | None) -> str:
    return "–" if count is None else f"{count / 1e6:.2f} M"


def _mean_line(name: str, group: Sequence[Measurement]) -> str:
    mean = _mean(name, group)
    cycles = mean["modelled_cycles_per_mac"]
    line = f"  geometric mean of {len(mean['models'])}: {_ratio(mean['instructions_per_mac'])} instructions a MAC"
    return line + (f", {_ratio(cycles)} modelled cycles a MAC" if cycles is not None else "")


def _classes(group: Sequence[Measurement]) -> str:
    is_m4 = group[0].on == "qemu:cortex-m4"
    head = ["class", "ops", "work", "unit", "instructions", "a unit", "cycles*", "a unit"]
    rows = [[*head, *(["TinyEngine", "CMSIS-NN"] if is_m4 else [])]]
    for c in by_class(group):
        others = peers.class_figures(c.op_class) if is_m4 else {}
        row = [c.op_class, str(c.ops), number(c.work), c.unit, number(c.instructions)]
        row += [
            _ratio(c.instructions / c.work),
            number(c.cycles),
            _ratio(c.cycles / c.work if c.cycles else None),
        ]
        rows.append([*row, *(_range(others.get(e)) for e in (("tinyengine", "cmsis_nn") if is_m4 else ()))])
    engine = sum(m.engine_instructions for m in group)
    share = 100 * engine / sum(m.instructions for m in group)
    rows.append(["(the driver between kernels)", "", "", "", number(engine), f"{share:.1f} %"])
    return table(rows, right=(1, 2, 4, 5, 6, 7, 8, 9))


def _operators(m: Measurement) -> str:
    rows = [[m.model, "class", "kernel", "work", "unit", "instructions", "a unit", "cycles*", "a unit"]]
    for op in m.ops:
        row = [f"op {op.index}", op.op_class, op.kernel, number(op.work), op.unit, number(op.instructions)]
        per_unit = _ratio(op.cycles / op.work if op.cycles else None)
        rows.append([*row, _ratio(op.instructions / op.work), number(op.cycles), per_unit])
    return table(rows, right=(3, 5, 6, 7, 8))


def _range(pair: tuple[float, float] | None) -> str:
    if pair is None:
        return "–"
    low, high = pair
    return f"{low:g}" if low == high else f"{low:g}–{high:g}"


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
