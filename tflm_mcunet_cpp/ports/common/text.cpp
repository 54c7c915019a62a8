#include "text.h"

#include "board.h"

namespace text {

void print(const char* words) {
  uint32_t count = 0;
  while (words[count] != '\0') {
    ++count;
  }
  board::write_bytes(words, count);
}

void print_number(int32_t value) {
  char digits[11];
  uint32_t first = sizeof(digits);
  uint32_t rest = value < 0 ? 0u - static_cast<uint32_t>(value) : static_cast<uint32_t>(value);
  do {
    digits[--first] = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  if (value < 0) {
    digits[--first] = '-';
  }
  board::write_bytes(digits + first, sizeof(digits) - first);
}

void print_hexadecimal(uint32_t value) {
  char digits[8];
  for (uint32_t i = 0; i < sizeof(digits); ++i) {
    digits[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15u];
  }
  board::write_bytes(digits, sizeof(digits));
}

}  // namespace text
