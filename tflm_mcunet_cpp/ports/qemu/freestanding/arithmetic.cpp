// The integer arithmetic that the Xtensa compiler expects in the chip's ROM: division, and products of 64
// bits. An emulated core has no such ROM. They count as part of the program.
#include <stdint.h>

namespace {

struct Division {
  uint64_t quotient;
  uint64_t remainder;
};

inline Division divide_words(uint32_t dividend, uint32_t divisor) {
  uint32_t quotient = 0;
  uint32_t remainder = 0;
  for (int32_t bit = 31; bit >= 0; --bit) {
    const uint32_t carry = remainder >> 31;
    remainder = remainder << 1 | (dividend >> bit & 1u);
    if (carry != 0 || remainder >= divisor) {
      remainder -= divisor;
      quotient |= 1u << bit;
    }
  }
  return {quotient, remainder};
}

inline Division divide_doubles(uint64_t dividend, uint64_t divisor) {
  uint64_t quotient = 0;
  uint64_t remainder = 0;
  for (int32_t bit = 63; bit >= 0; --bit) {
    const uint64_t carry = remainder >> 63;
    remainder = remainder << 1 | (dividend >> bit & 1u);
    if (carry != 0 || remainder >= divisor) {
      remainder -= divisor;
      quotient |= static_cast<uint64_t>(1) << bit;
    }
  }
  return {quotient, remainder};
}

inline uint32_t magnitude(int32_t value) {
  return value < 0 ? 0u - static_cast<uint32_t>(value) : static_cast<uint32_t>(value);
}

inline uint64_t magnitude(int64_t value) {
  return value < 0 ? 0u - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
}

}  // namespace

extern "C" {

uint32_t __udivsi3(uint32_t dividend, uint32_t divisor) {
  return static_cast<uint32_t>(divide_words(dividend, divisor).quotient);
}

uint32_t __umodsi3(uint32_t dividend, uint32_t divisor) {
  return static_cast<uint32_t>(divide_words(dividend, divisor).remainder);
}

int32_t __divsi3(int32_t dividend, int32_t divisor) {
  const uint32_t quotient = __udivsi3(magnitude(dividend), magnitude(divisor));
  return static_cast<int32_t>((dividend < 0) != (divisor < 0) ? 0u - quotient : quotient);
}

uint64_t __udivdi3(uint64_t dividend, uint64_t divisor) { return divide_doubles(dividend, divisor).quotient; }

uint64_t __umoddi3(uint64_t dividend, uint64_t divisor) {
  return divide_doubles(dividend, divisor).remainder;
}

int64_t __divdi3(int64_t dividend, int64_t divisor) {
  const uint64_t quotient = __udivdi3(magnitude(dividend), magnitude(divisor));
  return static_cast<int64_t>((dividend < 0) != (divisor < 0) ? 0u - quotient : quotient);
}

// The core multiplies 32 bits to the lower 32 bits of the product.
uint64_t __umulsidi3(uint32_t a, uint32_t b) {
  const uint32_t a_low = a & 0xFFFFu, a_high = a >> 16, b_low = b & 0xFFFFu, b_high = b >> 16;
  const uint32_t low = a_low * b_low;
  const uint32_t middle = a_high * b_low + (low >> 16);
  const uint32_t other = a_low * b_high + (middle & 0xFFFFu);
  const uint32_t high = a_high * b_high + (middle >> 16) + (other >> 16);
  return static_cast<uint64_t>(high) << 32 | (other << 16 | (low & 0xFFFFu));
}

int64_t __muldi3(int64_t a, int64_t b) {
  const uint64_t x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
  const uint32_t x_low = static_cast<uint32_t>(x), y_low = static_cast<uint32_t>(y);
  const uint32_t cross = static_cast<uint32_t>(x >> 32) * y_low + x_low * static_cast<uint32_t>(y >> 32);
  return static_cast<int64_t>(__umulsidi3(x_low, y_low) + (static_cast<uint64_t>(cross) << 32));
}

}  // extern "C"
