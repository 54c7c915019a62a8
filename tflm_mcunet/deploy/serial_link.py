"""Talks to a board on a serial port: the host's side of `ports/common/host_link.h`, whose messages these are."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tflm_mcunet.errors import ToolError, UsageError

BAUD = 115_200
_MARK = b"\x16\x6d"
_IDENTITY = struct.Struct("<12I")
#: `kProtocol`.
_PROTOCOL = 2
_TROUBLES = {
    1: "it does not know the request",
    2: "the request has a wrong length",
    3: "there is no such input, output or row",
    4: "rows came out of order",
    5: "the model failed on it",
}
#: Seconds in which a request that takes no inference must be answered.
_ANSWER_S = 5.0
_TRIES = 3


@dataclass(frozen=True)
class Identity:
    """What a board says of itself.

    Attributes:
        name: str. The model's.
        fingerprint: int. `deploy.identity.fingerprint` of the model.
        inputs, outputs: int. How many.
        arena_bytes, macs: int.
        rows, row_bytes, passes: int. Of the image, for a model that is fed by rows; 0 rows for any other.
        ticks_per_second: int. Of the board's clock.
        most_bytes: int. Of a message's payload.
        state_bytes: int. What the model keeps from one inference to the next.
    """

    name: str
    fingerprint: int
    inputs: int
    outputs: int
    arena_bytes: int
    macs: int
    rows: int
    row_bytes: int
    passes: int
    ticks_per_second: int
    most_bytes: int
    state_bytes: int


@dataclass(frozen=True)
class BoardRun:
    """One inference on a board: the CRC-32 of all outputs, one behind the other, and the time without input."""

    checksum: int
    seconds: float


class SerialLink:
    """An open connection; use `connect`.

    Args:
        port: an object like `serial.Serial`, opened.
        inference_s: float. Seconds that an inference may take.
    """

    def __init__(self, port: Any, inference_s: float) -> None:
        self._port = port
        self._inference_s = inference_s

    def identify(self) -> Identity:
        """Ask the board who it is.

        Raises:
            ToolError: nothing answers, or something that speaks another protocol.
        """
        payload = self._ask(b"I", b"", _ANSWER_S)
        (protocol,) = struct.unpack_from("<I", payload.ljust(4, b"\0"))
        if protocol != _PROTOCOL:
            raise ToolError(
                f"the board speaks protocol {protocol}, this package speaks {_PROTOCOL}",
                "export and flash the project anew",
            )
        if len(payload) < _IDENTITY.size:
            raise ToolError("the board answers, but not as one of ours")
        _, fingerprint, inputs, outputs, *rest = _IDENTITY.unpack_from(payload)
        name = payload[_IDENTITY.size :].decode("ascii", "replace")
        return Identity(name, fingerprint, inputs, outputs, *rest)

    def begin_sequence(self) -> None:
        """Give the model's state its first values; the board's own inferences wait while this host keeps asking."""
        self._ask(b"Z", b"", _ANSWER_S)

    def self_test(self, seed: int) -> BoardRun:
        """Run one inference on the seeded input of `pattern`, the next one of a sequence where the model has state."""
        return self._inference(b"T", struct.pack("<I", seed))

    def run(self, inputs: Sequence[bytes]) -> BoardRun:
        """Send the inputs, one bytes object for each, and run one inference on them.

        The next one of a sequence where the model has state.
        """
        board = self.identify()
        if len(inputs) != board.inputs:
            raise UsageError(
                f"Expected {board.inputs} inputs for the board's {board.name}, got {len(inputs)}"
            )
        if board.rows:
            self._feed(board, inputs[0])
        else:
            for index, content in enumerate(inputs):
                step = (board.most_bytes - 8) // 4 * 4
                for first in range(0, len(content), step):
                    head = struct.pack("<2I", index, first)
                    self._ask(b"W", head + content[first : first + step], _ANSWER_S)
        return self._inference(b"G", b"")

    def output(self, index: int, size_bytes: int) -> bytes:
        """The bytes of an output of the last inference."""
        step = 512
        parts = [
            self._ask(b"O", struct.pack("<3I", index, first, min(step, size_bytes - first)), _ANSWER_S)
            for first in range(0, size_bytes, step)
        ]
        return b"".join(parts)

    def _feed(self, board: Identity, image: bytes) -> None:
        if len(image) != board.rows * board.row_bytes:
            raise UsageError(
                f"Expected an image of {board.rows * board.row_bytes:,} bytes, got {len(image):,}"
            )
        for number in range(board.rows * board.passes):
            first = number % board.rows * board.row_bytes
            row = image[first : first + board.row_bytes]
            self._ask(b"R", struct.pack("<I", number) + row, self._inference_s, tries=1)

    def _inference(self, letter: bytes, payload: bytes) -> BoardRun:
        """Once only where it changes the model's state: the board may have run although its answer was lost."""
        board = self.identify()
        answer = self._ask(letter, payload, self._inference_s, tries=1 if board.state_bytes else _TRIES)
        checksum, ticks = struct.unpack("<IQ", answer)
        return BoardRun(checksum, ticks / board.ticks_per_second)

    def _ask(self, letter: bytes, payload: bytes, seconds: float, tries: int = _TRIES) -> bytes:
        """The payload of the answer; a request that is not answered in time is sent again.

        A row must not be: the board may have taken it although its answer was lost.
        """
        body = letter + struct.pack("<H", len(payload)) + payload
        for _ in range(tries):
            self._port.reset_input_buffer()
            self._port.write(_MARK + body + struct.pack("<I", zlib.crc32(body)))
            answer = self._answer(letter.lower(), seconds)
            if answer is not None:
                return answer
        raise ToolError(
            f"the board on {self._port.port} does not answer",
            "is it powered and flashed, is this its port, and is no serial monitor open?",
        )

    def _answer(self, letter: bytes, seconds: float) -> bytes | None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._port.read(1) != _MARK[:1] or self._port.read(1) != _MARK[1:]:
                continue
            head = self._port.read(3)
            if len(head) < 3:
                continue
            payload = self._port.read(struct.unpack("<H", head[1:])[0])
            if self._port.read(4) != struct.pack("<I", zlib.crc32(head + payload)):
                continue
            if head[:1] == b"e":
                trouble = struct.unpack("<I", payload)[0]
                raise ToolError(f"the board refused: {_TROUBLES.get(trouble, f'trouble {trouble}')}")
            if head[:1] == letter:
                return payload
        return None


