// The DSP instructions that the C++ kernels use, and what they mean elsewhere.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_SIMD_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_SIMD_H_

#include <stdint.h>
#include <string.h>

namespace tflm_mcunet {
namespace arm_dsp {

// Unaligned words.
inline uint32_t load_word(const void* source) {
  uint32_t word;
  memcpy(&word, source, sizeof(word));
  return word;
}

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

// A function that is assembler alone. GCC must not conclude that it leaves its argument unread.
#if defined(__clang__)
#define TFLM_MCUNET_ASSEMBLER __attribute__((naked, noinline, aligned(4)))
#else
#define TFLM_MCUNET_ASSEMBLER __attribute__((naked, noipa, aligned(4)))
#endif

// sum + low(a) * low(b) + high(a) * high(b), the halves being int16.
inline int32_t smlad(uint32_t a, uint32_t b, int32_t sum) {
  int32_t result;
  asm("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
}

// Bytes 0 and 2 as int16.
inline uint32_t widen_even(uint32_t bytes) {
  uint32_t result;
  asm("sxtb16 %0, %1" : "=r"(result) : "r"(bytes));
  return result;
}

// Bytes 1 and 3 as int16.
inline uint32_t widen_odd(uint32_t bytes) {
  uint32_t result;
  asm("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(bytes));
  return result;
}

// The same, and to each half that of `halves` added.
inline uint32_t widen_even_plus(uint32_t halves, uint32_t bytes) {
  uint32_t result;
  asm("sxtab16 %0, %1, %2" : "=r"(result) : "r"(halves), "r"(bytes));
  return result;
}

inline uint32_t widen_odd_plus(uint32_t halves, uint32_t bytes) {
  uint32_t result;
  asm("sxtab16 %0, %1, %2, ror #8" : "=r"(result) : "r"(halves), "r"(bytes));
  return result;
}

// Of two words the low halves, the high halves.
inline uint32_t low_halves(uint32_t one, uint32_t two) {
  uint32_t result;
  asm("pkhbt %0, %1, %2, lsl #16" : "=r"(result) : "r"(one), "r"(two));
  return result;
}

inline uint32_t high_halves(uint32_t one, uint32_t two) {
  uint32_t result;
  asm("pkhtb %0, %2, %1, asr #16" : "=r"(result) : "r"(one), "r"(two));
  return result;
}

// (sum * multiplier >> 32) + constant.
inline int32_t scale(int32_t sum, int32_t multiplier, int32_t constant) {
  int32_t result;
  asm("smmla %0, %1, %2, %3" : "=r"(result) : "r"(sum), "r"(multiplier), "r"(constant));
  return result;
}

// The same with the product rounded to nearest, halves upwards.
inline int32_t scale_rounded(int32_t sum, int32_t multiplier, int32_t constant) {
  int32_t result;
  asm("smmlar %0, %1, %2, %3" : "=r"(result) : "r"(sum), "r"(multiplier), "r"(constant));
  return result;
}

// Twice a value, saturated.
inline int32_t doubled(int32_t value) {
  int32_t result;
  asm("qadd %0, %1, %1" : "=r"(result) : "r"(value));
  return result;
}

inline int32_t saturate(int32_t value) {
  int32_t result;
  asm("ssat %0, #8, %1" : "=r"(result) : "r"(value));
  return result;
}

#else

inline int32_t half(uint32_t word, int32_t index) { return static_cast<int16_t>(word >> (16 * index)); }

inline uint32_t halves(int32_t low, int32_t high) {
  return (static_cast<uint32_t>(low) & 0xFFFFu) | static_cast<uint32_t>(high) << 16;
}

inline int32_t smlad(uint32_t a, uint32_t b, int32_t sum) {
  const int32_t products = half(a, 0) * half(b, 0) + half(a, 1) * half(b, 1);
  return static_cast<int32_t>(static_cast<uint32_t>(sum) + static_cast<uint32_t>(products));
}

inline uint32_t widen_even(uint32_t bytes) {
  return halves(static_cast<int8_t>(bytes), static_cast<int8_t>(bytes >> 16));
}

inline uint32_t widen_odd(uint32_t bytes) { return widen_even(bytes >> 8); }

inline uint32_t widen_even_plus(uint32_t added, uint32_t bytes) {
  return halves(half(added, 0) + static_cast<int8_t>(bytes),
                half(added, 1) + static_cast<int8_t>(bytes >> 16));
}

inline uint32_t widen_odd_plus(uint32_t added, uint32_t bytes) { return widen_even_plus(added, bytes >> 8); }

inline uint32_t low_halves(uint32_t one, uint32_t two) { return (one & 0xFFFFu) | two << 16; }

inline uint32_t high_halves(uint32_t one, uint32_t two) { return one >> 16 | (two & 0xFFFF0000u); }

inline int32_t scale(int32_t sum, int32_t multiplier, int32_t constant) {
  return static_cast<int32_t>(static_cast<int64_t>(sum) * multiplier >> 32) + constant;
}

inline int32_t scale_rounded(int32_t sum, int32_t multiplier, int32_t constant) {
  const int64_t half = static_cast<int64_t>(1) << 31;
  return static_cast<int32_t>((static_cast<int64_t>(sum) * multiplier + half) >> 32) + constant;
}

inline int32_t doubled(int32_t value) {
  return value >= 1 << 30 ? INT32_MAX : (value < -(1 << 30) ? INT32_MIN : 2 * value);
}

inline int32_t saturate(int32_t value) { return value < -128 ? -128 : (value > 127 ? 127 : value); }

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_SIMD_H_
