"""The façade `run()`: one model, one input, any engine: host, TFLite Micro, or an emulated board."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tflm_mcunet.codegen.emit import emit, write
from tflm_mcunet.codegen.family import family_of
from tflm_mcunet.codegen.program import build_program
from tflm_mcunet.convert import Conversion, as_conversion
from tflm_mcunet.deploy.identity import fingerprint
from tflm_mcunet.deploy.result import RunResult, SramBytes
from tflm_mcunet.deploy.run import run_program
from tflm_mcunet.deploy.serial_link import connect
from tflm_mcunet.errors import ToolError, UsageError
from tflm_mcunet.graph import Graph, Tensor
from tflm_mcunet.ops import total_macs
from tflm_mcunet.targets import Target
from tflm_mcunet.tflm import interpreter


def run(model: Any, x: Any, *, on: str = "host", target: Target | str | None = None) -> RunResult:
    """Run a model and return its outputs with what the run measured.

    Args:
        model: a Conversion, or anything that `convert` takes (then it is run as it is, layer by layer).
        x: array, or a sequence of arrays for a model with several inputs. Each has the input's shape, or one
            more inference a leading index: [n, *shape[1:]] for an input of shape [1, ...]. Floats for an int8
            input are quantised with the input's parameters. A model with variables carries them from each
            inference to the next, and begins every run with their first values.
        on: str. "host", "tflm", "qemu:<core>", or "serial:<port>" for a board that one of our projects runs on.
        target: Target, its name, or None. Its flash and SRAM bound the program on an emulated board.

    Returns:
        RunResult. `outputs` has one array for each model output, [n, ...] where x had n inferences.

    Raises:
        UsageError: the input does not match the model, or no such engine.
        UnsupportedOpError: an operator has no C++ kernel (every engine but "tflm").
        ConstraintError: the program does not fit the target.
        ToolError: a compiler, emulator or package is missing or failed.
    """
    conversion = as_conversion(model)
    graph = conversion.graph
    batches, is_single = _inferences(graph, x)
    if on == "tflm":
        ran = interpreter.run(conversion.tflite, batches)
        recorded = SramBytes(arena=ran.allocations.total_bytes) if ran.allocations else SramBytes()
        outputs = [list(o) for o in ran.outputs]
        return RunResult(on, _joined(graph, outputs, is_single), sram=recorded, macs=total_macs(graph))
    if on.startswith("serial:"):
        return _on_board(conversion, batches, is_single, on.removeprefix("serial:"))
    program = build_program(conversion.schedule, family_of(on))
    with tempfile.TemporaryDirectory(prefix="tflm_mcunet_") as folder:
        write(emit(program), Path(folder))
        device = Target.load(target) if isinstance(target, str) else target
        measured = run_program(Path(folder), batches, on=on, target=device)
    outputs = [
        [_decoded(raw, graph.tensors[i]) for raw, i in zip(inference, graph.model_outputs, strict=True)]
        for inference in measured.outputs
    ]
    return RunResult(
        on,
        _joined(graph, outputs, is_single),
        instructions=measured.instructions[0] if measured.instructions else None,
        sram=measured.sram,
        flash=measured.flash,
        macs=measured.macs,
    )


def _on_board(
    conversion: Conversion, batches: list[list[np.ndarray]], is_single: bool, port: str
) -> RunResult:
    """The inferences on a board that a serial port leads to."""
    graph = conversion.graph
    outputs, seconds = [], []
    with connect(port) as link:
        board = link.identify()
        if board.fingerprint != fingerprint(conversion.source):
            raise UsageError(
                f"the board on {port} holds another model: {board.name!r}",
                "export and flash this one: `tflm-mcunet export`, `tflm-mcunet flash`",
            )
        link.begin_sequence()
        for arrays in batches:
            ran = link.run([a.tobytes() for a in arrays])
            tensors = [graph.tensors[i] for i in graph.model_outputs]
            raw = [link.output(i, t.size_bytes) for i, t in enumerate(tensors)]
            if zlib.crc32(b"".join(raw)) != ran.checksum:
                raise ToolError(f"the outputs from {port} arrived damaged", "try again")
            outputs.append([_decoded(r, t) for r, t in zip(raw, tensors, strict=True)])
            seconds.append(ran.seconds)
    return RunResult(
        f"serial:{port}",
        _joined(graph, outputs, is_single),
        sram=SramBytes(arena=board.arena_bytes),
        macs=total_macs(graph),
        seconds=max(seconds, default=None),
    )


def quantized(x: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Floats as the values of an int8 tensor: round(x / scale) + zero point, clipped."""
    scaled = np.round(np.asarray(x, np.float32) / np.float32(tensor.scale)) + tensor.zero_point
    return np.clip(scaled, -128, 127).astype(np.int8)


def _decoded(raw: bytes, tensor: Tensor) -> np.ndarray:
    return np.frombuffer(raw, np.dtype(tensor.dtype)).reshape(tensor.shape)


def _inferences(graph: Graph, x: Any) -> tuple[list[list[np.ndarray]], bool]:
    """The inputs of each inference, and whether `x` was a single one."""
    tensors = [graph.tensors[i] for i in graph.model_inputs]
    arrays: Sequence[Any] = [x] if len(tensors) == 1 and not isinstance(x, list | tuple) else list(x)
    if len(arrays) != len(tensors):
        raise UsageError(f"Expected {len(tensors)} inputs, got {len(arrays)}")
    stacks = [_stack(np.asarray(a), t) for a, t in zip(arrays, tensors, strict=True)]
    counts = {len(s) for s, _ in stacks}
    if len(counts) > 1:
        raise UsageError(f"Expected every input to have as many inferences, got {sorted(counts)}")
    inferences = [list(row) for row in zip(*(s for s, _ in stacks), strict=True)]
    return inferences, all(single for _, single in stacks)


def _stack(array: np.ndarray, tensor: Tensor) -> tuple[np.ndarray, bool]:
    """[n, *shape] of the tensor's dtype, and whether the array had exactly the tensor's shape."""
    if tensor.dtype == "int8" and np.issubdtype(array.dtype, np.floating):
        array = quantized(array, tensor)
    if array.dtype != np.dtype(tensor.dtype):
        raise UsageError(
            f"Expected input {tensor.name!r} to be {tensor.dtype}, got {array.dtype}",
            "give the model's dtype, or floats, which are quantised",
        )
    shape = tensor.shape
    if array.shape == shape:
        return array[None], True
    if array.ndim == len(shape) and shape[:1] == (1,) and array.shape[1:] == shape[1:]:
        return array[:, None], False
    if array.ndim == len(shape) + 1 and array.shape[1:] == shape:
        return array, False
    raise UsageError(
        f"Expected input {tensor.name!r} to have the shape {list(shape)}, got {list(array.shape)}"
    )


def _joined(graph: Graph, outputs: list[list[np.ndarray]], is_single: bool) -> list[np.ndarray]:
    """One array for each model output; inferences along the first axis, in place of a batch of 1."""
    if is_single:
        return list(outputs[0])
    joined = []
    for position, index in enumerate(graph.model_outputs):
        arrays = [o[position] for o in outputs]
        is_batch = graph.tensors[index].shape[:1] == (1,)
        joined.append(np.concatenate(arrays) if is_batch else np.stack(arrays))
    return joined
