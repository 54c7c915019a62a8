"""Runs a generated program, on this machine or on an emulated board, and measures it."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tflm_mcunet.deploy import cache
from tflm_mcunet.deploy.boards import Board, find_board
from tflm_mcunet.deploy.build import BuiltProgram, HasMemory, build_program, check_fits
from tflm_mcunet.deploy.elf import function_at
from tflm_mcunet.deploy.profile import Profile, plugin_arguments, read_profile
from tflm_mcunet.deploy.report import Report, describe_cause, is_stack_overflow, parse_report
from tflm_mcunet.deploy.result import FlashBytes, SramBytes
from tflm_mcunet.deploy.toolchain import find_tool, require_tools
from tflm_mcunet.errors import ConstraintError, ToolError, UsageError

_MAGIC = 0x4E55434D
_GUARD_BYTES = 64 * 1024
DEFAULT_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class ProgramRun:
    """A batch of inferences of a generated program.

    Attributes:
        on: str. The board's name.
        outputs: for each inference one bytes object for each output tensor.
        instructions: executed instructions of each model_invoke, its return included, exact; None on host.
            Of a program that is fed by rows: the sum over its model_feed_rows, with the caller's few
            instructions to pass each row.
        init_instructions: the same of model_init.
        stack_bytes: high-water mark of the program's stack over model_init and all inferences; None on the
            host. It is the lowest word that was written: room that a function reserves below it and never
            writes is not seen.
        sram: SramBytes. `total` is arena + static + stack; on the host only arena and input are known.
        flash: FlashBytes, None on the host.
        macs: int. What model.h declares.
        executable: Path. The linked program, in the build cache.
        profile: Profile. What the inferences executed, where it was asked for.
    """

    on: str
    outputs: list[list[bytes]]
    instructions: list[int] | None
    init_instructions: int | None
    stack_bytes: int | None
    sram: SramBytes
    flash: FlashBytes | None
    macs: int
    executable: Path
    profile: Profile | None = None


def run_program(
    directory: Path,
    inputs: Sequence[Sequence[np.ndarray]],
    *,
    on: str,
    target: HasMemory | None = None,
    sanitize: bool = False,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    profiled_ops: int | None = None,
) -> ProgramRun:
    """Builds the generated program in `directory`, runs it once for each entry of `inputs`, and measures it.

    Args:
        directory: Path. A generated program: model.h and .cpp files.
        inputs: for each inference one array for each input tensor, already in the tensor's type and size.
        on: str. "host", "qemu:cortex-m4", "qemu:cortex-m7", "qemu:cortex-m55", "qemu:rv32" or "qemu:lx106".
        target: device whose flash and SRAM the program must fit, stack included; None: the board's memory.
        sanitize: bool. On the host only: with the address and undefined-behaviour sanitizers.
        timeout_s: float. Seconds without a finished inference after which the run is given up.
        profiled_ops: int or None. On an emulated board: also record what is executed, for this many entries of
            the program's table of operators. No count changes.

    Raises:
        UsageError: unknown board, wrong number or size of inputs, no generated program.
        ToolError: a tool is missing; the program does not build, faults, fails, hangs or overflows its stack.
        ConstraintError: it needs more flash or SRAM than the target has.
    """
    board = find_board(on)
    require_tools(*(tool for tool in (board.compiler, board.emulator) if tool))
    built = build_program(Path(directory), board, target=target, sanitize=sanitize)
    packed = _pack(inputs, built.facts.input_bytes, built.facts.fed_passes)
    with tempfile.TemporaryDirectory(prefix="tflm_mcunet_run_") as folder:
        started = Path(folder)
        (started / "inputs.bin").write_bytes(packed)
        command = _command(board, built.executable)
        if profiled_ops is not None:
            command += plugin_arguments(board, built.executable, profiled_ops, started)
        ended = _execute(command, started, timeout_s)
        report = parse_report(_content(started / "report.bin"))
        _check(ended, report, board, built, len(inputs), timeout_s)
        outputs = _unpack(_content(started / "outputs.bin"), built.facts.output_bytes, len(inputs))
        profile = None if profiled_ops is None else read_profile(started, profiled_ops)
    cache.prune()
    return replace(_measured(board, built, report, outputs, target), profile=profile)


@dataclass(frozen=True)
class _Ended:
    """How the process ended: its exit code, None when it was killed for standing still."""

    status: int | None
    messages: str


def _command(board: Board, executable: Path) -> list[str]:
    if not board.emulator:
        return [str(executable)]
    return [
        find_tool(board.emulator),
        *board.machine,
        *("-display", "none", "-serial", "none", "-monitor", "none"),
        *(
            "-icount",
            "shift=0",
        ),  # one instruction = one nanosecond of virtual time: counts are exact and repeatable
        *("-semihosting-config", "enable=on,target=native"),
        *("-kernel", str(executable)),
    ]


def _execute(command: list[str], folder: Path, timeout_s: float) -> _Ended:
    """Runs until the process ends, or `timeout_s` pass in which the report does not grow."""
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
    with (folder / "messages.txt").open("wb") as messages:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=messages, stderr=messages
        )
        try:
            status = _wait(process, folder / "report.bin", timeout_s)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    return _Ended(status, _content(folder / "messages.txt").decode("utf-8", "replace"))


def _wait(process: subprocess.Popen[bytes], report: Path, timeout_s: float) -> int | None:
    size, progress = -1, time.monotonic()
    while True:
        try:
            return process.wait(timeout=min(1.0, timeout_s))
        except subprocess.TimeoutExpired:
            now = report.stat().st_size if report.exists() else 0
            if now != size:
                size, progress = now, time.monotonic()
            elif time.monotonic() - progress >= timeout_s:
                return None


def _check(
    ended: _Ended, report: Report, board: Board, built: BuiltProgram, inferences: int, timeout_s: float
) -> None:
    finished = len(report.instructions)
    if ended.status is None:
        raise ToolError(
            f"the program stood still on {board.name}: no inference finished in {timeout_s:g} seconds "
            f"({finished} of {inferences} before)",
            "is there an endless loop? Otherwise raise the timeout",
        )
    if report.fault is not None:
        raise ToolError(_fault_message(report, board, built.executable, finished))
    if report.failure:
        raise ToolError(f"the program failed on {board.name}: {report.failure}")
    if not report.done or finished != inferences:
        raise ToolError(_crash_message(ended, board, finished, inferences))
    if report.stack_size and report.stack_bytes >= report.stack_size:
        raise ToolError(_overflow_message(board, report.stack_size))


def _fault_message(report: Report, board: Board, executable: Path, finished: int) -> str:
    fault = report.fault
    assert fault is not None
    assert board.memory is not None
    stack = board.memory.stack
    where = f"at {fault.instruction:#010x}"
    function = function_at(executable, fault.instruction)
    where += f" ({function})" if function else ""
    if is_stack_overflow(board.family, fault, range(stack.origin - _GUARD_BYTES, stack.origin)):
        return _overflow_message(board, stack.length)
    accessed = f", accessing {fault.address:#010x}" if fault.address else ""
    cause = describe_cause(board.family, fault.cause)
    return f"the program faulted on {board.name} {where} in inference {finished}: {cause}{accessed}"


def _overflow_message(board: Board, stack_bytes: int) -> str:
    return f"the program overflowed its stack on {board.name}: it needs more than {stack_bytes:,} bytes"


def _crash_message(ended: _Ended, board: Board, finished: int, inferences: int) -> str:
    assert ended.status is not None
    if ended.status < 0:
        how = f"was ended by {signal.Signals(-ended.status).name}"
    else:
        how = f"ended with exit code {ended.status}"
    lines = [line.strip() for line in ended.messages.splitlines() if line.strip()]
    telling = [line for line in lines if "ERROR" in line or "error" in line] or lines
    said = f": {telling[0]}" if telling else ""
    return f"the program {how} on {board.name} after {finished} of {inferences} inferences{said}"


def _measured(
    board: Board, built: BuiltProgram, report: Report, outputs: list[list[bytes]], target: HasMemory | None
) -> ProgramRun:
    input_bytes = built.facts.resident_input_bytes
    sizes = built.sizes
    if sizes is None:
        arena = built.facts.arena_bytes
        if target is not None and target.sram is not None and arena > target.sram:
            raise ConstraintError(
                f"the program's arena alone needs {arena:,} bytes of SRAM; {target.name} has {target.sram:,}"
            )
        return ProgramRun(
            on=board.name,
            outputs=outputs,
            instructions=None,
            init_instructions=None,
            stack_bytes=None,
            sram=SramBytes(arena=arena, input=input_bytes),
            flash=None,
            macs=built.facts.macs,
            executable=built.executable,
        )
    check_fits(sizes, board, target, report.stack_bytes)
    return ProgramRun(
        on=board.name,
        outputs=outputs,
        instructions=report.instructions,
        init_instructions=report.init_instructions,
        stack_bytes=report.stack_bytes,
        sram=SramBytes(
            arena=sizes.arena,
            input=input_bytes,
            static=sizes.static,
            stack=report.stack_bytes,
            total=sizes.sram_without_stack + report.stack_bytes,
        ),
        flash=FlashBytes(code=sizes.code, constants=sizes.constants, total=sizes.flash),
        macs=built.facts.macs,
        executable=built.executable,
    )


def _pack(inputs: Sequence[Sequence[np.ndarray]], sizes: Sequence[int], passes: int) -> bytes:
    """The harness's input file; a program that is fed the image several times finds it there as often."""
    parts = [struct.pack("<2I", _MAGIC, len(inputs))]
    for number, tensors in enumerate(inputs):
        if len(tensors) != len(sizes):
            raise UsageError(f"inference {number}: expected {len(sizes)} input tensors, got {len(tensors)}")
        for index, (tensor, size) in enumerate(zip(tensors, sizes, strict=True)):
            array = np.asarray(tensor)
            content = _little_endian(array).tobytes()
            if len(content) != size:
                raise UsageError(
                    f"inference {number}: expected input {index} to have {size:,} bytes, "
                    f"got {len(content):,} ({array.dtype}, shape {array.shape})"
                )
            parts.append(content * passes)
    return b"".join(parts)


def _little_endian(array: np.ndarray) -> np.ndarray:
    big = array.dtype.byteorder == ">" or (array.dtype.byteorder == "=" and sys.byteorder == "big")
    return array.astype(array.dtype.newbyteorder("<")) if big else array


def _unpack(content: bytes, sizes: Sequence[int], inferences: int) -> list[list[bytes]]:
    if len(content) != sum(sizes) * inferences:
        raise ToolError(f"expected {sum(sizes) * inferences:,} bytes of outputs, got {len(content):,}")
    outputs: list[list[bytes]] = []
    at = 0
    for _ in range(inferences):
        tensors = []
        for size in sizes:
            tensors.append(content[at : at + size])
            at += size
        outputs.append(tensors)
    return outputs


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
