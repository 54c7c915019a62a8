// STM32F411 (RM0383, DS10314): 100 MHz; USART2 on PA2 and PA3, the virtual COM port of the Nucleo board.
#include "../chip.h"
#include "stm32f4.h"

namespace chip {

const uint32_t kSerialDivider = 2;  // APB1
const uint32_t kSerialBase = 0x40004400;
const bool kIsNewSerial = false;

uint32_t begin_clock() { return stm32f4::begin_pll({400, 4, 4, 0, 3}); }

void begin_serial_pins() {
  set_bits(stm32f4::kRccAhb1Enr, 1u << 0);   // GPIOA
  set_bits(stm32f4::kRccApb1Enr, 1u << 17);  // USART2
  stm32f4::connect_pin(stm32f4::kGpioA, 2, 7);
  stm32f4::connect_pin(stm32f4::kGpioA, 3, 7);
}

}  // namespace chip
