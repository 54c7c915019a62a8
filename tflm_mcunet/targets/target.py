"""`Target`: what a plan has to fit into. A value that no document states is absent (None), never a guess."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tflm_mcunet.errors import UsageError

#: Cores by the names that GCC's -mcpu (Arm), the ISA string (RISC-V) or the vendor (Xtensa) use.
CORES = (
    "cortex-m0",
    "cortex-m0plus",
    "cortex-m3",
    "cortex-m4",
    "cortex-m7",
    "cortex-m23",
    "cortex-m33",
    "cortex-m52",
    "cortex-m55",
    "cortex-m85",
    "rv32imc",
    "rv32imac",
    "rv32imafc",
    "xtensa-lx106",
    "xtensa-lx6",
    "xtensa-lx7",
)

_ENGINE = re.compile(r"qemu:(cortex-m4|cortex-m7|cortex-m55|rv32|lx106)")


class Bank(NamedTuple):
    """One SRAM that data can live in: its name in the reference manual, its size and where it starts."""

    name: str
    bytes: int
    address: int | None = None


class Source(NamedTuple):
    """A document and the figures that were read from it."""

    title: str
    document: str
    says: str = ""


@dataclass(frozen=True)
class Target:
    """A microcontroller, as far as memory, speed and tools matter.

    Args:
        name: str. As the vendor writes it.
        sram: int. Bytes of SRAM for data, over all banks. Instruction memories (ITCM, IRAM), caches and
            backup SRAM are not counted; `notes` says what was left out.
        flash: int or None. Bytes of flash that hold code and constants; on devices whose flash is external,
            that of the board or module named in `sources`.
        core: str or None. One of `CORES`; None for a bare budget of bytes.
        clock_hz: int or None. The highest clock of the core.
        banks: tuple of Bank. They sum to `sram`; empty where only the sum is known.
        flash_tool: str or None. The program that writes the flash.
        emulator: str or None. The engine of `tflm_mcunet.run` that emulates this core ("qemu:cortex-m7").
        aliases: tuple of str. Other names that `load` accepts: boards, part numbers.
        sources: tuple of Source. The documents that the figures were read from.
        notes: str. What else a user must know about the figures.

    Raises:
        UsageError: a figure is not positive, the core is unknown, or the banks do not sum to `sram`.

    Example:
        >>> Target(name="my board", sram=65_536, flash=262_144, core="cortex-m4").contiguous_sram
        65536
        >>> Target.load("stm32f746").sram
        327680
    """

    name: str
    sram: int
    flash: int | None = None
    core: str | None = None
    clock_hz: int | None = None
    banks: tuple[Bank, ...] = ()
    flash_tool: str | None = None
    emulator: str | None = None
    aliases: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    notes: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise UsageError(f"Expected a target's name to be a non-empty string, got {self.name!r}.")
        object.__setattr__(self, "banks", tuple(Bank(*bank) for bank in self.banks))
        object.__setattr__(self, "aliases", tuple(self.aliases))
        object.__setattr__(self, "sources", tuple(Source(*source) for source in self.sources))
        _check_count(self.name, "sram", self.sram)
        if self.flash is not None:
            _check_count(self.name, "flash", self.flash)
        if self.clock_hz is not None:
            _check_count(self.name, "clock_hz", self.clock_hz)
        if self.core is not None and self.core not in CORES:
            raise UsageError(
                f"Target {self.name!r}: unknown core {self.core!r}.", "Known cores: " + ", ".join(CORES) + "."
            )
        if self.emulator is not None and not _ENGINE.fullmatch(self.emulator):
            raise UsageError(
                f"Target {self.name!r}: unknown emulator {self.emulator!r}.",
                "Use qemu:cortex-m4, qemu:cortex-m7, qemu:cortex-m55, qemu:rv32 or qemu:lx106, or leave it out.",
            )
        _check_banks(self)

    @property
    def contiguous_sram(self) -> int:
        """Bytes of the longest run of banks whose addresses touch: what one arena can have at most."""
        placed = sorted((b.address, b.bytes) for b in self.banks if b.address is not None)
        best = max((b.bytes for b in self.banks), default=self.sram)
        run, end = 0, -1
        for address, size in placed:
            run = run + size if address == end else size
            end = address + size
            best = max(best, run)
        return best

    @property
    def largest_bank(self) -> int:
        """Bytes of the largest single bank."""
        return max((b.bytes for b in self.banks), default=self.sram)

    @staticmethod
    def names() -> tuple[str, ...]:
        """The names of the devices that come with the package, sorted."""
        from tflm_mcunet.targets.registry import devices

        return tuple(sorted(devices(), key=str.casefold))

    @staticmethod
    def load(name: str | Path) -> Target:
        """The device of that name or alias, in any case, or the one in a TOML file of the user's own.

        Args:
            name: str or Path. "STM32F746", "Arduino Nano 33 BLE", or a path that ends in `.toml`.

        Raises:
            UsageError: no such device (the hint names near misses), or a TOML file that is not valid.
        """
        from tflm_mcunet.targets.registry import find

        return find(name)

    def to_dict(self) -> dict[str, object]:
        """The target as JSON-ready data; unknown values are null."""
        return {
            "name": self.name,
            "core": self.core,
            "clock_hz": self.clock_hz,
            "sram": self.sram,
            "contiguous_sram": self.contiguous_sram,
            "banks": [{"name": b.name, "bytes": b.bytes, "address": b.address} for b in self.banks],
            "flash": self.flash,
            "flash_tool": self.flash_tool,
            "emulator": self.emulator,
            "aliases": list(self.aliases),
            "sources": [{"title": s.title, "document": s.document, "says": s.says} for s in self.sources],
            "notes": self.notes,
        }


def as_target(target: Target | str | Path | None) -> Target | None:
    """A Target as it is, or loaded by name or path; None stays None.

    Raises:
        UsageError: no such device, or neither a Target nor a name.
    """
    if target is None or isinstance(target, Target):
        return target
    if isinstance(target, str | Path):
        return Target.load(target)
    raise UsageError(
        f"Expected `target` to be a Target, a device name or a TOML path, got {type(target).__name__}.",
        "Target.names() lists the devices.",
    )


def _check_count(name: str, field: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise UsageError(f"Target {name!r}: expected {field} to be a positive integer, got {value!r}.")


def _check_banks(target: Target) -> None:
    for bank in target.banks:
        _check_count(target.name, f"bytes of bank {bank.name!r}", bank.bytes)
        address = bank.address
        if address is not None and (isinstance(address, bool) or not isinstance(address, int) or address < 0):
            raise UsageError(f"Target {target.name!r}: bank {bank.name!r} has address {address!r}.")
    names = [bank.name for bank in target.banks]
    if len(set(names)) != len(names):
        raise UsageError(f"Target {target.name!r}: two SRAM banks have the same name.")
    total = sum(bank.bytes for bank in target.banks)
    if target.banks and total != target.sram:
        raise UsageError(f"Target {target.name!r}: banks sum to {total} bytes, but sram is {target.sram}.")
    placed = sorted((b.address, b.bytes, b.name) for b in target.banks if b.address is not None)
    for (start, size, name), (following, _, other) in itertools.pairwise(placed):
        if start + size > following:
            raise UsageError(f"Target {target.name!r}: banks {name!r} and {other!r} overlap in address.")
