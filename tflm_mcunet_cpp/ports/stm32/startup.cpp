// From reset to main: the vector table, initialised data, the FPU. What the linker script names is declared
// here.
#include <stdint.h>

#include "registers.h"

extern "C" {
extern uint32_t __stack_top[], __data_start[], __data_end[], __data_image[], __bss_start[], __bss_end[];
void reset_handler();
void systick_handler();
}

int main();

namespace {

constexpr uint32_t kCoprocessorAccess = 0xE000ED88, kVectorTable = 0xE000ED08;

// A fault stops here: attach a debugger, or see README for what may cause one.
[[noreturn]] void stopped() {
  for (;;) {
    asm volatile("nop");
  }
}

using Handler = void (*)();

}  // namespace

// Initial stack pointer, then the core's 15 exceptions; no interrupt of the chip is used.
extern "C" __attribute__((section(".vectors"), used)) const uintptr_t vectors[16] = {
    reinterpret_cast<uintptr_t>(__stack_top),
    reinterpret_cast<uintptr_t>(static_cast<Handler>(reset_handler)),
    reinterpret_cast<uintptr_t>(static_cast<Handler>(stopped)),
    reinterpret_cast<uintptr_t>(static_cast<Handler>(stopped)),
    reinterpret_cast<uintptr_t>(static_cast<Handler>(stopped)),
    reinterpret_cast<uintptr_t>(static_cast<Handler>(stopped)),
    reinterpret_cast<uintptr_t>(static_cast<Handler>(stopped)),
    0,
    0,
    0,
    0,
    reinterpret_cast<uintptr_t>(static_cast<Handler>(stopped)),
    reinterpret_cast<uintptr_t>(static_cast<Handler>(stopped)),
    0,
    reinterpret_cast<uintptr_t>(static_cast<Handler>(stopped)),
    reinterpret_cast<uintptr_t>(static_cast<Handler>(systick_handler)),
};

void reset_handler() {
  reg(kVectorTable) = reinterpret_cast<uintptr_t>(vectors);
  set_bits(kCoprocessorAccess, 0xFu << 20);  // CP10 and CP11: the FPU
  asm volatile("dsb\n\tisb" : : : "memory");
  const uint32_t* image = __data_image;
  for (volatile uint32_t* word = __data_start; word < __data_end; ++word) {
    *word = *image++;
  }
  for (volatile uint32_t* word = __bss_start; word < __bss_end; ++word) {
    *word = 0;
  }
  main();
  stopped();
}
