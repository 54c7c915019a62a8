// STM32F405 and F407 (RM0090, DS8626): 168 MHz; USART1 on PA9 and PA10.
#include "../chip.h"
#include "stm32f4.h"

namespace chip {

const uint32_t kSerialDivider = 2;  // APB2
const uint32_t kSerialBase = 0x40011000;
const bool kIsNewSerial = false;

uint32_t begin_clock() { return stm32f4::begin_pll({336, 2, 5, 4, 5}); }

void begin_serial_pins() {
  set_bits(stm32f4::kRccAhb1Enr, 1u << 0);  // GPIOA
  set_bits(stm32f4::kRccApb2Enr, 1u << 4);  // USART1
  stm32f4::connect_pin(stm32f4::kGpioA, 9, 7);
  stm32f4::connect_pin(stm32f4::kGpioA, 10, 7);
}

}  // namespace chip
