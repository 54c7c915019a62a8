"""A stored baseline of counts, and what has become worse since: counts are exact, so 1 % is a change, not noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tflm_mcunet.bench.measure import Measurement, by_class

#: How much a count may grow before it is a regression.
TOLERANCE = 0.01

Counts = Mapping[str, int]


def counts(measurements: Sequence[Measurement]) -> dict[str, dict[str, int]]:
    """What is kept of each measurement: operating point -> name of a count -> count."""
    return {_point(m): _counts(m) for m in measurements}


def _point(m: Measurement) -> str:
    return f"{m.model} {m.on} {m.planned} {m.prefer} {m.input}"


def _counts(m: Measurement) -> dict[str, int]:
    found = {"instructions": m.instructions, "init instructions": m.init_instructions}
    if m.cycles is not None:
        found["modelled cycles"] = m.cycles.total
    found |= {"SRAM": m.sram["total"], "code": m.flash["code"], "constants": m.flash["constants"]}
    for c in by_class([m]):
        found[f"instructions, {c.op_class}"] = c.instructions
    return found


def regressions(
    before: Mapping[str, Counts], now: Mapping[str, Counts], tolerance: float = TOLERANCE
) -> list[str]:
    """One line for each count that grew by more than the tolerance, and for each point that has no baseline.

    A count that the baseline does not have (an operator that is new in a class) is covered by the total.

    >>> regressions({"net": {"instructions": 1000}}, {"net": {"instructions": 1011}})
    ['net: instructions 1,000 -> 1,011 (+1.1 %)']
    """
    found = []
    for point, fresh in now.items():
        if point not in before:
            found.append(f"{point}: not in the baseline")
            continue
        for name, count in fresh.items():
            old = before[point].get(name)
            if old is not None and count > old * (1 + tolerance):
                growth = f"+{100 * (count / old - 1):.1f} %" if old else "from nothing"
                found.append(f"{point}: {name} {old:,} -> {count:,} ({growth})")
    return found
