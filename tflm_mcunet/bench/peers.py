"""What others reach on the same models: figures with their source, from peers.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

#: Engine of peers.toml -> what to call it.
ENGINES = {
    "qemu:cortex-m4": {
        "cmsis_nn_m4": "TFLM + CMSIS-NN",
        "tinyengine_m4": "TinyEngine, inexact",
        "tinyengine_exact_m4": "TinyEngine, integer",
    },
    "qemu:cortex-m55": {"cmsis_nn_m55": "TFLM + CMSIS-NN"},
}


@cache
def _figures() -> Mapping[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("peers.toml").read_text(encoding="utf-8"))


def source() -> str:
    """Where the figures come from."""
    return str(_figures()["source"])


def model_figures(model: str) -> Mapping[str, Any]:
    """The figures for a model, by its file's stem; empty for one that nobody measured.

    >>> model_figures("mlperf_kws_ref_model")["cmsis_nn_m4"]
    7700000
    """
    figures: Mapping[str, Any] = _figures()["models"].get(model, {})
    return figures


def peer_instructions(model: str, on: str) -> dict[str, int]:
    """Engine -> instructions of one inference on that core, where there is a figure."""
    figures = model_figures(model)
    return {label: figures[key] for key, label in ENGINES.get(on, {}).items() if key in figures}


def class_figures(op_class: str) -> Mapping[str, tuple[float, float]]:
    """Engine -> the range of its instructions for a unit of work on the Cortex-M4."""
    found: Mapping[str, tuple[float, float]] = _figures()["classes"].get(op_class, {})
    return found
