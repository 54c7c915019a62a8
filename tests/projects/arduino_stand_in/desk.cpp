// Arduino's API over standard input and output.
#include <poll.h>
#include <unistd.h>
#include <chrono>

#include "Arduino.h"

void setup();
void loop();
SerialPort Serial;

uint32_t micros() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}
uint32_t millis() { return micros() / 1000; }
void delay(uint32_t ms) { usleep(ms * 1000); }

void SerialPort::begin(unsigned long) {}
int SerialPort::read() {
  pollfd waiting = {0, POLLIN, 0};
  uint8_t byte = 0;
  if (poll(&waiting, 1, 0) != 1) return -1;
  if (::read(0, &byte, 1) != 1) _exit(0);
  return byte;
}
size_t SerialPort::write(const uint8_t* bytes, size_t count) {
  return static_cast<size_t>(::write(1, bytes, count));
}

int main() {
  setup();
  for (;;) loop();
}
