"""Measures a set of models on a set of cores, under one or several plans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet.bench.measure import Measurement, measure
from tflm_mcunet.bench.models import BUILT, reference_paths
from tflm_mcunet.convert import convert
from tflm_mcunet.errors import ToolError
from tflm_mcunet.graph import Tensor
from tflm_mcunet.tflm import interpreter


def chosen_models(named: Sequence[str]) -> list[tuple[str, Any]]:
    """(name, model) of what is named: files, or networks of `models.BUILT`; by default the reference models.

    Where the folder of reference models is missing, the networks that this package builds stand in for them.
    """
    if named:
        return [(n, BUILT[n]()) if n in BUILT else (Path(n).stem, n) for n in named]
    paths = reference_paths()
    return [(p.stem, str(p)) for p in paths] or [(name, build()) for name, build in BUILT.items()]


def drawn_input(tensor: Tensor) -> np.ndarray:
    """A seeded input. Counts hardly depend on it: only divisions, clamps and softmax look at values."""
    random = np.random.default_rng(0)
    if tensor.dtype == "int8":
        return random.integers(-128, 128, tensor.shape, dtype=np.int8)
    return random.normal(0, 1, tensor.shape).astype(tensor.dtype)


def tflm_outputs(model: Any) -> tuple[bytes, ...] | None:
    """What TFLite Micro computes for the seeded input; None where its package is missing.

    Raises:
        ModelError: TFLite Micro refuses the model.
    """
    conversion = convert(model, schedule="layer", io="int8")
    drawn = [drawn_input(conversion.graph.tensors[i]) for i in conversion.graph.model_inputs]
    try:
        interpreter.runtime_version()
    except ToolError:
        return None
    return tuple(o.tobytes() for o in interpreter.run(conversion.tflite, [drawn]).outputs[0])


def run_suite(
    models: Sequence[tuple[str, Any]],
    *,
    boards: Sequence[str],
    schedules: Sequence[str] = ("layer",),
    preferences: Sequence[str] = ("speed",),
    input: str = "resident",
    compare: bool = False,
    on_progress: Callable[[str], None] = lambda text: None,
) -> list[Measurement]:
    """Measure every model on every core under every plan; inputs and outputs are int8 where the model allows it.

    Args:
        models: (name, model) pairs; a model is whatever `convert` takes.
        boards: "qemu:<core>".
        schedules, preferences, input: as in `convert`.
        compare: bool. Also run TFLite Micro on this machine, and say whether the outputs are its own.
        on_progress: called with a line before every run.

    Raises:
        UnsupportedOpError: an operator has no C++ kernel.
        ToolError: a tool is missing or failed.
    """
    found = []
    for name, model in models:
        expected = tflm_outputs(model) if compare else None
        for schedule in schedules:
            for prefer in preferences:
                conversion = convert(model, schedule=schedule, prefer=prefer, input=input, io="int8")
                tensors = [conversion.graph.tensors[i] for i in conversion.graph.model_inputs]
                drawn = [drawn_input(t) for t in tensors]
                for on in boards:
                    on_progress(f"{name} on {on}, schedule {schedule}, prefer {prefer}")
                    plan = {"planned": schedule, "prefer": prefer, "input": input}
                    m = measure(name, conversion, drawn, on=on, **plan)
                    found.append(m if expected is None else replace(m, exact=m.outputs == expected))
    return found
