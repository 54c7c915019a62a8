// What a board gives to the program on it: a serial line and a clock. Each port defines these functions.
#ifndef TFLM_MCUNET_PORTS_BOARD_H_
#define TFLM_MCUNET_PORTS_BOARD_H_

#include <stdint.h>

namespace board {

// Clocks, serial line and timer; call it once, first.
void begin();

// The next byte from the serial line, or -1 where none came within that many milliseconds.
int32_t read_byte(uint32_t timeout_ms);

void write_bytes(const void* bytes, uint32_t count);

// A clock that counts up while the program runs.
uint64_t ticks();
uint32_t ticks_per_second();

}  // namespace board

#endif  // TFLM_MCUNET_PORTS_BOARD_H_
