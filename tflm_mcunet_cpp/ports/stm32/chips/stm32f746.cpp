// STM32F746 (RM0385, DS10916): 216 MHz; USART1 on PA9 and PB7, the virtual COM port of the Discovery board.
#include "../chip.h"
#include "stm32f4.h"

namespace chip {
namespace {

// Reset and clock control and the GPIO ports lie where those of the F4 do.
constexpr uint32_t kPwrCr1 = stm32f4::kPwrCr, kPwrCsr1 = stm32f4::kPwrCr + 4;
constexpr uint32_t kOverdriveOn = 1u << 16, kOverdriveSwitch = 1u << 17;
constexpr uint32_t kGpioB = 0x40020400;

}  // namespace

const uint32_t kSerialDivider = 2;  // APB2
const uint32_t kSerialBase = 0x40011000;
const bool kIsNewSerial = true;

uint32_t begin_clock() {
  set_bits(stm32f4::kRccApb1Enr, 1u << 28);  // PWREN
  // Above 180 MHz the regulator must be in overdrive (RM0385 section 4.1.4). Both bits are in PWR_CSR1, too.
  set_bits(kPwrCr1, 3u << 14);
  set_bits(kPwrCr1, kOverdriveOn);
  const bool is_on = wait_for(kPwrCsr1, kOverdriveOn);
  set_bits(kPwrCr1, kOverdriveSwitch);
  const bool is_switched = is_on && wait_for(kPwrCsr1, kOverdriveSwitch);
  // Without overdrive: 160 MHz.
  return stm32f4::begin_pll({is_switched ? 432u : 320u, 2, 5, 4, 7});
}

void begin_serial_pins() {
  set_bits(stm32f4::kRccAhb1Enr, 3u << 0);  // GPIOA, GPIOB
  set_bits(stm32f4::kRccApb2Enr, 1u << 4);  // USART1
  stm32f4::connect_pin(stm32f4::kGpioA, 9, 7);
  stm32f4::connect_pin(kGpioB, 7, 7);
}

}  // namespace chip
