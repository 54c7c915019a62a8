// board.h for STM32: a polled serial line, and SysTick as the clock.
#include "../common/board.h"

#include "chip.h"
#include "registers.h"

namespace {

constexpr uint32_t kBaud = 115200;

// SysTick (Armv7-M Architecture Reference Manual, B3.3) counts the core's cycles down from kReload.
constexpr uint32_t kSysTickControl = 0xE000E010, kSysTickReload = 0xE000E014, kSysTickValue = 0xE000E018;
constexpr uint32_t kInterruptControl = 0xE000ED04;
constexpr uint32_t kReload = 0x00FFFFFF;
constexpr uint32_t kSysTickPending = 1u << 26;

// Cortex-M7: cache maintenance and control (B2.2.7, B3.2).
constexpr uint32_t kCacheControl = 0xE000ED14, kInvalidateInstructions = 0xE000EF50;

uint32_t core_hz = 0;
volatile uint32_t wraps = 0;

// The serial port's registers of either generation.
struct Serial {
  uint32_t status, receive, transmit;
};

Serial serial() {
  const uint32_t base = chip::kSerialBase;
  return chip::kIsNewSerial ? Serial{base + 0x1C, base + 0x24, base + 0x28}
                            : Serial{base, base + 4, base + 4};
}

constexpr uint32_t kReceived = 1u << 5, kCanTransmit = 1u << 7, kOverrun = 1u << 3;

void begin_serial() {
  const uint32_t base = chip::kSerialBase;
  const uint32_t control = chip::kIsNewSerial ? base : base + 0x0C;
  const uint32_t divider = chip::kIsNewSerial ? base + 0x0C : base + 0x08;
  reg(divider) = (core_hz / chip::kSerialDivider + kBaud / 2) / kBaud;
  reg(control) = chip::kIsNewSerial ? 0x0000000Du : 0x0000200Cu;  // enabled, both directions, 8N1
}

}  // namespace

extern "C" void systick_handler() { wraps = wraps + 1; }

namespace board {

void begin() {
#if defined(__ARM_ARCH_7EM__) && defined(CHIP_HAS_CACHES)
  reg(kInvalidateInstructions) = 0;
  asm volatile("dsb\n\tisb" : : : "memory");
  set_bits(kCacheControl, 1u << 17);  // the instruction cache; data stays coherent without one
  asm volatile("dsb\n\tisb" : : : "memory");
#endif
  core_hz = chip::begin_clock();
  chip::begin_serial_pins();
  begin_serial();
  reg(kSysTickReload) = kReload;
  reg(kSysTickValue) = 0;
  reg(kSysTickControl) = 7;  // the core's clock, with its interrupt
}

uint64_t ticks() {
  // A wrap between the reads shows in either: then they are read again.
  for (;;) {
    const uint32_t before = wraps;
    const uint32_t value = reg(kSysTickValue);
    if (before == wraps && (reg(kInterruptControl) & kSysTickPending) == 0) {
      return static_cast<uint64_t>(before) * (kReload + 1u) + (kReload - value);
    }
  }
}

uint32_t ticks_per_second() { return core_hz; }

int32_t read_byte(uint32_t timeout_ms) {
  const Serial port = serial();
  const uint64_t end = ticks() + static_cast<uint64_t>(core_hz / 1000) * timeout_ms;
  do {
    const uint32_t status = reg(port.status);
    if (chip::kIsNewSerial && (status & kOverrun) != 0) {
      reg(chip::kSerialBase + 0x20) = kOverrun;  // ICR: else nothing more is received
    }
    if ((status & kReceived) != 0) {
      return static_cast<int32_t>(reg(port.receive) & 0xFFu);
    }
  } while (ticks() < end);
  return -1;
}

void write_bytes(const void* bytes, uint32_t count) {
  const Serial port = serial();
  const uint8_t* next = static_cast<const uint8_t*>(bytes);
  for (; count != 0; --count) {
    while ((reg(port.status) & kCanTransmit) == 0) {
    }
    reg(port.transmit) = *next++;
  }
}

}  // namespace board
