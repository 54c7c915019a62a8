"""Runs models in stock TFLite Micro (the package `tflite-micro`), in a child process that outlives many models."""

from __future__ import annotations

import atexit
import contextlib
import importlib.metadata
import importlib.util
import os
import pickle
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet.errors import (
    ConstraintError,
    McuNetError,
    ModelError,
    ToolError,
    UnsupportedOpError,
    UsageError,
)
from tflm_mcunet.tflm import worker
from tflm_mcunet.tflm.stage_library import REGISTER, stage_library
from tflm_mcunet.tflm.stage_op import STAGE
from tflm_mcunet.tflm.subgraphs import all_subgraphs, resource_variable_count

#: The release that everything here was tried with; later ones do not load on every Python.
PACKAGE = "tflite-micro==0.dev20260203175027"

#: Arenas that are tried in turn. Pages that TFLite Micro does not touch cost nothing; its planner counts in int32.
_ARENAS = (16 << 20, 256 << 20, (1 << 31) - 4096)

_TOO_SMALL = re.compile(r"Failed to (allocate|resize)|Failed starting model allocation|Too many buffers")
_RECORDED = re.compile(r"Arena allocation (total|head|tail) (\d+) bytes")
_PART = re.compile(r"'([^']+)' used (\d+) bytes")


@dataclass(frozen=True)
class Allocations:
    """What TFLite Micro recorded in its arena.

    Args:
        head_bytes: int. The planned tensors and scratch buffers.
        tail_bytes: int. What lives as long as the interpreter.
        total_bytes: int. Their sum.
        parts: mapping of str to int. The parts of the tail that TFLite Micro counts apart, by its own names, with
            alignment; what it does not count apart is in the tail only.
    """

    head_bytes: int
    tail_bytes: int
    total_bytes: int
    parts: Mapping[str, int]


@dataclass(frozen=True)
class TflmRun:
    """The result of `run`.

    Args:
        outputs: tuple of tuples of arrays. The model's outputs for each inference.
        allocations: Allocations.
        runtime: str. Name and version of the package.
    """

    outputs: tuple[tuple[np.ndarray, ...], ...]
    allocations: Allocations
    runtime: str


@lru_cache(maxsize=1)
def runtime_version() -> str:
    """Name and version of the installed package; ToolError where it is missing."""
    _extension()
    return f"tflite-micro {importlib.metadata.version('tflite-micro')}"


def run(
    model: bytes,
    inputs: Sequence[Sequence[np.ndarray]] = (),
    *,
    arena_bytes: int | None = None,
    custom_ops: Sequence[tuple[str | os.PathLike[str], str]] = (),
    timeout_seconds: float = 600.0,
) -> TflmRun:
    """Run a model in unmodified TFLite Micro with its reference kernels.

    Args:
        model: bytes. The `.tflite` file.
        inputs: sequence of N inferences, each one array per model input, of the input's dtype and shape. State
            (variables) is kept from one inference to the next. With none, the model is only allocated.
        arena_bytes: int or None. The arena's exact size; by default one that is large enough is found.
        custom_ops: sequence of (shared library, name of its registration function). The operator of stages need not
            be named: its library is built where a model holds it.
        timeout_seconds: float. After which the runtime is ended.

    Raises:
        ModelError: The model makes TFLite Micro fail or crash; with the messages that it wrote.
        UnsupportedOpError: It lacks a kernel for an operator.
        UsageError: An input's dtype or shape is not the model's.
        ConstraintError: `arena_bytes` is too small.
        ToolError: The package is missing, or the worker cannot start.

    Example:
        >>> run(model, [[np.zeros((1, 96, 96, 1), np.int8)]]).allocations.head_bytes  # doctest: +SKIP
        55296
    """
    if arena_bytes is not None and arena_bytes < 1:
        raise UsageError(f"expected arena_bytes > 0, got {arena_bytes}")
    if STAGE.encode() in model and not any(name == REGISTER for _, name in custom_ops):
        custom_ops = (*custom_ops, (stage_library(), REGISTER))
    job: dict[str, Any] = {
        "model": bytes(model),
        "inputs": [[np.ascontiguousarray(a) for a in arrays] for arrays in inputs],
        "libraries": [os.path.realpath(library) for library, _ in custom_ops],
        "registerers": [name for _, name in custom_ops],
        "resource_variables": 0,
    }
    for library in job["libraries"]:
        if not os.path.isfile(library):
            raise UsageError(f"no such shared library: {library}")
    arenas = _ARENAS if arena_bytes is None else (arena_bytes,)
    reply: tuple[Any, ...] = ()
    for size in arenas:
        reply = _host().ask({**job, "arena_bytes": size}, timeout_seconds)
        if reply[0] == worker.FAILED and "resource variable" in reply[2]:
            from tflm_mcunet import tflite

            job["resource_variables"] = resource_variable_count(all_subgraphs(tflite.read(job["model"])))
            reply = _host().ask({**job, "arena_bytes": size}, timeout_seconds)
        if reply[0] != worker.FAILED or not _TOO_SMALL.search(reply[2]):
            break
    if reply[0] != worker.RECORDED:
        raise _error(reply, arena_bytes)
    outputs = tuple(tuple(arrays) for arrays in reply[1])
    return TflmRun(outputs, _allocations(reply[2]), runtime_version())


