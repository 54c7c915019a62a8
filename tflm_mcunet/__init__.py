"""MCUNet for Keras and TensorFlow Lite Micro: search, quantise, plan the memory, and run on microcontrollers.

The public names are loaded when they are first used: importing the package costs milliseconds and loads neither
TensorFlow nor Keras.

>>> import tflm_mcunet as mcu
>>> mcu.McuNetError("too big", hint="a smaller width").hint
'a smaller width'
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

#: Public name -> the module that defines it.
_PUBLIC = {
    "ConstraintError": "tflm_mcunet.errors",
    "Conversion": "tflm_mcunet.convert",
    "MCUConstraints": "tflm_mcunet.callbacks",
    "McuNetError": "tflm_mcunet.errors",
    "MemoryReport": "tflm_mcunet.report",
    "ModelError": "tflm_mcunet.errors",
    "QuantizationReport": "tflm_mcunet.report.quantization",
    "QuantizedModel": "tflm_mcunet.quantize",
    "RunResult": "tflm_mcunet.deploy.result",
    "Target": "tflm_mcunet.targets",
    "TinyNAS": "tflm_mcunet.tinynas.tiny_nas",
    "ToolError": "tflm_mcunet.errors",
    "UnsupportedOpError": "tflm_mcunet.errors",
    "UsageError": "tflm_mcunet.errors",
    "analyze": "tflm_mcunet.report",
    "convert": "tflm_mcunet.convert",
    "cpp_sources": "tflm_mcunet.cpp",
    "export_project": "tflm_mcunet.projects.export_project",
    "export_tinyengine": "tflm_mcunet.export",
    "quantization_report": "tflm_mcunet.report.quantization",
    "flash_to_device": "tflm_mcunet.flash",
    "quantize": "tflm_mcunet.quantize",
    "run": "tflm_mcunet.execute",
}

__all__ = [*_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})


class _Package(ModuleType):
    """Keeps `quantize` and `convert` the functions that the interface promises, not the modules of that name.

    Python's import system binds a submodule in its package when it is first imported, by whichever way; for a
    public name that binding is dropped. `from tflm_mcunet.quantize import x` does not need it.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _PUBLIC and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
