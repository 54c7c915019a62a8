"""The result of running a model: outputs, and what was measured while it ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np


class Sizes(dict[str, int]):
    """Bytes by name; what was not measured is absent, and None as an attribute.

    >>> sram = SramBytes(arena=1024, stack=None)
    >>> sram.arena, sram.stack, dict(sram)
    (1024, None, {'arena': 1024})
    """

    names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **sizes: int | None) -> None:
        unknown = sorted(sizes.keys() - set(self.names))
        if unknown:
            raise TypeError(f"{type(self).__name__} has {', '.join(self.names)}, not {', '.join(unknown)}")
        given = {name: sizes.get(name) for name in self.names}
        super().__init__({name: size for name, size in given.items() if size is not None})

    def __getattr__(self, name: str) -> int | None:
        if name not in self.names:
            raise AttributeError(f"{type(self).__name__} has {', '.join(self.names)}, not {name}")
        return self.get(name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), dict(self))


class SramBytes(Sizes):
    """Bytes of SRAM.

    - arena: the static arena (activations, scratch and, unless rows are fed, the input)
    - input: the model's input tensors, part of the arena
    - static: other static data of the program
    - stack: high-water mark of the program's stack
    - total: arena + static + stack
    """

    names = ("arena", "input", "static", "stack", "total")


class FlashBytes(Sizes):
    """Bytes of flash.

    - code: machine code of the model, its kernels and the library routines that they use
    - constants: weights, tables and initial values
    - total: code + constants
    """

    names = ("code", "constants", "total")


class Measured(Protocol):
    """What `RunResult.of` reads of a `ProgramRun`."""

    @property
    def instructions(self) -> list[int] | None: ...
    @property
    def sram(self) -> SramBytes: ...
    @property
    def flash(self) -> FlashBytes | None: ...


@dataclass(frozen=True)
class RunResult:
    """What the inferences of one run gave, and what one of them took.

    Attributes:
        on: str. The engine: "host", "tflm", "qemu:<core>", "serial:<port>".
        outputs: one array for each output tensor of the model.
        instructions: int or None. Executed instructions of one inference, the largest of a batch.
        sram: SramBytes measured on the run (any mapping of its names is taken), or None.
        flash: FlashBytes measured on the linked program, or None.
        macs: int or None. Multiply-accumulates of the model.
        seconds: float or None. Of one inference by a board's own clock, the longest of a batch; on a serial port only.
    """

    on: str
    outputs: list[np.ndarray]
    instructions: int | None = None
    sram: Mapping[str, int] | None = None
    flash: Mapping[str, int] | None = None
    macs: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.sram is not None:
            object.__setattr__(self, "sram", SramBytes(**self.sram))
        if self.flash is not None:
            object.__setattr__(self, "flash", FlashBytes(**self.flash))

    @classmethod
    def of(cls, run: Measured, *, on: str, outputs: list[np.ndarray], macs: int | None = None) -> RunResult:
        """The result of a program run, with its outputs decoded by the caller."""
        instructions = max(run.instructions) if run.instructions else None
        return cls(on, outputs, instructions, run.sram, run.flash, macs)

    @property
    def instructions_per_mac(self) -> float | None:
        """Instructions for each multiply-accumulate; None where either is unknown or there is none."""
        if self.instructions is None or not self.macs:
            return None
        return self.instructions / self.macs


def _restored(kind: type[Sizes], sizes: dict[str, int]) -> Sizes:
    return kind(**sizes)
