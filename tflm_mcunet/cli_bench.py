"""The command `bench`: what models execute and occupy on emulated cores, as tables, JSON and a chart."""

from __future__ import annotations

import argparse

from tflm_mcunet.cli_model import progress
from tflm_mcunet.cli_output import Print, emit, write_file
from tflm_mcunet.errors import UsageError

BOARDS = ("qemu:cortex-m4", "qemu:cortex-m7", "qemu:cortex-m55", "qemu:rv32")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tflm-mcunet bench`."""
    parser.add_argument(
        "models",
        metavar="MODEL",
        nargs="*",
        help="files; default: those of $TFLM_MCUNET_MODELS, or built ones",
    )
    parser.add_argument(
        "--on",
        metavar="CORE",
        action="append",
        help=f"{', '.join(BOARDS)}; repeatable (default: {BOARDS[0]})",
    )
    parser.add_argument(
        "--schedule",
        choices=("auto", "layer", "patch", "stream"),
        action="append",
        help="how to run; repeatable (default: layer)",
    )
    parser.add_argument(
        "--prefer", choices=("sram", "speed"), action="append", help="repeatable (default: speed)"
    )
    parser.add_argument(
        "--input", choices=("resident", "rows"), default="resident", help="rows: the caller feeds image rows"
    )
    parser.add_argument("--all-ops", action="store_true", help="list every operator, not only classes")
    parser.add_argument("--svg", metavar="CHART", help="write a bar chart as SVG")
    parser.add_argument(
        "--html", metavar="PAGE", help="write chart and tables as one self-contained HTML page"
    )


def bench(arguments: argparse.Namespace, out: Print) -> int:
    """`tflm-mcunet bench`: exact instruction counts, modelled cycles, SRAM and flash, with the peers' beside them."""
    from tflm_mcunet.bench import chart, page, summary
    from tflm_mcunet.bench.suite import chosen_models, run_suite

    boards = arguments.on or [BOARDS[0]]
    for board in boards:
        if board not in BOARDS:
            raise UsageError(f"unknown core {board!r}", f"Use one of {', '.join(BOARDS)}.")
    measurements = run_suite(
        chosen_models(arguments.models),
        boards=boards,
        schedules=arguments.schedule or ["layer"],
        preferences=arguments.prefer or ["speed"],
        input=arguments.input,
        compare=True,
        on_progress=progress,
    )
    text = summary.to_text(measurements, all_ops=arguments.all_ops)
    if arguments.svg:
        write_file(arguments.svg, chart.to_svg(measurements))
        progress(f"wrote {arguments.svg}")
    if arguments.html:
        write_file(arguments.html, page.to_html(measurements, all_ops=arguments.all_ops))
        progress(f"wrote {arguments.html}")
    emit(text, summary.to_dict(measurements), arguments.json, out)
    wrong = [f"{m.model} on {m.on}, {m.planned}" for m in measurements if m.exact is False]
    if wrong:
        progress(f"error: outputs differ from TFLite Micro's: {'; '.join(wrong)}")
        progress("hint: this is a bug in tflm-mcunet; report the model and the compiler's version")
    return 1 if wrong else 0
