"""The machines that a generated program runs on, as plain data: compiler flags, memory map, timer."""

from __future__ import annotations

from dataclasses import dataclass

from tflm_mcunet.errors import UsageError

KIBI = 1024
MEBI = 1024 * 1024


@dataclass(frozen=True)
class Memory:
    """One piece of a board's address space: first address and length in bytes."""

    origin: int
    length: int


@dataclass(frozen=True)
class MemoryMap:
    """Where the linker puts things; the harness never shares a piece with the program.

    `flash` and `sram` are the program's, and are cut to the target's size where a target is named. The
    start-up code sets up memory protection from this map: below `stack` nothing may be touched.
    """

    harness_code: Memory
    harness_ram: Memory
    stack: Memory
    flash: Memory
    sram: Memory


@dataclass(frozen=True)
class Timer:
    """How the port reads the instruction counter; see `port_board.cpp` for why a coarse timer is exact.

    Attributes:
        kind: "cmsdk" (CMSDK APB timer, counts down), "sse" (SSE-300 system counter), "ccount" (Xtensa) or "instret"
            (RISC-V).
        base: address of the register block.
        value: address of the register that is read.
        reads: P, reads that make a stamp, when a tick is P/Q instructions long.
        sums_per_instruction: Q.
    """

    kind: str
    base: int = 0
    value: int = 0
    reads: int = 1
    sums_per_instruction: int = 1


@dataclass(frozen=True)
class Board:
    """A place to run: `name` is what users write, `family` chooses start-up code and linker script.

    Attributes:
        name: str. "host" or "qemu:<core>".
        description: str. One line for people.
        compiler: str. Name of the C++ compiler.
        cpu_flags: flags that choose the instruction set and the float ABI.
        family: "host", "cortex_m", "rv32" or "xtensa".
        emulator: name of the QEMU binary, "" for the host.
        machine: QEMU arguments that choose the machine.
        memory: memory map, None for the host.
        timer: instruction counter, None for the host.
        has_c_library: bool. The compiler comes with one; else programs get what lies in `ports/qemu/freestanding`.
    """

    name: str
    description: str
    compiler: str
    cpu_flags: tuple[str, ...]
    family: str
    emulator: str = ""
    machine: tuple[str, ...] = ()
    memory: MemoryMap | None = None
    timer: Timer | None = None
    has_c_library: bool = True


# Tick of 40 ns = 40 instructions. Timer 0 of the CMSDK subsystem, VALUE at offset 4.
_CMSDK_TIMER = Timer("cmsdk", base=0x40000000, value=0x40000004, reads=40)

# Tick of 31.25 ns = 125/4 instructions. Control frame of the SSE-300 system counter, CNTCV at offset 8.
_SSE_COUNTER = Timer("sse", base=0x58100000, value=0x58100008, reads=125, sums_per_instruction=4)

# ZBT SSRAM 1 holds the harness, SSRAM 2 and 3 (4 MiB, nothing below) the stack and the program's data,
# and the PSRAM plays flash.
_MPS2_HARNESS = (Memory(0x00000000, 64 * KIBI), Memory(0x003F0000, 64 * KIBI))
_MPS2_STACK = Memory(0x20000000, 128 * KIBI)
_MPS2_SRAM = Memory(0x20020000, 4 * MEBI - 128 * KIBI)