def _allocations(text: str) -> Allocations:
    whole = {name: int(value) for name, value in _RECORDED.findall(text)}
    if whole.keys() != {"total", "head", "tail"}:
        raise ToolError("TFLite Micro printed no recorded allocations", f"use {PACKAGE}")
    parts = {name: int(value) for name, value in _PART.findall(text)}
    return Allocations(whole["head"], whole["tail"], whole["total"], parts)


def _error(reply: tuple[Any, ...], arena_bytes: int | None) -> McuNetError:
    kind, reason, text = reply
    said = "; ".join(line.strip() for line in text.splitlines() if line.strip())[-600:] or "no message"
    if kind == worker.REFUSED:
        return UsageError(reason)
    if _TOO_SMALL.search(text):
        if arena_bytes is not None:
            return ConstraintError(
                f"an arena of {arena_bytes} bytes is too small: {said}", "give a larger arena"
            )
        return ConstraintError(f"the model needs an arena of more than {_ARENAS[-1]} bytes: {said}")
    if "Didn't find op" in text or "Failed to get registration" in text:
        return UnsupportedOpError(
            f"TFLite Micro has no kernel for an operator: {said}", "replace the operator"
        )
    return ModelError(f"TFLite Micro: {reason}: {said}", "check the model with `tflm-mcunet analyze`")


@lru_cache(maxsize=1)
def _extension() -> str:
    """Path of the package's extension module, found without importing the package, which loads TensorFlow."""
    spec = importlib.util.find_spec("tflite_micro")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    found = [p for f in folders for p in sorted(Path(f, "python", "tflite_micro").glob("_runtime*.so"))]
    if not found:
        raise ToolError("the package tflite-micro is not installed", f"pip install {PACKAGE}")
    return str(found[0])


class _Limit:
    """Kills a process after some time unless it is lifted before."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._process = process
        self._guard = threading.Lock()
        self._lifted = self._hit = False
        self._timer = threading.Timer(seconds, self._strike)
        self._timer.daemon = True
        self._timer.start()

    def _strike(self) -> None:
        with self._guard:
            if not self._lifted:
                self._hit = True
                self._process.kill()

    def lift(self) -> bool:
        """End the limit; whether it was hit."""
        self._timer.cancel()
        with self._guard:
            self._lifted = True
            return self._hit


class _Host:
    """One worker process, started when first asked and again after a crash; one job at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._messages: Any = None
        self._libraries: dict[str, tuple[int, int]] = {}
        self._owner = os.getpid()

    def ask(self, job: dict[str, Any], timeout_seconds: float) -> tuple[Any, ...]:
        """The worker's reply, or (FAILED, how it died, its messages)."""
        with self._lock:
            self._refresh(job["libraries"])
            if self._process is not None and self._process.poll() is not None:
                self.stop()
            process = self._process or self._start()
            limit = _Limit(process, timeout_seconds)
            try:
                assert process.stdin is not None and process.stdout is not None
                pickle.dump(job, process.stdin, protocol=5)
                process.stdin.flush()
                reply: tuple[Any, ...] = pickle.load(process.stdout)
            except (EOFError, OSError, pickle.UnpicklingError):
                code, text = process.wait(), self._said()
                self.stop()
                if limit.lift():
                    raise ToolError(f"TFLite Micro did not finish within {timeout_seconds} s") from None
                return worker.FAILED, f"the runtime died with exit code {code}", text
            except BaseException:
                # An interrupt leaves a reply in the pipe: the next job must not read it.
                self.stop()
                raise
            finally:
                if limit.lift():
                    self.stop()
            return reply

    def _refresh(self, libraries: Sequence[str]) -> None:
        """One set of libraries a process: a rebuilt one, or another with the same symbols, needs a new process."""
        status = {path: os.stat(path) for path in libraries}
        wanted = {path: (s.st_mtime_ns, s.st_size) for path, s in status.items()}
        if wanted and self._libraries and wanted != self._libraries:
            self.stop()
        self._libraries = wanted or self._libraries

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, worker.__file__, _extension()]
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        pipe = subprocess.PIPE
        try:
            process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self._messages)
        except OSError as error:
            raise ToolError(f"cannot start the process that hosts TFLite Micro: {error}") from error
        assert process.stdout is not None
        self._process = process
        if process.stdout.read(len(worker.READY)) != worker.READY:
            process.wait()
            last = self._said().strip().splitlines()[-1:] or ["no message"]
            self.stop()
            raise ToolError(f"the package tflite-micro does not load: {last[0]}", f"pip install {PACKAGE}")
        return process

    def _said(self) -> str:
        descriptor = self._messages.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")

    def stop(self) -> None:
        """End the process, if there is one and it is this process's own child."""
        process, self._process = self._process, None
        self._libraries = {}
        if process is None:
            return
        if self._owner == os.getpid():
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout, self._messages):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


_HOST: _Host | None = None


def _host() -> _Host:
    """This process's worker; a forked child makes its own."""
    global _HOST
    if _HOST is None or _HOST._owner != os.getpid():
        _HOST = _Host()
        atexit.register(_HOST.stop)
    return _HOST
