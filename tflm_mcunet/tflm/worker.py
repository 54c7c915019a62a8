"""The child process that hosts TFLite Micro, so that a model which aborts the runtime takes only this process along.

Started by `interpreter.py` as a script with the path of the runtime's extension module; imports no more than numpy.
Jobs arrive pickled on stdin, replies leave pickled on what was stdout. Descriptor 2 is a file that the parent
also holds: TFLite Micro writes its messages there, and the parent can read them after a crash.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pickle
import sys
from collections.abc import Callable
from typing import Any

#: Written once, when the runtime is loaded.
READY = b"ready"

#: The kinds of reply.
RECORDED, FAILED, REFUSED = "recorded", "failed", "refused"


def messages() -> str:
    """What TFLite Micro wrote since the last `forget`."""
    return os.pread(2, os.fstat(2).st_size, 0).decode(errors="replace")


def forget() -> None:
    """Empty the message file; its offset is shared by all who hold it."""
    os.lseek(2, 0, os.SEEK_SET)
    os.ftruncate(2, 0)


def mismatch(details: dict[str, Any], index: int, array: Any) -> str:
    """What is wrong with an input array; "" where nothing is."""
    wanted, dtype = tuple(int(n) for n in details["shape"]), str(getattr(details["dtype"], "__name__", ""))
    if array.shape == wanted and array.dtype.name in (dtype, dtype.rstrip("_")):
        return ""
    return f"input {index}: expected {dtype} of shape {wanted}, got {array.dtype.name} of shape {array.shape}"


def until_refused(get: Callable[[int], Any]) -> list[Any]:
    """get(0), get(1), ... until the index is out of range: the runtime tells no counts."""
    found: list[Any] = []
    try:
        while True:
            found.append(get(len(found)))
    except IndexError:
        return found


def infer(interpreter: Any, inputs: list[list[Any]]) -> list[list[Any]]:
    """Set the inputs, invoke and collect the outputs, once for each list of inputs."""
    outputs = []
    for arrays in inputs:
        for i, array in enumerate(arrays):
            interpreter.SetInputTensor(array, i)
        interpreter.Invoke()
        outputs.append(until_refused(interpreter.GetOutputTensor))
    return outputs


def wrong_inputs(interpreter: Any, inputs: list[list[Any]]) -> str:
    """What is wrong with the inputs of any inference; "" where nothing is."""
    details = until_refused(interpreter.GetInputTensorDetails)
    for arrays in inputs:
        if len(arrays) != len(details):
            return f"expected {len(details)} input arrays, got {len(arrays)}"
        for i, array in enumerate(arrays):
            if wrong := mismatch(details[i], i, array):
                return wrong
    return ""


def work(runtime: Any, job: dict[str, Any]) -> tuple[Any, ...]:
    """Do one job; the reply is (RECORDED, outputs, messages) or (FAILED or REFUSED, reason, messages)."""
    for path in job["libraries"]:
        try:
            ctypes.CDLL(path, ctypes.RTLD_GLOBAL)
        except OSError as error:
            return REFUSED, f"the shared library does not load: {error}", ""
    config = runtime.PythonInterpreterConfig.kAllocationRecording
    try:
        interpreter = runtime.InterpreterWrapper(
            job["model"], job["registerers"], job["arena_bytes"], job["resource_variables"], config
        )
        if wrong := wrong_inputs(interpreter, job["inputs"]):
            return REFUSED, wrong, ""
        outputs = infer(interpreter, job["inputs"])
        forget()
        interpreter.PrintAllocations()
        return RECORDED, outputs, messages()
    except (RuntimeError, ValueError, IndexError, OSError, MemoryError) as error:
        return FAILED, str(error) or type(error).__name__, messages()


def main(runtime_path: str) -> None:
    """Answer jobs until stdin closes."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    spec = importlib.util.spec_from_file_location("_runtime", runtime_path)
    assert spec is not None and spec.loader is not None
    runtime = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runtime)
    replies.write(READY)
    replies.flush()
    while True:
        try:
            job = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        forget()
        pickle.dump(work(runtime, job), replies, protocol=5)
        replies.flush()


if __name__ == "__main__":
    # The folder of a script comes first on the path; its neighbours must not shadow other packages.
    sys.path = [p for p in sys.path if os.path.realpath(p) != os.path.dirname(os.path.realpath(__file__))]
    main(sys.argv[1])
