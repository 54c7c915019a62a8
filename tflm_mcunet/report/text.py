"""The report for a terminal: aligned tables, the operators that set the peak, plain advice."""

from __future__ import annotations

from collections.abc import Sequence

from tflm_mcunet.report.memory_report import MemoryReport, printable


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = (), indent: str = "  ") -> str:
    """Rows of cells as aligned lines; the columns in `right` are set flush right.

    >>> print(table([["a", "10"], ["bcd", "9"]], right=(1,)))
      a    10
      bcd   9
    """
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows), default=0))]
    lines = []
    for row in rows:
        cells = [c.rjust(widths[i]) if i in right else c.ljust(widths[i]) for i, c in enumerate(row)]
        lines.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def number(value: int | None) -> str:
    """`161,472`, or a dash where there is none."""
    return "–" if value is None else f"{value:,}"


def percent(part: int, whole: int) -> str:
    """`49 %`, with a decimal below ten."""
    share = 100 * part / whole
    return f"{share:.0f} %" if share >= 10 else f"{share:.1f} %"


def render_text(report: MemoryReport, all_ops: bool = False) -> str:
    """The report as text, without a final newline.

    Args:
        report: MemoryReport.
        all_ops: bool. List every operator; otherwise the ten with most live bytes.
    """
    parts = [_title(report), _memory(report)]
    if report.target is not None:
        parts.append(_target(report))
    parts.append(_operators(report, all_ops))
    parts += _stages(report)
    if report.frontier:
        parts.append(_frontier(report))
    if report.advice:
        parts.append("Advice\n" + _list(report.advice))
    if report.notes:
        parts.append("Notes\n" + _list(report.notes))
    return "\n\n".join(parts)


def _list(lines: Sequence[str]) -> str:
    """One line each; names of tensors may stand in them."""
    return "\n".join(f"  - {printable(line, 600)}" for line in lines)


def _title(report: MemoryReport) -> str:
    flash = "" if report.model_bytes is None else f", {report.model_bytes:,} bytes of flash"
    return f"{printable(report.name)}: {len(report.ops)} operators, {report.macs:,} MACs{flash}"


def _memory(report: MemoryReport) -> str:
    peak, tflm = report.peak, report.tflm
    rows = [
        ["stock TFLite Micro, head", number(tflm.head), "tensors and scratch, its own greedy plan"],
        [
            "stock TFLite Micro, tail",
            number(tflm.tail),
            f"persistent data, {tflm.pointer_bits}-bit; {tflm.basis}",
        ],
        [
            "stock TFLite Micro, total",
            number(tflm.total),
            f"on a 64-bit desk {number(report.tflm_host.total)}",
        ],
        [
            "stock TFLite Micro, our plan",
            number(report.planned_head),
            "head of the model that `convert` writes",
        ],
        ["layer by layer", number(peak.layer), "best order, PAD folded, activations fused"],
        ["layer by layer, in place", number(peak.layer_in_place), "outputs over operands where exact"],
        ["streamed", number(peak.stream), "rows flow through stages; input map included"],
        ["streamed, rows fed", number(peak.stream_rows_input), "input fed by rows; no input map"],
    ]
    return "SRAM for one inference (bytes)\n" + table(rows, right=(1,))


def _stages(report: MemoryReport) -> list[str]:
    """The stages of our plan, what each that streams holds, and what does not stream and why."""
    if all(stage.kind == "layer" for stage in report.stages):
        return []
    rows = [["stage", "kind", "operators", "arena", "MACs", "twice"]]
    held = [["stage", "tensor", "", "role", "rows", "bytes"]]
    for n, stage in enumerate(report.stages):
        names = stage.ops[0] + (f" … {stage.ops[-1]}" if len(stage.ops) > 1 else "")
        twice = number(stage.macs - stage.macs_once) if stage.macs > stage.macs_once else ""
        rows.append([str(n), stage.label, names, number(stage.peak_bytes), number(stage.macs), twice])
        for item in stage.held:
            held.append(
                [str(n), item.tensor, item.detail, item.role, str(item.rows), number(item.size_bytes)]
            )
    parts = ["Stages of the smallest plan that holds the input\n" + table(rows, right=(0, 3, 4, 5))]
    parts.append("Rows held by each stage\n" + table(held, right=(0, 4, 5)))
    if report.left_out:
        lines = [f"{op}: {why}" for op, why in report.left_out]
        parts.append("Left out of the stages\n" + _list(lines))
    return parts


def _frontier(report: MemoryReport) -> str:
    rows = [["input", "MACs", "arena"]]
    rows += [[p.input, f"×{p.mac_factor:.3f}", number(p.arena_bytes)] for p in report.frontier]
    return "Peak SRAM against computed MACs\n" + table(rows, right=(1, 2))


def _target(report: MemoryReport) -> str:
    target = report.target
    assert target is not None
    best = report.peak.best_resident
    rows = []
    for label, size in (("stock TFLite Micro", report.tflm.total), ("best plan, input included", best)):
        if size is not None:
            left = target.contiguous_sram - size
            verdict = f"fits, {left:,} left" if left >= 0 else f"{-left:,} too many"
            rows.append([label, number(size), percent(size, target.contiguous_sram), verdict])
    head = f"{target.name}: {target.sram:,} bytes of SRAM"
    if target.contiguous_sram != target.sram:
        head += f", {target.contiguous_sram:,} of them contiguous"
    if target.flash is not None:
        head += f", {target.flash:,} bytes of flash"
        if report.model_bytes is not None:
            left = target.flash - report.model_bytes
            verdict = f"fits, {left:,} left for code" if left >= 0 else f"{-left:,} too many"
            rows.append(
                [
                    "model in flash",
                    number(report.model_bytes),
                    percent(report.model_bytes, target.flash),
                    verdict,
                ]
            )
    return head + "\n" + table(rows, right=(1, 2))


def _operators(report: MemoryReport, all_ops: bool) -> str:
    shown = list(report.ops)
    if not all_ops:
        shown = sorted(sorted(shown, key=lambda op: (-op.live_bytes, op.index))[:10], key=lambda op: op.index)
    rows = [["op", "type", "output", "MACs", "weights", "live bytes", ""]]
    for op in shown:
        mark = "<- peak" if op.index in report.peak_ops else ""
        rows.append(
            [
                str(op.index),
                printable(op.type, 28),
                op.output,
                number(op.macs) if op.macs else "",
                number(op.weight_bytes) if op.weight_bytes else "",
                number(op.live_bytes),
                mark,
            ]
        )
    title = (
        "Operators"
        if len(shown) == len(report.ops)
        else f"Operators with most live bytes ({len(shown)} of {len(report.ops)})"
    )
    return title + "\n" + table(rows, right=(0, 3, 4, 5))
