"""The commands that lead to a board: export, flash."""

from __future__ import annotations

import argparse
from pathlib import Path

from tflm_mcunet.cli_model import plan_options, progress
from tflm_mcunet.cli_output import Print, emit
from tflm_mcunet.errors import UsageError
from tflm_mcunet.report.text import number, table


def export(arguments: argparse.Namespace, out: Print) -> int:
    """`tflm-mcunet export`: writes a complete project."""
    from tflm_mcunet.projects.export_project import KINDS, export_project, read_manifest

    if arguments.project not in KINDS:
        raise UsageError(f"unknown project {arguments.project!r}", f"Use one of {', '.join(KINDS)}.")
    if arguments.target is None:
        raise UsageError("no target given", "`tflm-mcunet targets` lists the devices: --target STM32F746")
    conversion = export_project(
        arguments.model,
        arguments.project,
        arguments.target,
        arguments.output,
        engine=arguments.engine,
        **plan_options(arguments),
    )
    arena_bytes = int(read_manifest(arguments.output)["arena_bytes"])
    files = sorted(
        str(p.relative_to(arguments.output)) for p in Path(arguments.output).rglob("*") if p.is_file()
    )
    payload = {
        "project": arguments.project,
        "target": arguments.target,
        "directory": str(arguments.output),
        "engine": arguments.engine,
        "arena": arena_bytes,
        "files": files,
        "skipped": list(conversion.skipped),
    }
    rows = [["project", f"{arguments.project} for {arguments.target}"], ["files", number(len(files))]]
    rows.append(["arena, bytes", number(arena_bytes)])
    text = f"{arguments.output}\n{table(rows)}\n  next: {arguments.output}/README.md"
    emit(text, payload, arguments.json, out)
    return 0


def flash(arguments: argparse.Namespace, out: Print) -> int:
    """`tflm-mcunet flash`: builds, writes the flash, and checks the board where it can be asked."""
    from tflm_mcunet.flash import flash_to_device

    progress(f"building {arguments.project} for {arguments.target}")
    result = flash_to_device(arguments.project, arguments.target, port=arguments.port)
    payload = {
        "device": result.device,
        "tool": result.tool,
        "image": None if result.image is None else str(result.image),
        "checked": result.is_checked,
        "crc32": result.checksum,
        "seconds": result.seconds,
        "instructions": result.instructions,
    }
    rows = [["device", result.device], ["tool", result.tool]]
    if result.is_checked:
        rows.append(["outputs", f"as on this machine, crc32 {result.checksum:08x}"])
    if result.seconds is not None:
        rows.append(["time on the board", f"{result.seconds * 1000:.3f} ms"])
    if result.instructions is not None:
        rows.append(["instructions", number(result.instructions)])
    if not result.is_checked:
        rows.append(["outputs", "not checked: give the board's serial port with --port"])
    emit(table(rows, indent=""), payload, arguments.json, out)
    return 0
