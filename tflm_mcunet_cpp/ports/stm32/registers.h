// Memory-mapped registers.
#ifndef TFLM_MCUNET_PORTS_STM32_REGISTERS_H_
#define TFLM_MCUNET_PORTS_STM32_REGISTERS_H_

#include <stdint.h>

inline volatile uint32_t& reg(uint32_t address) { return *reinterpret_cast<volatile uint32_t*>(address); }

inline void set_bits(uint32_t address, uint32_t bits) { reg(address) = reg(address) | bits; }

// Clears the bits of `mask`, then sets `bits`.
inline void change_bits(uint32_t address, uint32_t mask, uint32_t bits) {
  reg(address) = (reg(address) & ~mask) | bits;
}

// Waits until a bit of `mask` is set; false where it never is, as in an emulator without that part.
inline bool wait_for(uint32_t address, uint32_t mask) {
  for (uint32_t turns = 0; turns < 100000; ++turns) {
    if ((reg(address) & mask) != 0) {
      return true;
    }
  }
  return false;
}

#endif  // TFLM_MCUNET_PORTS_STM32_REGISTERS_H_
