"""The operator of stages as a shared library for the package tflite-micro, built once from the C++ sources."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from tflm_mcunet.cpp import cpp_sources
from tflm_mcunet.errors import ToolError

#: What brings the headers of TFLite Micro.
PACKAGE = "xmos-ai-tools==1.4.2"

#: The function of the library that registers the operator.
REGISTER = "RegisterTflmMcunetStage"

_FLAGS = (
    "-std=c++14", "-O2", "-fPIC", "-shared", "-fno-exceptions", "-fno-rtti", "-ffp-contract=off",
    "-Wall", "-Wextra", "-Werror", "-DTFLM_MCUNET_HOST_PACKAGE",
)  # fmt: skip


@lru_cache(maxsize=1)
def stage_library() -> Path:
    """The shared library; built unless it was before from the same sources. Keep it loaded with `interpreter.run`.

    Raises:
        ToolError: the headers or a C++ compiler are missing, or the build failed.
    """
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        raise ToolError("stages in TFLite Micro need a C++ compiler, and g++ is not there", "install g++")
    headers, root = _headers(), cpp_sources()
    folders = ("src/tflm", "src/engine", "src/kernels", "include/tflm_mcunet")
    files = sorted(p for f in folders for p in (root / f).rglob("*") if p.suffix in (".h", ".cpp"))
    version = subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout
    digest = hashlib.sha256(repr((_FLAGS, PACKAGE)).encode() + version)
    for path in files:
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    target = _folder() / f"stages-{digest.hexdigest()[:24]}.so"
    if not target.exists():
        sources = [str(p) for p in files if p.suffix == ".cpp"]
        _build([compiler, *_FLAGS, f"-I{headers}", *sources], target)
    return target


def _headers() -> Path:
    """The headers of TFLite Micro, found without importing their package."""
    spec = importlib.util.find_spec("xmos_ai_tools")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        found = Path(folder, "runtime", "include")
        if (found / "tensorflow/lite/micro/micro_common.h").is_file():
            return found
    raise ToolError(
        "stages in TFLite Micro need its headers, and the package xmos-ai-tools, which brings them, is not there",
        f"pip install --no-deps {PACKAGE}",
    )


def _folder() -> Path:
    """Where builds are kept: TFLM_MCUNET_CACHE, or ~/.cache/tflm_mcunet."""
    named = os.environ.get("TFLM_MCUNET_CACHE")
    return (Path(named) if named else Path.home() / ".cache" / "tflm_mcunet") / "tflm"


def _build(command: list[str], target: Path) -> None:
    """Compile beside the target, then move: readers see nothing or all of it."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as folder:
            built = Path(folder, target.name)
            done = subprocess.run([*command, "-o", str(built)], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise ToolError(f"the operator of stages does not compile: {done.stderr.strip()[-600:]}")
            built.replace(target)
    except OSError as error:
        hint = "set the environment variable TFLM_MCUNET_CACHE to a folder that can be written"
        raise ToolError(f"cannot write to {target.parent}: {error.strerror}", hint) from error
