"""The commands that list things: devices, operators, the version."""

from __future__ import annotations

import argparse
from typing import Any

from tflm_mcunet.cli_output import Print, emit
from tflm_mcunet.report.text import number, table
from tflm_mcunet.targets import Target


def version() -> str:
    """The package's version."""
    from tflm_mcunet import __version__

    return __version__


def targets(arguments: argparse.Namespace, out: Print) -> int:
    """`tflm-mcunet targets [NAME]`."""
    if arguments.name:
        target = Target.load(arguments.name)
        emit(_describe(target), target.to_dict(), arguments.json, out)
        return 0
    devices = [Target.load(name) for name in Target.names()]
    rows = [["device", "core", "MHz", "SRAM", "contiguous", "flash", "emulator"]]
    for d in devices:
        rows.append(
            [
                d.name,
                d.core or "–",
                "–" if d.clock_hz is None else f"{d.clock_hz / 1e6:g}",
                number(d.sram),
                number(d.contiguous_sram),
                number(d.flash),
                d.emulator or "–",
            ]
        )
    text = table(rows, right=(2, 3, 4, 5), indent="")
    emit(text, {"targets": [d.to_dict() for d in devices]}, arguments.json, out)
    return 0


def _describe(target: Target) -> str:
    facts = [
        ("core", target.core or "–"),
        ("clock", "–" if target.clock_hz is None else f"{target.clock_hz / 1e6:g} MHz"),
        ("SRAM", f"{target.sram:,} bytes, {target.contiguous_sram:,} contiguous"),
        ("flash", "–" if target.flash is None else f"{target.flash:,} bytes"),
        ("flash tool", target.flash_tool or "–"),
        ("emulator", target.emulator or "–"),
        ("also called", ", ".join(target.aliases) or "–"),
    ]
    parts = [target.name, table([list(fact) for fact in facts])]
    if target.banks:
        rows = [
            [b.name, f"{b.bytes:,}", "" if b.address is None else f"at 0x{b.address:08X}"]
            for b in target.banks
        ]
        parts += ["SRAM banks (bytes)", table(rows, right=(1,))]
    if target.sources:
        parts += ["Sources", table([[s.title, s.document, s.says] for s in target.sources])]
    if target.notes:
        parts += ["Notes", f"  {target.notes}"]
    return "\n".join(parts)


def operators(arguments: argparse.Namespace, out: Print) -> int:
    """`tflm-mcunet ops`: made from the tables that the planner and the code generator use."""
    support = [_support(name) for name in _known_operators()]
    rows = [["operator", "MACs", "rows", "in place", "planner", "C++ program"]]
    for fact in support:
        rows.append(
            [
                fact["type"],
                _yes(fact["macs"]),
                _yes(fact["row_window"]),
                ", ".join(str(p) for p in fact["in_place"]) or "–",
                _yes(fact["planner"]),
                _yes(fact["cpp"]),
            ]
        )
    legend = (
        "MACs: counted. rows: an output row needs only a window of input rows where the shapes allow it,\n"
        "so the operator can be streamed. in place: operands whose bytes the output may take. planner:\n"
        "shapes are known; any other operator is planned as the file states its tensors. C++ program:\n"
        "engines host and qemu, int8. "
        "Engine tflm runs every operator that TFLite Micro has."
    )
    emit(table(rows, indent="") + "\n\n" + legend, {"ops": support}, arguments.json, out)
    return 0


def _yes(value: bool) -> str:
    return "yes" if value else "–"


def _known_operators() -> list[str]:
    from tflm_mcunet.codegen.lower import LOWER
    from tflm_mcunet.ops import OPS

    return sorted({*OPS, *LOWER})


def _support(name: str) -> dict[str, Any]:
    from tflm_mcunet import ops
    from tflm_mcunet.codegen.lower import LOWER

    facts = ops.OPS.get(name)
    plain = ops.OpFacts(output_shape=lambda graph, op: None)
    return {
        "type": name,
        "macs": facts is not None and facts.macs is not plain.macs,
        "row_window": facts is not None and facts.window is not plain.window,
        "in_place": list(facts.in_place) if facts else [],
        "planner": facts is not None,
        "cpp": name in LOWER,
    }
