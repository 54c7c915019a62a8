// Reset and clock control of the STM32F4 line (RM0090 section 7, RM0383 section 6).
#ifndef TFLM_MCUNET_PORTS_STM32_CHIPS_STM32F4_H_
#define TFLM_MCUNET_PORTS_STM32_CHIPS_STM32F4_H_

#include "../registers.h"

namespace stm32f4 {

constexpr uint32_t kRcc = 0x40023800;
constexpr uint32_t kRccCr = kRcc + 0x00, kRccPllCfgr = kRcc + 0x04, kRccCfgr = kRcc + 0x08;
constexpr uint32_t kRccAhb1Enr = kRcc + 0x30, kRccApb1Enr = kRcc + 0x40, kRccApb2Enr = kRcc + 0x44;
constexpr uint32_t kPwrCr = 0x40007000;
constexpr uint32_t kFlashAcr = 0x40023C00;
constexpr uint32_t kGpioA = 0x40020000;
constexpr uint32_t kHsiHz = 16000000;

constexpr uint32_t kPllOn = 1u << 24, kPllReady = 1u << 25;
constexpr uint32_t kSwitchPll = 2, kSwitchedPll = 2u << 2;

struct Pll {
  uint32_t multiply;  // of the 1 MHz that the input is divided to
  uint32_t divide;    // 2, 4, 6 or 8
  uint32_t apb1;      // CFGR.PPRE1: 4 for half, 5 for a quarter
  uint32_t apb2;      // CFGR.PPRE2
  uint32_t flash_wait_states;
};

// HSI / 16 * multiply / divide; the core's clock in Hz.
inline uint32_t begin_pll(const Pll& pll) {
  set_bits(kRccApb1Enr, 1u << 28);                 // PWREN
  set_bits(kPwrCr, 3u << 14);                      // VOS: scale 1
  reg(kFlashAcr) = 0x700 | pll.flash_wait_states;  // DCEN, ICEN, PRFTEN
  // PLLSRC 0: HSI; Q keeps the 48 MHz domain below its limit.
  reg(kRccPllCfgr) = 16 | pll.multiply << 6 | (pll.divide / 2 - 1) << 16 | 9u << 24;
  set_bits(kRccCr, kPllOn);
  if (!wait_for(kRccCr, kPllReady)) {
    return kHsiHz;
  }
  reg(kRccCfgr) = pll.apb1 << 10 | pll.apb2 << 13 | kSwitchPll;
  if (!wait_for(kRccCfgr, kSwitchedPll)) {
    return kHsiHz;
  }
  return kHsiHz / 16 * pll.multiply / pll.divide;
}

// Makes a pin the alternate function of that number (GPIO registers MODER and AFR).
inline void connect_pin(uint32_t gpio, uint32_t pin, uint32_t function) {
  change_bits(gpio, 3u << (2 * pin), 2u << (2 * pin));
  change_bits(gpio + 0x20 + pin / 8 * 4, 0xFu << (pin % 8 * 4), function << (pin % 8 * 4));
}

}  // namespace stm32f4

#endif  // TFLM_MCUNET_PORTS_STM32_CHIPS_STM32F4_H_
