"""What counts as the program's flash and SRAM, and what happens when that is too much."""

import subprocess

import numpy as np
import pytest
from deploy_programs import EMULATED, USES_1000_BYTES_OF_STACK, target, write_program

from tflm_mcunet.deploy.boards import find_board
from tflm_mcunet.deploy.build import build_program
from tflm_mcunet.deploy.compiling import compile_units, program_units
from tflm_mcunet.deploy.run import run_program
from tflm_mcunet.deploy.sizes import measure_sizes
from tflm_mcunet.deploy.toolchain import find_compiler
from tflm_mcunet.errors import ConstraintError, ToolError, UsageError

ZEROS = np.zeros(16, np.int8)
NOTHING = "int model_invoke(void) { return 0; }\n"


def table(size):
    return f"extern const uint8_t table[{size}];\nconst uint8_t table[{size}] = {{1, 2, 3}};\n"


READS_TABLE = "int model_invoke(void) { arena[32] = table[arena[0]]; return 0; }\n"


def sizes(directory, on, invoke=NOTHING, **options):
    return build_program(write_program(directory, invoke, **options), find_board(on)).sizes


@pytest.mark.parametrize("on", EMULATED)
def test_an_empty_program_is_its_arena_and_a_few_instructions(tmp_path, on):
    empty = sizes(tmp_path, on)
    assert (empty.arena, empty.static, empty.constants) == (128, 0, 0)
    assert 0 < empty.code <= 64
    assert 500 < empty.harness_flash < 4096


@pytest.mark.parametrize("on", EMULATED)
def test_every_byte_is_attributed(tmp_path, on):
    small = sizes(tmp_path / "small", on, READS_TABLE, before=table(10_000))
    large = sizes(tmp_path / "large", on, READS_TABLE, before=table(30_000))
    assert large.constants - small.constants == 20_000
    assert large.flash - small.flash == 20_000
    assert (large.code, large.static) == (small.code, small.static)

    variables = "static volatile uint32_t set[100] = {1};\nstatic volatile uint32_t cleared[50];\n"
    uses = "int model_invoke(void) { cleared[1] = set[0] + cleared[0]; return 0; }\n"
    data = sizes(tmp_path / "data", on, uses, before=variables)
    assert (data.constants, data.static) == (400, 608), "with 8 bytes between `cleared` and the aligned arena"

    copies = "int model_invoke(void) { memcpy(arena + 32, arena, arena[0]); return 0; }\n"
    library = sizes(tmp_path / "library", on, copies)
    assert library.code > 64, "memcpy counts as code of the program that calls it"
    assert library.harness_flash == small.harness_flash


@pytest.mark.parametrize("on", EMULATED)
def test_the_harness_uses_no_library(tmp_path, on):
    board = find_board(on)
    compiler = find_compiler(board.compiler, board.cpu_flags)
    units = program_units(write_program(tmp_path), board, compiler, sanitize=False)
    objects = compile_units(compiler, units)
    nm = compiler.path.replace("g++", "nm")
    harness = [stored for unit, stored in zip(units, objects) if unit.object_name.startswith("port_")]
    assert len(harness) >= 3
    listing = subprocess.run([nm, "-u", *harness], capture_output=True, text=True, check=True).stdout
    needed = {line.split()[1] for line in listing.splitlines() if line.strip().startswith("U ")}
    ours = ("model_", "port_", "__harness_", "__program_", "__handler_", "__data_", "__bss_", "__init_array_")
    ours += ("__flash_", "__sram_", "__tls_start", "__global_pointer$", "_ZN16tflm_mcunet_port", "main")
    assert [name for name in needed if not name.startswith(ours)] == []


@pytest.mark.parametrize("on", EMULATED)
def test_a_program_of_exactly_the_targets_size_fits_and_one_byte_less_does_not(tmp_path, on):
    program = write_program(tmp_path, READS_TABLE, before=table(5_000))
    need = build_program(program, find_board(on)).sizes
    run = run_program(program, [[ZEROS]], on=on, target=target(need.flash, need.sram_without_stack + 64))
    assert run.flash.total == need.flash == run.flash.code + run.flash.constants
    with pytest.raises(ConstraintError) as raised:
        run_program(program, [[ZEROS]], on=on, target=target(need.flash - 1, need.sram_without_stack + 64))
    assert raised.value.exit_code == 3
    assert f"needs {need.flash:,} bytes of flash" in raised.value.message
    assert f"TINY1 has {need.flash - 1:,} of flash" in raised.value.message
    with pytest.raises(ConstraintError, match=rf"and {need.sram_without_stack:,} bytes of SRAM"):
        run_program(program, [[ZEROS]], on=on, target=target(None, need.sram_without_stack - 1))


