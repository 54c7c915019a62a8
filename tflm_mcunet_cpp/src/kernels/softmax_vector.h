// SOFTMAX of one vector from its exponentials. The fixed-point arithmetic is TFLite Micro's
// (kernels/internal/reference/softmax.h): exponentials in Q31, their sum in Q12.19, its reciprocal by three
// Newton-Raphson steps in Q2.29.
#ifndef TFLM_MCUNET_KERNELS_SOFTMAX_VECTOR_H_
#define TFLM_MCUNET_KERNELS_SOFTMAX_VECTOR_H_

#include <stdint.h>

#include "requantize.h"

namespace tflm_mcunet {
namespace softmax {

constexpr int32_t kSumIntegerBits = 12;
constexpr int32_t kOneQ29 = 1 << 29;
constexpr int32_t k48Over17Q29 = 1515870810;   // 48 / 17
constexpr int32_t k32Over17Q29 = -1010580540;  // -32 / 17

// value * 2^exponent, saturating as gemmlowp does: symmetrically, one early on the negative side.
inline int32_t saturating_shift_left(int32_t value, int32_t exponent) {
  const int32_t threshold = (1 << (31 - exponent)) - 1;
  if (value > threshold) {
    return INT32_MAX;
  }
  return value < -threshold ? INT32_MIN : value * (1 << exponent);
}

// 1 / (1 + x) for x in [0, 1), both Q31.
inline int32_t reciprocal_of_one_plus(int32_t x) {
  const int32_t half_denominator = static_cast<int32_t>((static_cast<int64_t>(x) + INT32_MAX + 1) / 2);
  int32_t estimate = k48Over17Q29 + rounding_high_multiply(half_denominator, k32Over17Q29);
  for (int32_t step = 0; step < 3; ++step) {
    const int32_t error = kOneQ29 - rounding_high_multiply(half_denominator, estimate);
    estimate += saturating_shift_left(rounding_high_multiply(estimate, error), 2);
  }
  return saturating_shift_left(estimate, 1);
}

inline int32_t leading_zeros(uint32_t value) {
  int32_t count = 0;
  for (uint32_t bit = 0x80000000u; bit != 0 && (value & bit) == 0; bit >>= 1) {
    ++count;
  }
  return count;
}

inline int32_t largest_of(const int8_t* values, int32_t count) {
  int32_t largest = INT8_MIN;
  for (int32_t i = 0; i < count; ++i) {
    largest = values[i] > largest ? values[i] : largest;
  }
  return largest;
}

// One vector's shares of 1. `exponential(i)` is e^x in Q31 for value i less the largest, asked for twice
// before output i is written.
template <typename Output, typename Exponential>
void softmax_vector(int32_t depth, const Exponential& exponential, Output* output) {
  constexpr int32_t kOutputBits = 8 * static_cast<int32_t>(sizeof(Output));
  constexpr int32_t kOutputMin = -(1 << (kOutputBits - 1));
  constexpr int32_t kOutputMax = (1 << (kOutputBits - 1)) - 1;
  int32_t sum = 0;
  for (int32_t i = 0; i < depth; ++i) {
    sum += rounding_shift_right(exponential(i), kSumIntegerBits);
  }
  const int32_t headroom = leading_zeros(static_cast<uint32_t>(sum));
  const uint32_t fraction = (static_cast<uint32_t>(sum) << headroom) - 0x80000000u;
  const int32_t reciprocal = reciprocal_of_one_plus(static_cast<int32_t>(fraction));
  const int32_t exponent = kSumIntegerBits - headroom + 31 - kOutputBits;
  for (int32_t i = 0; i < depth; ++i) {
    const int32_t share = rounding_high_multiply(reciprocal, exponential(i));
    // TFLite Micro stops at a sum so large; every share is then less than half a step of the output.
    const int32_t scaled = exponent > 31 ? 0 : rounding_shift_right(share, exponent);
    output[i] = static_cast<Output>(clamp(scaled + kOutputMin, kOutputMin, kOutputMax));
  }
}

}  // namespace softmax
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_SOFTMAX_VECTOR_H_