@contextmanager
def connect(port: str, *, inference_s: float = 60.0) -> Iterator[SerialLink]:
    """A connection to the board on a serial port, closed at the end.

    Args:
        port: str. "/dev/ttyACM0", "COM3", or a pseudo-terminal.
        inference_s: float. Seconds that an inference may take.

    Raises:
        ToolError: pyserial is missing, or the port does not open.
    """
    try:
        import serial
    except ImportError as error:
        raise ToolError("pyserial is not installed", "pip install 'tflm-mcunet[boards]'") from error
    try:
        opened = serial.Serial(port, BAUD, timeout=0.5)
    except serial.SerialException as error:
        found = ", ".join(ports()) or "none"
        raise ToolError(f"cannot open {port}: {error}", f"serial ports here: {found}") from error
    with opened:
        yield SerialLink(opened, inference_s)


def ports() -> list[str]:
    """The serial ports that boards are on (USB), by name."""
    from serial.tools import list_ports

    return sorted(p.device for p in list_ports.comports() if p.vid is not None)


def pattern(seed: int, sizes: Sequence[int], is_float: Sequence[bool]) -> list[bytes]:
    """The seeded inputs that a board generates for `self_test`: xorshift of 32 bits, its upper byte.

    Args:
        seed: int.
        sizes: bytes of each input.
        is_float: whether an input is float32: bytes over 128 then.
    """
    import numpy as np

    state = seed & 0xFFFFFFFF or 1
    inputs = []
    for size, floats in zip(sizes, is_float, strict=True):
        drawn = bytearray(size // 4 if floats else size)
        for i in range(len(drawn)):
            state ^= state << 13 & 0xFFFFFFFF
            state ^= state >> 17
            state ^= state << 5 & 0xFFFFFFFF
            drawn[i] = state >> 24
        values = np.frombuffer(bytes(drawn), np.int8)
        inputs.append((values.astype(np.float32) / np.float32(128)).tobytes() if floats else values.tobytes())
    return inputs
