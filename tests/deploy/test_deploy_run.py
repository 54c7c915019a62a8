"""Running programs: what goes in comes out, counts and stack marks are exact, trouble is told in words."""

import numpy as np
import pytest
from deploy_programs import (
    ADDS_ONE,
    BOARDS,
    COUNTED_LOOP,
    EMULATED,
    PROTECTED,
    USES_1000_BYTES_OF_STACK,
    WITH_LIBRARY,
    counted_instructions,
    write_program,
)

from tflm_mcunet.deploy.run import run_program
from tflm_mcunet.errors import ToolError, UsageError

ZEROS = np.zeros(16, np.int8)


@pytest.mark.parametrize("on", BOARDS)
def test_a_batch_gives_every_inference_its_own_outputs(tmp_path, on):
    program = write_program(tmp_path)
    x = np.random.default_rng(7).integers(-128, 128, (400, 16)).astype(np.int8)
    run = run_program(program, [[row] for row in x], on=on)
    assert [output for (output,) in run.outputs] == [(row + 1).astype(np.int8).tobytes() for row in x]
    assert run.macs == 1000
    if on == "host":
        assert run.instructions is None
        assert run.stack_bytes is None
    else:
        assert len(run.instructions) == 400
        assert len(set(run.instructions)) == 1


@pytest.mark.parametrize("on", EMULATED)
def test_counts_are_exact_for_loops_of_known_length(tmp_path, on):
    program = write_program(tmp_path, COUNTED_LOOP)
    fixed = counted_instructions(on, 0)
    # 2,000,000 and 20,000,000 instructions, and every phase of a timer's tick.
    turns = [(length - fixed) // 2 for length in (2_000_000, 20_000_000)] + list(range(1000, 1130))
    inputs = [[np.array([n, 0, 0, 0], np.uint32)] for n in turns]
    run = run_program(program, inputs, on=on)
    assert run.instructions == [counted_instructions(on, n) for n in turns]
    assert run.instructions[:2] == [2_000_000, 20_000_000]
    assert run_program(program, inputs, on=on).instructions == run.instructions


@pytest.mark.parametrize("on", EMULATED)
def test_the_stack_mark_is_what_the_program_wrote(tmp_path, on):
    run = run_program(write_program(tmp_path, USES_1000_BYTES_OF_STACK), [[ZEROS]] * 2, on=on)
    assert run.stack_bytes == 1000
    assert run.sram.stack == 1000
    assert run.sram.total == run.sram.arena + run.sram.static + 1000


@pytest.mark.parametrize("on", WITH_LIBRARY)
def test_several_inputs_and_outputs_and_float_tensors(tmp_path, on):
    invoke = """
int model_invoke(void) {
  const float* x = reinterpret_cast<const float*>(arena);
  const int8_t* y = reinterpret_cast<const int8_t*>(arena + 16);
  float* sum = reinterpret_cast<float*>(arena + 32);
  for (int i = 0; i < 4; ++i) sum[i] = x[i] * scale + static_cast<float>(y[i]);
  for (int i = 0; i < 8; ++i) arena[48 + i] = static_cast<uint8_t>(y[i] * 2);
  for (int i = 0; i < 32; ++i) arena[i] = 0xEE;  // an input may be overwritten
  return 0;
}
"""
    program = write_program(
        tmp_path, invoke, inputs=(16, 8), outputs=(16, 8), before="static float scale = 0.1f;\n"
    )
    random = np.random.default_rng(3)
    x = random.normal(size=(5, 4)).astype(np.float32)
    y = random.integers(-60, 60, (5, 8)).astype(np.int8)
    run = run_program(program, [[a, b] for a, b in zip(x, y, strict=True)], on=on)
    expected = [
        [(a * np.float32(0.1) + b[:4].astype(np.float32)).tobytes(), (b * 2).tobytes()] for a, b in zip(x, y)
    ]
    assert run.outputs == expected


@pytest.mark.parametrize("on", WITH_LIBRARY)
def test_the_c_runtime_is_set_up(tmp_path, on):
    before = """
#include <math.h>
#include <errno.h>
struct Constructed { uint32_t value; explicit Constructed(volatile uint32_t* from) : value(*from + 1) {} };
static volatile uint32_t initialised = 0x12345678u;
static volatile uint32_t zeroed[64];
static Constructed constructed(&initialised);
static volatile float number = 20.0f;
static volatile int64_t dividend = 1234567890123456789, divisor = 987654321;
"""
    invoke = """
int model_invoke(void) {
  uint32_t results[4] = {initialised, constructed.value, 0, 0};
  for (int i = 0; i < 64; ++i) results[2] += zeroed[i];
  errno = ENOMEM;
  if (expf(number) > 1e8f && errno == ENOMEM) results[3] = static_cast<uint32_t>(dividend / divisor);
  memcpy(arena + 32, results, 16);
  return 0;
}
"""
    run = run_program(write_program(tmp_path, invoke, before=before), [[ZEROS]], on=on)
    quotient = 1234567890123456789 // 987654321
    assert run.outputs == [[np.array([0x12345678, 0x12345679, 0, quotient], np.uint32).tobytes()]]


FEEDS = """
extern "C" int model_feed_rows(const void* row, int) {
  static int y = 0;
  for (int i = 0; i < 4; ++i) arena[32 + 4 * y + i] = static_cast<uint8_t>(static_cast<const uint8_t*>(row)[i] + y);
  y = y == 3 ? 0 : y + 1;
  return y == 0 ? 0 : 4 - y;
}
"""


@pytest.mark.parametrize("on", BOARDS)
def test_an_input_may_be_fed_by_rows(tmp_path, on):
    tensors = "void* model_input(int) { return nullptr; }\nvoid* model_output(int) { return arena + 32; }\n"
    program = write_program(tmp_path, FEEDS, tensors=tensors, arena_bytes=64)
    with (program / "model.h").open("a") as header:
        header.write("#define MODEL_FED_ROWS 4\n#define MODEL_FED_ROW_BYTES 4\n#define MODEL_FED_PASSES 1\n")
        header.write('extern "C" int model_feed_rows(const void* rows, int count);\n')
    x = np.random.default_rng(5).integers(-100, 100, (6, 4, 4)).astype(np.int8)
    run = run_program(program, [[image] for image in x], on=on)
    assert [output for (output,) in run.outputs] == [
        (i + np.arange(4)[:, None]).astype(np.int8).tobytes() for i in x
    ]
    assert run.sram.input == 0
    if on != "host":
        assert len(run.instructions) == 6
        assert len(set(run.instructions)) == 1
        assert run.instructions[0] > 4 * 4 * 3


@pytest.mark.parametrize("on", BOARDS)
def test_no_inference_at_all_still_measures(tmp_path, on):
    run = run_program(write_program(tmp_path), [], on=on)
    assert run.outputs == []


def test_vector_instructions_of_the_m55_run(tmp_path):
    before = "#include <arm_mve.h>\n"
    invoke = """
int model_invoke(void) {
  vst1q_u8(arena + 32, vaddq_n_u8(vld1q_u8(arena), 1));
  return 0;
}
"""
    run = run_program(
        write_program(tmp_path, invoke, before=before), [[np.arange(16, dtype=np.int8)]], on="qemu:cortex-m55"
    )
    assert run.outputs == [[np.arange(1, 17, dtype=np.int8).tobytes()]]


@pytest.mark.parametrize("on", EMULATED)
def test_a_fault_names_address_and_function(tmp_path, on):
    before = "static uint32_t* volatile nowhere = reinterpret_cast<uint32_t*>(0x1F000000);\n"
    invoke = "int model_invoke(void) { if (arena[0] == 2) *nowhere = 1; return 0; }\n"
    with pytest.raises(ToolError) as raised:
        run_program(
            write_program(tmp_path, invoke, before=before), [[ZEROS], [ZEROS + 1], [ZEROS + 2]], on=on
        )
    message = raised.value.message
    assert "(model_invoke+0x" in message
    assert "in inference 2" in message
    assert "0x1f000000" in message


@pytest.mark.parametrize("on", PROTECTED)
@pytest.mark.parametrize("pointer", ("nullptr", "const_cast<uint8_t*>(&constant)", "arena + 0x800000"))
def test_writing_where_nothing_may_be_written_is_a_fault(tmp_path, on, pointer):
    before = "extern const uint8_t constant;\nconst uint8_t constant = 5;\n"
    before += f"extern uint8_t* volatile wild;\nuint8_t* volatile wild = {pointer};\n"
    invoke = "int model_invoke(void) { *wild = 1; return 0; }\n"
    with pytest.raises(ToolError, match=r"\(model_invoke\+0x.*access"):
        run_program(write_program(tmp_path, invoke, before=before), [[ZEROS]], on=on)


@pytest.mark.parametrize("on", EMULATED)
def test_an_abort_is_a_fault(tmp_path, on):
    invoke = "int model_invoke(void) { abort(); }\n"
    with pytest.raises(
        ToolError, match=r"\(abort\+0x0\).*(undefined instruction|breakpoint|illegal instruction)"
    ):
        run_program(
            write_program(tmp_path, invoke, before='extern "C" [[noreturn]] void abort();\n'),
            [[ZEROS]],
            on=on,
        )


@pytest.mark.parametrize("on", EMULATED)
def test_a_stack_overflow_is_told(tmp_path, on):
    invoke = """
__attribute__((noinline)) static int deep(volatile uint8_t* above, int level) {
  volatile uint8_t here[256];
  here[0] = static_cast<uint8_t>(above[0] + level);
  return level == 0 ? here[0] : deep(here, level - 1) + here[0];
}
int model_invoke(void) { arena[32] = static_cast<uint8_t>(deep(arena, 100000)); return 0; }
"""
    with pytest.raises(ToolError, match=r"overflowed its stack .* more than 131,072 bytes"):
        run_program(write_program(tmp_path, invoke), [[ZEROS]], on=on)


@pytest.mark.parametrize("on", BOARDS)
def test_an_endless_loop_ends(tmp_path, on):
    invoke = 'int model_invoke(void) { while (arena[0] == 5) asm volatile("" : : : "memory"); return 0; }\n'
    with pytest.raises(ToolError, match=r"stood still on .* in 0.5 seconds \(1 of 2 before\)"):
        run_program(write_program(tmp_path, invoke), [[ZEROS], [ZEROS + 5]], on=on, timeout_s=0.5)


@pytest.mark.parametrize("on", BOARDS)
def test_a_failing_program_says_what_it_returned(tmp_path, on):
    failing = write_program(
        tmp_path / "invoke", "int model_invoke(void) { return arena[0] == 3 ? -7 : 0; }\n"
    )
    with pytest.raises(ToolError, match="model_invoke returned -7 at inference 1"):
        run_program(failing, [[ZEROS], [ZEROS + 3]], on=on)
    init = write_program(tmp_path / "init", init="int model_init(void) { return 4; }\n")
    with pytest.raises(ToolError, match="model_init returned 4"):
        run_program(init, [[ZEROS]], on=on)


@pytest.mark.parametrize("on", ("host", "qemu:cortex-m4"))
@pytest.mark.parametrize("where, said", (("arena + 8", "not aligned to 16"), ("nullptr", "is null")))
def test_a_bad_input_pointer_is_told(tmp_path, on, where, said):
    tensors = f"void* model_input(int) {{ return {where}; }}\nvoid* model_output(int) {{ return arena; }}\n"
    with pytest.raises(ToolError, match=rf"model_input\(0\) .*{said}"):
        run_program(write_program(tmp_path, tensors=tensors), [[ZEROS]], on=on)


def test_a_crash_on_the_host_names_the_signal(tmp_path):
    before = "extern uint32_t* volatile nowhere;\nuint32_t* volatile nowhere = nullptr;\n"
    invoke = "int model_invoke(void) { *nowhere = 1; return 0; }\n"
    with pytest.raises(ToolError, match="SIGSEGV on host after 0 of 1"):
        run_program(write_program(tmp_path, invoke, before=before), [[ZEROS]], on="host")


@pytest.mark.parametrize(
    "invoke, said",
    (
        (
            "uint8_t* volatile base = arena; int model_invoke(void) { return base[128] == 1; }",
            "global-buffer-overflow",
        ),
        (
            "volatile int big = 0x7FFFFFFF; int model_invoke(void) { return big + 1 == 5; }",
            "signed integer overflow",
        ),
    ),
)
def test_the_sanitizers_find_it(tmp_path, invoke, said):
    program = write_program(tmp_path, invoke + "\n")
    with pytest.raises(ToolError, match=said):
        run_program(program, [[ZEROS]], on="host", sanitize=True)


def test_a_sound_program_passes_the_sanitizers(tmp_path):
    run = run_program(write_program(tmp_path), [[ZEROS]], on="host", sanitize=True)
    assert run.outputs == [[(ZEROS + 1).tobytes()]]


def test_wrong_inputs_are_refused(tmp_path):
    program = write_program(tmp_path)
    with pytest.raises(UsageError, match="inference 1: expected 1 input tensors, got 2"):
        run_program(program, [[ZEROS], [ZEROS, ZEROS]], on="host")
    with pytest.raises(UsageError, match="expected input 0 to have 16 bytes, got 64"):
        run_program(program, [[np.zeros(16, np.float32)]], on="host")
    with pytest.raises(UsageError, match="expected `on` to be one of host, qemu:cortex-m4"):
        run_program(program, [[ZEROS]], on="qemu:cortex-m3")
    with pytest.raises(UsageError, match="the sanitizers run on the host only"):
        run_program(program, [[ZEROS]], on="qemu:cortex-m4", sanitize=True)


def test_big_endian_arrays_arrive_in_the_boards_order(tmp_path):
    invoke = "int model_invoke(void) { memcpy(arena + 32, arena, 16); return 0; }\n"
    x = np.array([1, 2, 3, 4], ">u4")
    run = run_program(write_program(tmp_path, invoke), [[x]], on="host")
    assert run.outputs == [[x.astype("<u4").tobytes()]]


def test_missing_tools_are_named_with_the_line_that_installs_them(tmp_path, monkeypatch):
    program = write_program(tmp_path, ADDS_ONE)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError) as raised:
        run_program(program, [[ZEROS]], on="qemu:rv32")
    assert "riscv64-unknown-elf-g++, qemu-system-riscv32" in raised.value.message
    assert raised.value.hint == (
        "sudo apt-get install -y gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc"
    )
