"""The command line `tflm-mcunet`: results on stdout, progress on stderr, errors as two lines and a code."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from tflm_mcunet import cli_bench, cli_board, cli_commands, cli_model, cli_quantize, cli_search
from tflm_mcunet.cli_output import one_line, parse_size, write_json
from tflm_mcunet.errors import McuNetError, UsageError

#: What to do about an error that does not say so itself.
_HINTS = {
    "ModelError": "the file is damaged or no .tflite; export it again",
    "UnsupportedOpError": "`tflm-mcunet ops` lists what each engine can run",
    "UsageError": "`tflm-mcunet --help` shows the commands",
}


class _Parser(argparse.ArgumentParser):
    """Raises UsageError where argparse would print its own text and leave."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"`{self.prog} --help` shows the arguments.")


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(f"{error.message} {error.hint}") from error


def _overhead(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1.0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a factor of at least 1.0, got {text!r}")
    return value


def build_parser() -> argparse.ArgumentParser:
    """The parser with every command; each sets `command`, a function of the parsed arguments."""
    parser = _Parser(
        prog="tflm-mcunet",
        description="Plan, shrink and run TensorFlow Lite Micro models under a microcontroller's memory.",
        epilog="Exit: 0 done, 1 failed, 2 bad input, 3 ran but a constraint is not met, 130 interrupted.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)
    _add_analyze(commands)
    _add_convert(commands)
    _add_run(commands)
    cli_quantize.add_arguments(
        _command(commands, "quantize", cli_quantize.quantize, "Make a float model INT8, fine-tuned or not.")
    )
    search = _command(
        commands, "search", cli_search.search, "Search, train and quantise a network that fits a device."
    )
    cli_search.add_options(search, _size)
    cli_bench.add_arguments(
        _command(commands, "bench", cli_bench.bench, "Count what models execute on emulated cores.")
    )
    _add_export(commands)
    _add_flash(commands)
    _add_listings(commands)
    return parser


def _command(commands: Any, name: str, function: Any, summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    parser.set_defaults(command=function)
    # Accepted after the command too; SUPPRESS keeps it from resetting what stood before the command.
    parser.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error"
    )
    parser.add_argument(
        "--json", metavar="PATH", help="write the result as JSON to PATH, or to stdout with -"
    )
    return parser


def _add_analyze(commands: Any) -> None:
    parser = _command(
        commands, "analyze", cli_model.analyze, "How much memory a model needs, and how to need less."
    )
    parser.add_argument("model", metavar="MODEL", help="a .tflite, .keras or .h5 file or a SavedModel")
    parser.add_argument("--target", metavar="T", help="a device of `tflm-mcunet targets`, or a TOML file")
    parser.add_argument("--html", metavar="PAGE", help="write one self-contained HTML page")
    parser.add_argument(
        "--frontier", action="store_true", help="also plan with MACs computed twice for fewer bytes (slow)"
    )
    parser.add_argument(
        "--all-ops", action="store_true", help="list every operator, not only the ten fullest"
    )
    parser.add_argument(
        "--pointer-bits",
        type=int,
        choices=(32, 64),
        default=32,
        help="of stock TFLite Micro's tail: 32 as on a device (default), 64 as on a desk",
    )


def _add_plan_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", metavar="T", help="a device of `tflm-mcunet targets`, or a TOML file")
    parser.add_argument(
        "--schedule",
        choices=("auto", "layer", "in_place", "patch", "stream"),
        help="how to run (default: auto)",
    )
    parser.add_argument(
        "--prefer", choices=("sram", "speed"), help="what to spend spare SRAM on (default: sram)"
    )
    parser.add_argument(
        "--input", choices=("resident", "rows"), help="rows: the caller feeds image rows, no input buffer"
    )
    parser.add_argument("--io", choices=("int8",), help="int8: drop QUANTIZE and DEQUANTIZE at the edges")
    parser.add_argument("--calibration", metavar="X.npy", help="samples to quantise a float model with")
    parser.add_argument(
        "--max-mac-overhead",
        type=_overhead,
        metavar="F",
        help="above 1.0, patches may be recomputed (default: 1.0)",
    )


def _add_convert(commands: Any) -> None:
    parser = _command(commands, "convert", cli_model.convert, "Rewrite a model so that it needs less memory.")
    parser.add_argument("model", metavar="MODEL", help="a .tflite, .keras or .h5 file or a SavedModel")
    parser.add_argument("-o", "--output", metavar="OUT.tflite", required=True, help="the file to write")
    _add_plan_options(parser)
    parser.add_argument(
        "--sram", type=_size, metavar="N", help="SRAM in bytes instead of a target: 320000, 320k, 320Ki"
    )
    parser.add_argument("--flash", type=_size, metavar="N", help="flash in bytes instead of a target")
    parser.add_argument(
        "--html", metavar="PAGE", help="write the memory report as one self-contained HTML page"
    )


def _add_run(commands: Any) -> None:
    parser = _command(
        commands, "run", cli_model.run, "Run a model on the desk or on an emulated microcontroller."
    )
    parser.add_argument("model", metavar="MODEL", help="a .tflite, .keras or .h5 file or a SavedModel")
    parser.add_argument(
        "--on",
        metavar="ENGINE",
        default="host",
        help=f"{', '.join(cli_model.ENGINES)}, serial:PORT (default: host)",
    )
    _add_plan_options(parser)
    parser.add_argument(
        "--input-file",
        metavar="X.npy",
        action="append",
        help="the input, in the model's dtype or as floats; once per input of the model",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the random input (default: 0)")
    parser.add_argument("--output-dir", metavar="DIR", help="write every output as .npy")


def _add_export(commands: Any) -> None:
    parser = _command(commands, "export", cli_board.export, "Write a complete project for a board.")
    parser.add_argument("model", metavar="MODEL", help="a .tflite, .keras or .h5 file or a SavedModel")
    parser.add_argument(
        "--project", metavar="KIND", required=True, help="arduino, esp-idf, platformio, stm32"
    )
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="the directory to write")
    parser.add_argument(
        "--engine",
        metavar="ENGINE",
        default="mcunet",
        help="mcunet, a program without interpreter (default), or tflm, TFLite Micro with our operators",
    )
    _add_plan_options(parser)


def _add_flash(commands: Any) -> None:
    parser = _command(
        commands,
        "flash",
        cli_board.flash,
        "Build a project, write it to a board, and check what it computes.",
    )
    parser.add_argument("project", metavar="DIR", help="a project's directory, or a model")
    parser.add_argument(
        "--target", metavar="T", required=True, help="the device; netduinoplus2 and qemu:CORE are emulated"
    )
    parser.add_argument("--port", metavar="PORT", help="the board's serial port, to check what it computes")


def _add_listings(commands: Any) -> None:
    parser = _command(commands, "targets", cli_commands.targets, "List the devices, or show one.")
    parser.add_argument("name", metavar="NAME", nargs="?", help="a device, an alias or a TOML file")
    _command(
        commands, "ops", cli_commands.operators, "List the operators and what each engine can do with them."
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; never raises but for SystemExit of --help."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug, destination = "--debug" in arguments, _json_destination(arguments)
    try:
        code = _dispatch(build_parser().parse_args(arguments))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader has seen enough (`… | head`). Keep Python from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130
    except McuNetError as error:
        return _report(
            error, type(error).__name__, error.message, error.hint, error.exit_code, destination, debug
        )
    except RecursionError as error:
        message = "the model nests deeper than Python's stack allows"
        return _report(error, "ModelError", message, "", 2, destination, debug)
    except Exception as error:
        message = f"internal error: {type(error).__name__}: {error}"
        hint = "This is a bug in tflm-mcunet. Run again with --debug and report the traceback."
        return _report(error, "InternalError", message, hint, 1, destination, debug)


def _dispatch(arguments: argparse.Namespace) -> int:
    if arguments.version:
        print(f"tflm-mcunet {cli_commands.version()}")
        return 0
    if not hasattr(arguments, "command"):
        raise UsageError("no command given", "`tflm-mcunet --help` lists the commands.")
    code: int = arguments.command(arguments, print)
    return code


def _report(
    error: BaseException, kind: str, message: str, hint: str, code: int, destination: str | None, debug: bool
) -> int:
    """Tell an error: two lines on stderr, the JSON object where JSON was asked for."""
    if debug:
        traceback.print_exception(error)
    print(f"error: {one_line(message)}", file=sys.stderr)
    hint = hint or _HINTS.get(kind, "run again with --debug for the whole story")
    print(f"hint: {one_line(hint)}", file=sys.stderr)
    if destination is not None:
        payload = {"error": {"type": kind, "message": message, "hint": hint}}
        # Where the place for the JSON is itself what failed, stderr has said so.
        with contextlib.suppress(McuNetError):
            write_json(payload, destination, print)
    return code


def _json_destination(arguments: Sequence[str]) -> str | None:
    """Where --json points, also when the arguments do not parse."""
    for i, argument in enumerate(arguments):
        if argument == "--json" and i + 1 < len(arguments):
            return arguments[i + 1]
        if argument.startswith("--json="):
            return argument.removeprefix("--json=")
    return None


if __name__ == "__main__":
    sys.exit(main())
