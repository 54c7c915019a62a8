// DSP instructions on two halves or four bytes of a word at once, and what they mean elsewhere.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_LANES_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_LANES_H_

#include <stdint.h>
#include <string.h>

namespace tflm_mcunet {
namespace arm_dsp {

// Unaligned.
inline void store_word(void* target, uint32_t word) { memcpy(target, &word, sizeof(word)); }

// A half as int16.
inline int32_t lane(uint32_t word, int32_t index) { return static_cast<int16_t>(word >> (16 * index)); }

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

// Both halves and the bytes 0 and 2.
inline uint32_t add_even(uint32_t sums, uint32_t bytes) {
  uint32_t result;
  asm("sxtab16 %0, %1, %2" : "=r"(result) : "r"(sums), "r"(bytes));
  return result;
}

// Both halves and the bytes 1 and 3.
inline uint32_t add_odd(uint32_t sums, uint32_t bytes) {
  uint32_t result;
  asm("sxtab16 %0, %1, %2, ror #8" : "=r"(result) : "r"(sums), "r"(bytes));
  return result;
}

// To int16.
inline int32_t saturate_16(int32_t value) {
  int32_t result;
  asm("ssat %0, #16, %1" : "=r"(result) : "r"(value));
  return result;
}

// The larger of each two bytes, as int8.
inline uint32_t larger_bytes(uint32_t a, uint32_t b) {
  uint32_t result;
  asm("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(result) : "r"(a), "r"(b) : "cc");
  return result;
}

// a * b / 2^32, to nearest, halves upwards.
inline int32_t multiply_rounded(int32_t a, int32_t b) {
  int32_t result;
  asm("smmulr %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
}

inline int32_t multiply_low(uint32_t a, uint32_t b) {
  int32_t result;
  asm("smulbb %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
}

inline int32_t multiply_high(uint32_t a, uint32_t b) {
  int32_t result;
  asm("smultt %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
}

#else

inline uint32_t add_even(uint32_t sums, uint32_t bytes) {
  const int32_t low = lane(sums, 0) + static_cast<int8_t>(bytes);
  const int32_t high = lane(sums, 1) + static_cast<int8_t>(bytes >> 16);
  return (static_cast<uint32_t>(low) & 0xFFFFu) | static_cast<uint32_t>(high) << 16;
}

inline uint32_t add_odd(uint32_t sums, uint32_t bytes) { return add_even(sums, bytes >> 8); }

inline int32_t saturate_16(int32_t value) {
  return value < -32768 ? -32768 : (value > 32767 ? 32767 : value);
}

inline uint32_t larger_bytes(uint32_t a, uint32_t b) {
  uint32_t result = 0;
  for (int32_t i = 0; i < 32; i += 8) {
    const bool is_larger = static_cast<int8_t>(a >> i) >= static_cast<int8_t>(b >> i);
    result |= (is_larger ? a : b) & (0xFFu << i);
  }
  return result;
}

inline int32_t multiply_rounded(int32_t a, int32_t b) {
  return static_cast<int32_t>((static_cast<int64_t>(a) * b + (static_cast<int64_t>(1) << 31)) >> 32);
}

inline int32_t multiply_low(uint32_t a, uint32_t b) { return lane(a, 0) * lane(b, 0); }

inline int32_t multiply_high(uint32_t a, uint32_t b) { return lane(a, 1) * lane(b, 1); }

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_LANES_H_
