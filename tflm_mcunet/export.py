"""The façade `export_tinyengine()`: a model's `.tflite` and its C++ program, side by side on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tflm_mcunet.codegen.emit import emit, write
from tflm_mcunet.codegen.family import PORTABLE, family_of
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.convert import Conversion, convert


def export_tinyengine(model: Any, path: str | Path, target: Any = None, **options: Any) -> Conversion:
    """Write a model for TFLite Micro and as an interpreter-free C++ program.

    Args:
        model: a Conversion, or anything that `convert` takes.
        path: str or Path. The `.tflite` file; the program goes into the directory of the same name without
            suffix: `model.h`, `model.cpp` and the library files that they need.
        target: Target, its name, or None; as for `convert`.
        **options: as for `convert`.

    Returns:
        Conversion. What was written.

    Raises:
        UnsupportedOpError: an operator has no C++ kernel; nothing is written then.
    """
    conversion = model if isinstance(model, Conversion) else convert(model, target, **options)
    core = conversion.target.core if conversion.target else None
    family = family_of(core) if core else PORTABLE
    files = emit(build_program(conversion.schedule, family))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    conversion.save(path)
    write(files, path.with_suffix(""))
    return conversion
