// board.h for Arduino: the port that is called Serial, and micros().
#include "board.h"

#include <Arduino.h>

namespace board {
namespace {

constexpr uint32_t kBaud = 115200;

}  // namespace

void begin() { Serial.begin(kBaud); }

int32_t read_byte(uint32_t timeout_ms) {
  const uint32_t begin = millis();
  do {
    const int byte = Serial.read();
    if (byte >= 0) {
      return byte;
    }
  } while (millis() - begin < timeout_ms);
  return -1;
}

void write_bytes(const void* bytes, uint32_t count) {
  Serial.write(static_cast<const uint8_t*>(bytes), count);
}

// micros() wraps after 71 minutes, and is called more often than that.
uint64_t ticks() {
  static uint32_t last = 0;
  static uint64_t wrapped = 0;
  const uint32_t now = micros();
  if (now < last) {
    wrapped += static_cast<uint64_t>(1) << 32;
  }
  last = now;
  return wrapped + now;
}

uint32_t ticks_per_second() { return 1000000; }

}  // namespace board