BOARDS: dict[str, Board] = {
    board.name: board
    for board in (
        Board(
            name="host",
            description="this machine; no instruction count, no stack mark",
            compiler="g++",
            cpu_flags=(),
            family="host",
        ),
        Board(
            name="qemu:cortex-m4",
            description="Cortex-M4 with single-precision FPU, hard-float ABI (MPS2 AN386; as the STM32F4)",
            compiler="arm-none-eabi-g++",
            cpu_flags=("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
            family="cortex_m",
            emulator="qemu-system-arm",
            machine=("-M", "mps2-an386"),
            memory=MemoryMap(*_MPS2_HARNESS, _MPS2_STACK, Memory(0x21000000, 16 * MEBI), _MPS2_SRAM),
            timer=_CMSDK_TIMER,
        ),
        Board(
            name="qemu:cortex-m7",
            # The FPU of the STM32F7x6 is single precision; code for it also runs on the M7s that have more.
            description="Cortex-M7 with single-precision FPU, hard-float ABI (MPS2 AN500; as the STM32F7)",
            compiler="arm-none-eabi-g++",
            cpu_flags=("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"),
            family="cortex_m",
            emulator="qemu-system-arm",
            machine=("-M", "mps2-an500"),
            memory=MemoryMap(*_MPS2_HARNESS, _MPS2_STACK, Memory(0x60000000, 16 * MEBI), _MPS2_SRAM),
            timer=_CMSDK_TIMER,
        ),
        Board(
            name="qemu:cortex-m55",
            description="Cortex-M55 with Helium (MVE) and FPU, hard-float ABI (MPS3 AN547)",
            compiler="arm-none-eabi-g++",
            cpu_flags=("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"),
            family="cortex_m",
            emulator="qemu-system-arm",
            machine=("-M", "mps3-an547"),
            # ITCM and the upper half of DTCM hold the harness, ISRAM is the program's, the DDR4 plays flash.
            memory=MemoryMap(
                harness_code=Memory(0x00000000, 64 * KIBI),
                harness_ram=Memory(0x20040000, 64 * KIBI),
                stack=Memory(0x20000000, 128 * KIBI),
                flash=Memory(0x60000000, 16 * MEBI),
                sram=Memory(0x21000000, 4 * MEBI),
            ),
            timer=_SSE_COUNTER,
        ),
        Board(
            name="qemu:rv32",
            description="RV32IMC, soft float (QEMU virt; as the ESP32-C3)",
            compiler="riscv64-unknown-elf-g++",
            cpu_flags=("-march=rv32imc", "-mabi=ilp32", "-mcmodel=medany"),
            family="rv32",
            emulator="qemu-system-riscv32",
            machine=("-M", "virt", "-bios", "none", "-m", "64M"),
            # One RAM, cut into naturally aligned powers of two for the memory protection of start_rv32.S.
            memory=MemoryMap(
                harness_code=Memory(0x80000000, 64 * KIBI),
                harness_ram=Memory(0x80010000, 64 * KIBI),
                stack=Memory(0x80040000, 128 * KIBI),
                flash=Memory(0x81000000, 16 * MEBI),
                sram=Memory(0x80400000, 4 * MEBI),
            ),
            timer=Timer("instret"),
        ),
        Board(
            name="qemu:lx106",
            description="Xtensa LX106, soft float (QEMU sim; as the ESP8266)",
            compiler="xtensa-lx106-elf-g++",
            cpu_flags=("-mlongcalls", "-mtext-section-literals"),
            family="xtensa",
            emulator="qemu-system-xtensa",
            machine=("-M", "sim", "-cpu", "lx106", "-m", "64M", "-semihosting"),
            memory=MemoryMap(
                harness_code=Memory(0x50000000, 64 * KIBI),
                harness_ram=Memory(0x60020000, 64 * KIBI),
                stack=Memory(0x60000000, 128 * KIBI),  # nothing lies below
                flash=Memory(0x51000000, 16 * MEBI),
                sram=Memory(0x60040000, 4 * MEBI),
            ),
            # A tick of the cycle counter at 40 MHz is 25 ns.
            timer=Timer("ccount", reads=25),
            has_c_library=False,
        ),
    )
}


def find_board(name: str) -> Board:
    """The board of that name.

    Args:
        name: str. "host", "qemu:cortex-m4", "qemu:cortex-m7", "qemu:cortex-m55", "qemu:rv32" or "qemu:lx106".

    Raises:
        UsageError: no such board.
    """
    board = BOARDS.get(name)
    if board is None:
        raise UsageError(f"expected `on` to be one of {', '.join(BOARDS)}, got {name!r}")
    return board
