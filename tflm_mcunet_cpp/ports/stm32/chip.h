// What differs from chip to chip; each file in chips/ defines it for one.
#ifndef TFLM_MCUNET_PORTS_STM32_CHIP_H_
#define TFLM_MCUNET_PORTS_STM32_CHIP_H_

#include <stdint.h>

namespace chip {

// Brings the core to its nominal clock, from the internal oscillator, so that no crystal is taken for
// granted; returns the core's clock in Hz, that of the oscillator where the PLL does not start.
uint32_t begin_clock();

// Powers the serial port, and connects its pins.
void begin_serial_pins();

// Core clock over the serial port's clock.
extern const uint32_t kSerialDivider;

// The serial port's registers. `kIsNewSerial`: those of the F0, F7 and later lines (ISR, RDR, TDR), not those
// of the F2 and F4 (SR, DR).
extern const uint32_t kSerialBase;
extern const bool kIsNewSerial;

}  // namespace chip

#endif  // TFLM_MCUNET_PORTS_STM32_CHIP_H_
