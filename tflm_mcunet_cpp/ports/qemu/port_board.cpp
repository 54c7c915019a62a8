// The port to an emulated board: RAM set-up, memory protection, semihosting files, the painted stack, the
// counter.
//
// The counter. Under `-icount shift=0` one executed instruction is one nanosecond of virtual time. A timer
// whose tick is P/Q instructions is read P times by a loop of `s` instructions a turn (s*Q and P have no
// common divisor): the reads then fall on every phase of the tick once, and the sum of floor((t + s*j) * Q /
// P) over j = 0..P-1 is t * Q plus a constant (Hermite's identity). So a coarse timer gives the exact
// instruction: elapsed = (difference of two sums) / Q. On RISC-V the instret register is exact by itself.
#include "port.h"

extern "C" {
// From the linker script.
extern uint32_t __data_start[], __data_end[], __data_image[], __bss_start[], __bss_end[];
extern uint32_t __harness_bss_start[], __harness_bss_end[];
extern uint32_t __program_stack_bottom[], __program_stack_top[];
extern uint32_t __harness_code_origin[], __harness_ram_origin[];
extern uint32_t __flash_origin[], __flash_end[], __sram_origin[], __sram_end[];
extern void (*__init_array_start[])();
extern void (*__init_array_end[])();

// From the assembler start-up.
int port_call_counted(int (*function)(), void* stack_top, uint64_t stamps[2]);
int port_empty_function();
uint32_t port_semihosting(uint32_t operation, uintptr_t argument);

// For the assembler start-up.
void port_start();
void port_fault(uint32_t cause, uint32_t pc, uint32_t address);
}

int main();

namespace tflm_mcunet_port {

namespace {

constexpr uint32_t kPaint = 0xA5C3965Au;

enum Semihosting : uint32_t { kSysOpen = 0x01, kSysWrite = 0x05, kSysRead = 0x06, kSysExit = 0x18 };
constexpr uint32_t kModeReadBinary = 1;
constexpr uint32_t kModeWriteBinary = 5;
constexpr uint32_t kExitSuccess = 0x20026;
constexpr uint32_t kExitFailure = 0x20023;

int Open(const char* name, uint32_t mode) {
  uint32_t length = 0;
  while (name[length] != 0) ++length;
  const uintptr_t block[3] = {reinterpret_cast<uintptr_t>(name), mode, length};
  return static_cast<int>(port_semihosting(kSysOpen, reinterpret_cast<uintptr_t>(block)));
}

// Semihosting returns the number of bytes that were *not* transferred.
bool Transfer(uint32_t operation, int file, uintptr_t bytes, uint32_t size) {
  const uintptr_t block[3] = {static_cast<uintptr_t>(file), bytes, size};
  return size == 0 || port_semihosting(operation, reinterpret_cast<uintptr_t>(block)) == 0;
}

uint32_t Address(const uint32_t* symbol) {
  return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(symbol));
}

#if defined(__arm__)
volatile uint32_t& Register(uint32_t address) { return *reinterpret_cast<volatile uint32_t*>(address); }
#endif

#if defined(__arm__)
// The MPU forbids all that is not listed: writing to flash, null pointers, memory that is not there (which
// the MPS2 boards of QEMU would otherwise read as zero), the memory below the stack. The handlers run without
// it.
constexpr uint32_t kMpuControl = 0xE000ED94u;
constexpr uint32_t kMpuNumber = 0xE000ED98u;
constexpr uint32_t kMpuBase = 0xE000ED9Cu;
constexpr uint32_t kMpuSize = 0xE000EDA0u;
constexpr uint32_t kHarnessBytes = 0x10000;
constexpr uint32_t kNullBytes = 0x2000;

#if __ARM_ARCH >= 8
// PMSAv8: base and limit in steps of 32 bytes; attribute 0 is normal memory, 1 a device.
constexpr uint32_t kMpuAttributes = 0xE000EDC0u;
enum Access : uint32_t {
  kReadWrite = 0x3,
  kReadExecute = 0x6,
  kDevice = 0x13
};  // AP and XN; bit 4: attribute 1
void Allow(uint32_t number, uint32_t begin, uint32_t end, uint32_t access) {
  Register(kMpuNumber) = number;
  Register(kMpuBase) = begin | (access & 0x7);
  Register(kMpuSize) = ((end - 1) & ~31u) | (access >> 4 << 1) | 1;
}
#else
// PMSAv7: a power of two of bytes, aligned to itself, in eight parts of which the lowest may be left out.
enum Access : uint32_t { kReadWrite = 0x13020000u, kReadExecute = 0x06020000u, kDevice = 0x13010000u };
void Allow(uint32_t number, uint32_t begin, uint32_t end, uint32_t access) {
  const uint32_t first_part_left_out = begin == kNullBytes ? 0x100u : 0;
  begin &= ~kNullBytes;
  uint32_t log2_bytes = 5;
  while ((1u << log2_bytes) < end - begin) ++log2_bytes;
  Register(kMpuNumber) = number;
  Register(kMpuBase) = begin;
  Register(kMpuSize) = access | first_part_left_out | ((log2_bytes - 1) << 1) | 1;
}
#endif

void ProtectMemory() {
#if __ARM_ARCH >= 8
  Register(kMpuAttributes) = 0x0444;
  Allow(4, Address(__sram_origin), Address(__sram_end), kReadWrite);
  Allow(5, Address(__program_stack_bottom), Address(__program_stack_top), kReadWrite);
#else
  // Stack and SRAM lie side by side, and only together do they begin at a round address.
  Allow(4, Address(__program_stack_bottom), Address(__sram_end), kReadWrite);
#endif
  Allow(0, Address(__harness_code_origin) + kNullBytes, Address(__harness_code_origin) + kHarnessBytes,
        kReadExecute);
  Allow(1, Address(__harness_ram_origin), Address(__harness_ram_origin) + kHarnessBytes, kReadWrite);
  Allow(2, Address(__flash_origin), Address(__flash_end), kReadExecute);
  Allow(3, PORT_TIMER_BASE, PORT_TIMER_BASE + 0x1000, kDevice);
  Register(kMpuControl) = 1;
  asm volatile("dsb\n\tisb" : : : "memory");
}
#else
void ProtectMemory() {}  // the start-up code did it
#endif

#if defined(PORT_TIMER_CMSDK)
// CMSDK APB timer: counts down from VALUE; its interrupt flag tells that it passed zero (nobody takes the
// interrupt).
constexpr uint32_t kTimerBase = PORT_TIMER_BASE;
void RestartTimer() {
  Register(kTimerBase + 0x0) = 0;
  Register(kTimerBase + 0xC) = 1;
  Register(kTimerBase + 0x8) = 0xFFFFFFFFu;
  Register(kTimerBase + 0x4) = 0xFFFFFFFFu;
  Register(kTimerBase + 0x0) = 0x9;
}
bool TimerOverflowed() { return (Register(kTimerBase + 0xC) & 1) != 0; }
#elif defined(PORT_TIMER_SSE)
// SSE-300 system counter, 64 bits; the start-up code reads its lower half.
constexpr uint32_t kTimerBase = PORT_TIMER_BASE;
void RestartTimer() {
  Register(kTimerBase + 0x0) = 0;
  Register(kTimerBase + 0x8) = 0;
  Register(kTimerBase + 0xC) = 0;
  Register(kTimerBase + 0x0) = 1;
}
bool TimerOverflowed() { return Register(kTimerBase + 0xC) != 0; }
#elif defined(PORT_TIMER_CCOUNT)
// Xtensa's cycle counter. The start-up code sums its reads in 32 bits.
void RestartTimer() {
  const uint32_t zero = 0;
  asm volatile("wsr %0, ccount\n\trsync" : : "r"(zero));
}
bool TimerOverflowed() {
  uint32_t ticks;
  asm volatile("rsr %0, ccount" : "=r"(ticks));
  return ticks >= 0xFFFFFFFFu / PORT_TIMER_READS - 1;
}
#else
void RestartTimer() {}
bool TimerOverflowed() { return false; }
#endif

}  // namespace