@pytest.mark.parametrize("on", EMULATED)
def test_the_stack_counts_too(tmp_path, on):
    program = write_program(tmp_path, USES_1000_BYTES_OF_STACK)
    assert run_program(program, [[ZEROS]], on=on, target=target(sram=1128)).sram.total == 1128
    with pytest.raises(
        ConstraintError, match=r"1,128 bytes of SRAM \(arena 128, other static 0, stack 1,000\)"
    ):
        run_program(program, [[ZEROS]], on=on, target=target(sram=1127))


@pytest.mark.parametrize("on", EMULATED)
def test_a_program_larger_than_the_board_has_its_numbers_too(tmp_path, on):
    program = write_program(tmp_path, arena_bytes=5_000_000)
    with pytest.raises(
        ConstraintError, match=rf"arena 5,000,000, .* emulated board {on} has 16,777,216 of flash"
    ):
        run_program(program, [[ZEROS]], on=on)


def test_the_host_knows_the_arena_only(tmp_path):
    program = write_program(tmp_path)
    run = run_program(program, [[ZEROS]], on="host")
    assert run.sram == {"arena": 128, "input": 16}
    assert (run.sram.total, run.flash) == (None, None)
    with pytest.raises(ConstraintError, match="arena alone needs 128 bytes of SRAM; TINY1 has 100"):
        run_program(program, [[ZEROS]], on="host", target=target(sram=100))


def test_a_link_error_that_is_not_about_size_stays_one(tmp_path):
    program = write_program(tmp_path, "int missing(void);\nint model_invoke(void) { return missing(); }\n")
    with pytest.raises(ToolError, match=r"cannot link the program: .*undefined reference to `missing"):
        build_program(program, find_board("qemu:cortex-m4"))


def test_a_compile_error_names_file_and_line(tmp_path):
    program = write_program(tmp_path, "int model_invoke(void) { int unused; return 0; }\n")
    with pytest.raises(
        ToolError, match=r"cannot compile model.cpp: model.cpp:\d+:\d+: error: unused variable"
    ):
        build_program(program, find_board("qemu:cortex-m4"))


def test_an_arena_that_the_program_does_not_have_is_refused(tmp_path):
    program = write_program(tmp_path, arena_bytes=4096)
    header = program / "model.h"
    header.write_text(header.read_text().replace("ARENA_BYTES 4096", "ARENA_BYTES 40960"))
    with pytest.raises(ToolError, match=r"declares an arena of 40,960 bytes, but"):
        build_program(program, find_board("qemu:cortex-m4"))
    with pytest.raises(ToolError, match=r"expected a 32-bit little-endian ELF"):
        measure_sizes(b"\x7fELF\x02\x01" + bytes(60), 0)


@pytest.mark.parametrize(
    "old, new, said",
    (
        ("#define MODEL_MACS 1000", "", "does not define MODEL_MACS"),
        ("MODEL_MACS 1000", "MODEL_MACS many", "expected a number in MODEL_MACS, got 'many'"),
        ("MODEL_INPUT_COUNT 1", "MODEL_INPUT_COUNT 2", "MODEL_INPUT_COUNT is 2, but MODEL_INPUT_BYTES has 1"),
        ("{16}", "16", "expected MODEL_INPUT_BYTES to be numbers in braces"),
    ),
)
def test_a_header_that_breaks_the_contract_is_refused(tmp_path, old, new, said):
    header = write_program(tmp_path) / "model.h"
    header.write_text(header.read_text().replace(old, new, 1))
    with pytest.raises(UsageError, match=said):
        build_program(tmp_path, find_board("host"))


def test_a_directory_without_a_program_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"holds no model.h"):
        build_program(tmp_path, find_board("host"))
    (write_program(tmp_path) / "model.cpp").unlink()
    with pytest.raises(UsageError, match=r"holds no .cpp file"):
        build_program(tmp_path, find_board("host"))
