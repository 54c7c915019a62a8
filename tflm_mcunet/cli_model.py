"""The commands that take a model: analyze, convert, run."""

from __future__ import annotations

import argparse
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet.cli_output import Print, emit, one_line, write_file
from tflm_mcunet.errors import ConstraintError, McuNetError, UsageError
from tflm_mcunet.ops import total_macs
from tflm_mcunet.report.text import number, table
from tflm_mcunet.targets import Target

#: Where `run` can run a model.
ENGINES = ("host", "tflm", "qemu:cortex-m4", "qemu:cortex-m7", "qemu:cortex-m55", "qemu:rv32", "qemu:lx106")


def progress(text: str) -> None:
    """One line on stderr."""
    sys.stderr.write(one_line(text) + "\n")


def analyze(arguments: argparse.Namespace, out: Print) -> int:
    """`tflm-mcunet analyze`: exit 3 where a target is named and the model does not fit it."""
    from tflm_mcunet.report import analyze as measure
    from tflm_mcunet.report import render_html, render_text

    target = None if arguments.target is None else Target.load(arguments.target)
    report = measure(
        arguments.model,
        target,
        pointer_bits=arguments.pointer_bits,
        with_frontier=arguments.frontier,
    )
    if arguments.html:
        write_file(arguments.html, render_html(report))
        progress(f"wrote {arguments.html}")
    emit(render_text(report, all_ops=arguments.all_ops), report.to_dict(), arguments.json, out)
    return _verdict(arguments.model, target, report.peak.best_resident, report.model_bytes)


def _target(arguments: argparse.Namespace) -> Target | None:
    """--target, or a bare budget from --sram and --flash."""
    sram, flash = getattr(arguments, "sram", None), getattr(arguments, "flash", None)
    if arguments.target is not None and (sram is not None or flash is not None):
        raise UsageError(
            "--target and --sram or --flash exclude each other", "Name a target or give the sizes."
        )
    if arguments.target is not None:
        return Target.load(arguments.target)
    if flash is not None and sram is None:
        raise UsageError("--flash needs --sram", "Give both sizes, or a --target.")
    return None if sram is None else Target(name="budget", sram=sram, flash=flash)


def load_array(path: str) -> np.ndarray:
    """A `.npy` file; pickled objects are refused.

    Raises:
        UsageError: no such file, or no plain array.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}", "Give a .npy file.") from error
    except (ValueError, EOFError) as error:
        raise UsageError(
            f"{path} is no .npy array: {error}", "Write it with numpy.save(path, array)."
        ) from error
    if not isinstance(array, np.ndarray):
        raise UsageError(f"{path} holds several arrays", "Write one array with numpy.save(path, array).")
    return array


def plan_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of `convert` that were given; the others keep its defaults."""
    names = ("schedule", "prefer", "input", "max_mac_overhead", "io")
    options = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if arguments.calibration is not None:
        options["calibration"] = load_array(arguments.calibration)
    return options


def convert(arguments: argparse.Namespace, out: Print) -> int:
    """`tflm-mcunet convert`: writes the rewritten model."""
    from tflm_mcunet.convert import convert as rewrite

    target = _target(arguments)
    conversion = rewrite(arguments.model, target, **plan_options(arguments))
    write_file(arguments.output, conversion.tflite)
    progress(f"wrote {arguments.output}")
    if arguments.html:
        from tflm_mcunet.report import analyze as measure
        from tflm_mcunet.report import render_html

        write_file(arguments.html, render_html(measure(arguments.model, target)))
        progress(f"wrote {arguments.html}")
    payload = {**conversion.to_dict(), "output": str(arguments.output)}
    emit(_conversion_text(payload), payload, arguments.json, out)
    return _verdict(arguments.model, target, conversion.schedule.arena_bytes, len(conversion.tflite))


def _verdict(model: str, target: Target | None, arena_bytes: int | None, model_bytes: int | None) -> int:
    """Exit code 0, or 3 with two lines on stderr where a target is named and too small."""
    if target is None:
        return 0
    sram_ok = arena_bytes is not None and arena_bytes <= target.contiguous_sram
    if sram_ok and (target.flash is None or model_bytes is None or model_bytes <= target.flash):
        return 0
    progress(
        f"error: {model} does not fit {target.name}: arena {number(arena_bytes)} of {target.contiguous_sram:,} "
        f"contiguous bytes of SRAM, model {number(model_bytes)} of {number(target.flash)} bytes of flash"
    )
    progress("hint: choose a larger target, or a model with smaller early maps and fewer weights")
    return ConstraintError.exit_code


def _conversion_text(payload: dict[str, Any]) -> str:
    sram, schedule = payload["sram"], payload["schedule"]
    rows = [
        ["head in TFLite Micro before", number(sram["before"])],
        ["head in TFLite Micro after", number(sram["after"])],
        ["arena of the C++ program", number(payload["arena"])],
        ["input tensors", number(sram["input"])],
    ]
    stages = f"{schedule['kind']}, {len(schedule['stages'])} stages, {payload['mac_overhead']:.3f} × the MACs"
    text = f"{payload['output']} (bytes)\n" + table(rows, right=(1,)) + f"\n  schedule: {stages}"
    if payload["stage_kernels"]:
        text += f"\n  kernels of the stages in TFLite Micro: {payload['stage_kernels']}"
    if payload["skipped"]:
        text += "\nNot done\n" + "\n".join(f"  - {one_line(reason)}" for reason in payload["skipped"])
    return text