int (*const kEmptyFunction)() = port_empty_function;

int OpenForReading(const char* name) { return Open(name, kModeReadBinary); }
int OpenForWriting(const char* name) { return Open(name, kModeWriteBinary); }
bool Read(int file, void* bytes, uint32_t size) {
  return Transfer(kSysRead, file, reinterpret_cast<uintptr_t>(bytes), size);
}
bool Write(int file, const void* bytes, uint32_t size) {
  return Transfer(kSysWrite, file, reinterpret_cast<uintptr_t>(bytes), size);
}
void Exit(int status) {
  for (;;) port_semihosting(kSysExit, status == 0 ? kExitSuccess : kExitFailure);
}

void PaintProgramStack() {
  for (volatile uint32_t* word = __program_stack_bottom; word < __program_stack_top; ++word) *word = kPaint;
}

uint32_t ProgramStackMark() {
  const volatile uint32_t* word = __program_stack_bottom;
  while (word < __program_stack_top && *word == kPaint) ++word;
  return Address(__program_stack_top) - static_cast<uint32_t>(reinterpret_cast<uintptr_t>(word));
}

uint32_t ProgramStackSize() { return Address(__program_stack_top) - Address(__program_stack_bottom); }

bool CallProgram(int (*function)(), int* status, uint64_t* elapsed) {
  uint64_t stamps[2] = {0, 0};
  RestartTimer();
  *status = port_call_counted(function, __program_stack_top, stamps);
  *elapsed = (stamps[1] - stamps[0]) / PORT_TIMER_SUMS_PER_INSTRUCTION;
  return !TimerOverflowed();
}

}  // namespace tflm_mcunet_port

void port_start() {
  tflm_mcunet_port::ProtectMemory();
  const uint32_t* image = __data_image;
  for (volatile uint32_t* word = __data_start; word < __data_end; ++word) *word = *image++;
  for (volatile uint32_t* word = __bss_start; word < __bss_end; ++word) *word = 0;
  for (volatile uint32_t* word = __harness_bss_start; word < __harness_bss_end; ++word) *word = 0;
  for (void (**constructor)() = __init_array_start; constructor < __init_array_end; ++constructor)
    (*constructor)();
  main();
}

void port_fault(uint32_t cause, uint32_t pc, uint32_t address) {
  tflm_mcunet_port::ReportFault(cause, pc, address);
}
