// What our Arduino library uses of Arduino's API: enough to compile it, and to run its sketch on a desk,
// where Serial is standard input and output.
#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t millis();
uint32_t micros();
void delay(uint32_t ms);

struct SerialPort {
  void begin(unsigned long baud);
  int read();
  size_t write(const uint8_t* bytes, size_t count);
};
extern SerialPort Serial;