def run(arguments: argparse.Namespace, out: Print) -> int:
    """`tflm-mcunet run`: outputs, instruction counts, memory and flash of one inference."""
    from tflm_mcunet.convert import as_conversion
    from tflm_mcunet.convert import convert as rewrite
    from tflm_mcunet.execute import run as execute

    if arguments.on not in ENGINES and not arguments.on.startswith("serial:"):
        raise UsageError(f"unknown engine {arguments.on!r}", f"Use one of {', '.join(ENGINES)}, serial:PORT.")
    target = _target(arguments)
    options = plan_options(arguments)
    conversion = rewrite(arguments.model, target, **options) if options else as_conversion(arguments.model)
    graph = conversion.graph
    seed = None
    if arguments.input_file:
        arrays = [load_array(path) for path in arguments.input_file]
    else:
        seed = arguments.seed
        arrays = seeded_inputs([graph.tensors[i] for i in graph.model_inputs], seed)
        progress(f"input drawn with seed {seed}")
    result = execute(conversion, arrays[0] if len(arrays) == 1 else arrays, on=arguments.on, target=target)
    paths = _save_outputs(result.outputs, arguments.output_dir)
    is_stock = arguments.on == "tflm" and not options
    kind = "stock" if is_stock else conversion.schedule.kind
    payload = _run_payload(arguments.on, kind, result, paths, seed, total_macs(graph))
    emit(_run_text(payload, result.outputs), payload, arguments.json, out)
    return 0


def seeded_inputs(tensors: list[Any], seed: int) -> list[np.ndarray]:
    """One array per input tensor: integers over their whole range, floats in [-1, 1), booleans.

    Raises:
        UsageError: a dtype that no random values are defined for.
    """
    random = np.random.default_rng(seed)
    arrays = []
    for tensor in tensors:
        kind = np.dtype(tensor.dtype) if tensor.dtype in np.sctypeDict else None
        if kind is not None and kind.kind in "iu":
            limits = np.iinfo(kind)
            arrays.append(random.integers(limits.min, limits.max, tensor.shape, dtype=kind, endpoint=True))
        elif kind is not None and kind.kind == "f":
            arrays.append(random.uniform(-1, 1, tensor.shape).astype(kind))
        elif kind is not None and kind.kind == "b":
            arrays.append(random.integers(0, 2, tensor.shape).astype(kind))
        else:
            raise UsageError(
                f"cannot draw a random {tensor.dtype} input for {tensor.name!r}",
                "Give one with --input-file.",
            )
    return arrays


def _save_outputs(outputs: list[np.ndarray], folder: str | None) -> list[str | None]:
    if folder is None:
        return [None] * len(outputs)
    paths: list[str | None] = []
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for i, array in enumerate(outputs):
            path = Path(folder) / f"output_{i}.npy"
            np.save(path, array, allow_pickle=False)
            paths.append(str(path))
    except OSError as error:
        raise McuNetError(
            f"cannot write to {folder}: {error.strerror or error}", "Choose another folder."
        ) from error
    return paths


def _run_payload(
    on: str, schedule: str, result: Any, paths: list[str | None], seed: int | None, macs: int
) -> dict[str, Any]:
    """The stable JSON of a run; what the engine cannot measure is null."""
    instructions = result.instructions
    return {
        "on": on,
        "schedule": schedule,
        "outputs": [
            {
                "path": path,
                "crc32": zlib.crc32(np.ascontiguousarray(array).tobytes()),
                "shape": list(array.shape),
                "dtype": str(array.dtype),
            }
            for path, array in zip(paths, result.outputs, strict=True)
        ],
        "instructions": instructions,
        "macs": macs,
        "instructions_per_mac": round(instructions / macs, 4) if instructions and macs else None,
        "sram": _measured(result.sram),
        "flash": _measured(result.flash),
        "seconds": result.seconds,
        "seed": seed,
    }


def _measured(sizes: Any) -> dict[str, int | None]:
    """Sizes of a run as plain data; what the engine did not measure is null."""
    if sizes is None:
        return {}
    return dict(sizes.to_dict() if hasattr(sizes, "to_dict") else sizes)


def _run_text(payload: dict[str, Any], outputs: list[np.ndarray]) -> str:
    rows = [["engine", payload["on"]], ["schedule", payload["schedule"]], ["MACs", number(payload["macs"])]]
    if payload["seed"] is not None:
        rows.append(["input", f"random, seed {payload['seed']}"])
    if payload["instructions"] is not None:
        rows.append(["instructions", number(payload["instructions"])])
    if payload["seconds"] is not None:
        rows.append(["time on the board", f"{payload['seconds'] * 1000:.3f} ms"])
    if payload["instructions_per_mac"] is not None:
        rows.append(["instructions per MAC", f"{payload['instructions_per_mac']:.2f}"])
    for name in ("sram", "flash"):
        for part, size in payload[name].items():
            if size is not None:
                rows.append([f"{'SRAM' if name == 'sram' else 'flash'}, {part}", f"{size:,}"])
    lines = [table(rows, indent="")]
    for i, (entry, array) in enumerate(zip(payload["outputs"], outputs, strict=True)):
        values = np.asarray(array).reshape(-1)
        first = ", ".join(f"{v:g}" if values.dtype.kind == "f" else str(v) for v in values[:8])
        more = ", …" if values.size > 8 else ""
        where = f" -> {entry['path']}" if entry["path"] else ""
        lines.append(
            f"output {i}: {entry['dtype']} {entry['shape']} crc32 {entry['crc32']:08x} [{first}{more}]{where}"
        )
    return "\n".join(lines)
