"""Measurements as rows of cells, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tflm_mcunet.bench import peers
from tflm_mcunet.bench.cortex_m4 import KINDS
from tflm_mcunet.bench.measure import Measurement, by_class
from tflm_mcunet.report.text import number


@dataclass(frozen=True)
class Table:
    """Rows of cells, the first of them the head; the columns in `right` are set flush right."""

    rows: Sequence[Sequence[str]]
    right: tuple[int, ...]


def models_table(group: Sequence[Measurement]) -> Table:
    """A line a model: counts, memory, and the peers' counts beside them."""
    engines = list(peers.ENGINES.get(group[0].on, {}).values())
    head = ["model", "MACs", "instructions", "a MAC", "cycles*", "a MAC"]
    head += ["exact", "arena", "stack", "SRAM", "code", "flash", "init"]
    closed = "best closed, cycles" if group[0].cycles else None
    rows = [[*head, *engines, *([closed, "a MAC"] if closed else [])]]
    for m in group:
        others = peers.peer_instructions(m.model, m.on)
        rows.append(
            [
                m.model,
                number(m.macs),
                number(m.instructions),
                ratio(m.instructions_per_mac),
                number(m.cycles.total if m.cycles else None),
                ratio(m.cycles_per_mac),
                {True: "yes", False: "NO", None: "–"}[m.exact],
                *(number(m.sram.get(part)) for part in ("arena", "stack", "total")),
                *(number(m.flash.get(part)) for part in ("code", "total")),
                number(m.init_instructions),
                *(_millions(others.get(e)) for e in engines),
                *(_published(m) if closed else ()),
            ]
        )
    return Table(rows, tuple(range(1, len(rows[0]))))


def _published(m: Measurement) -> tuple[str, str]:
    """Cycles that the best closed engine took on a board, and those a MAC."""
    count = peers.model_figures(m.model).get("closed_cycles_m4")
    return _millions(count), ratio(count / m.macs if count else None)


def _millions(count: int | None) -> str:
    return "–" if count is None else f"{count / 1e6:.2f} M"


def classes_table(group: Sequence[Measurement]) -> Table:
    """A line a class of operators, those with most instructions first."""
    is_m4 = group[0].on == "qemu:cortex-m4"
    head = ["class", "ops", "work", "unit", "instructions", "a unit", "cycles*", "a unit"]
    rows = [[*head, *(["TinyEngine", "CMSIS-NN"] if is_m4 else [])]]
    for c in by_class(group):
        others = peers.class_figures(c.op_class) if is_m4 else {}
        row = [c.op_class, str(c.ops), number(c.work), c.unit, number(c.instructions)]
        row += [
            ratio(c.instructions / c.work),
            number(c.cycles),
            ratio(c.cycles / c.work if c.cycles else None),
        ]
        rows.append([*row, *(_range(others.get(e)) for e in (("tinyengine", "cmsis_nn") if is_m4 else ()))])
    engine = sum(m.engine_instructions for m in group)
    share = 100 * engine / sum(m.instructions for m in group)
    rows.append(["(the driver between kernels)", "", "", "", number(engine), f"{share:.1f} %"])
    return Table(rows, (1, 2, 4, 5, 6, 7, 8, 9))


def mix_table(group: Sequence[Measurement]) -> Table | None:
    """A line a class: which kinds of instructions it executes, as shares; None where the core has no model."""
    classes = [c for c in by_class(group) if c.mix]
    if not classes:
        return None
    rows = [["class", *KINDS, "cycles* an instruction"]]
    for c in classes:
        mix = c.mix or {}
        shares = [f"{100 * mix.get(kind, 0) / c.instructions:.1f} %" for kind in KINDS]
        rows.append([c.op_class, *shares, ratio(c.cycles / c.instructions if c.cycles else None)])
    return Table(rows, tuple(range(1, len(rows[0]))))


def group_tables(group: Sequence[Measurement], all_ops: bool) -> list[Table]:
    """Every table of an operating point but that of its models."""
    mix = mix_table(group)
    return [
        classes_table(group),
        *([mix] if mix else []),
        *(operators_table(m) for m in group if all_ops),
    ]


def operators_table(m: Measurement) -> Table:
    """A line an operator, with the kernel that it runs."""
    rows = [[m.model, "class", "kernel", "work", "unit", "instructions", "a unit", "cycles*", "a unit"]]
    for op in m.ops:
        row = [f"op {op.index}", op.op_class, op.kernel, number(op.work), op.unit, number(op.instructions)]
        per_unit = ratio(op.cycles / op.work if op.cycles else None)
        rows.append([*row, ratio(op.instructions / op.work), number(op.cycles), per_unit])
    return Table(rows, (3, 5, 6, 7, 8))


def _range(pair: tuple[float, float] | None) -> str:
    if pair is None:
        return "–"
    low, high = pair
    return f"{low:g}" if low == high else f"{low:g}–{high:g}"


def ratio(value: float | None) -> str:
    """`1.234`, or a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"
