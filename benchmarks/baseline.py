"""Compares today's counts with benchmarks/baseline.json, or renews that file.

    .venv/bin/python benchmarks/baseline.py            # exit 1 and a line for each count that grew by more than 1 %
    .venv/bin/python benchmarks/baseline.py --renew    # after a change that is meant

The networks that the package builds run on every emulated core; the reference models of TFLM_MCUNET_MODELS
(../shared/models by default) on the Cortex-M4. Counts are exact for one compiler, whose version the file names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tflm_mcunet.bench.baseline import counts, regressions
from tflm_mcunet.bench.models import BUILT, FOLDER_VARIABLE, reference_paths
from tflm_mcunet.bench.suite import run_suite

ROOT = Path(__file__).resolve().parents[1]
STORED = ROOT / "benchmarks" / "baseline.json"
BOARDS = ("qemu:cortex-m4", "qemu:cortex-m7", "qemu:cortex-m55", "qemu:rv32")
COMPILERS = ("arm-none-eabi-g++", "riscv64-unknown-elf-g++")
#: (schedule, prefer): fast and large, slow and small.
PLANS = (("layer", "speed"), ("stream", "sram"))


def compilers() -> dict[str, str]:
    """The versions of the cross compilers."""
    asked = {
        name: subprocess.run([name, "-dumpfullversion"], capture_output=True, text=True) for name in COMPILERS
    }
    return {name: done.stdout.strip() for name, done in asked.items()}


def built_counts(board: str) -> dict[str, dict[str, int]]:
    """The built networks on a core."""
    models = [(name, build()) for name, build in BUILT.items()]
    return _counts(models, board)


def reference_counts() -> dict[str, dict[str, int]]:
    """The reference models on the Cortex-M4; empty where their folder is missing."""
    os.environ.setdefault(FOLDER_VARIABLE, str(ROOT.parent / "shared" / "models"))
    return _counts([(path.stem, str(path)) for path in reference_paths()], BOARDS[0])


def _counts(models: list[tuple[str, Any]], board: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for schedule, prefer in PLANS:
        found |= counts(run_suite(models, boards=[board], schedules=[schedule], preferences=[prefer]))
    return found


def stored() -> Mapping[str, Any]:
    """The baseline: `compilers` and `counts`."""
    baseline: Mapping[str, Any] = json.loads(STORED.read_text())
    return baseline


def _write(now: dict[str, dict[str, int]]) -> None:
    """One line an operating point, so that a change shows as few lines and merges well."""
    lines = [f"  {json.dumps(point)}: {json.dumps(now[point])}" for point in sorted(now)]
    head = json.dumps(compilers())
    STORED.write_text(f'{{"compilers": {head},\n"counts": {{\n' + ",\n".join(lines) + "\n}}\n")


def main() -> int:
    """Measure everything, then compare or renew."""
    now = reference_counts()
    if not now:
        print("the reference models are missing: their baseline is left as it is", file=sys.stderr)
    for board in BOARDS:
        now |= built_counts(board)
    old = stored()["counts"] if STORED.exists() else {}
    changes = regressions(old, now)
    print("\n".join(changes) or "nothing grew by more than 1 %")
    if "--renew" in sys.argv[1:]:
        _write({**old, **now})
        print(f"wrote {STORED.relative_to(ROOT)}")
        return 0
    return 1 if changes else 0


if __name__ == "__main__":
    sys.exit(main())
