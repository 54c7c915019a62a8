// Requantisation, in one place: from an int32 accumulator to an int8 value, rounded as TFLite Micro rounds.
//
// TFLite Micro (kernels/internal/common.cc, double rounding) takes a saturating rounding doubling high
// multiply followed by a rounding shift. The first is floor((a*b + 2^30) / 2^31) for every pair but (-2^31,
// -2^31), which cannot occur, because a multiplier is never negative; the second rounds halves away from
// zero.
#ifndef TFLM_MCUNET_KERNELS_REQUANTIZE_H_
#define TFLM_MCUNET_KERNELS_REQUANTIZE_H_

#include <stdint.h>

namespace tflm_mcunet {

// value * multiplier / 2^31, rounded to nearest, halves upwards.
inline int32_t rounding_high_multiply(int32_t value, int32_t multiplier) {
  const int64_t product = static_cast<int64_t>(value) * multiplier;
  return static_cast<int32_t>((product + (static_cast<int64_t>(1) << 30)) >> 31);
}

// value / 2^exponent, rounded to nearest, halves away from zero. 0 <= exponent <= 31.
inline int32_t rounding_shift_right(int32_t value, int32_t exponent) {
  const int32_t mask = static_cast<int32_t>((static_cast<uint32_t>(1) << exponent) - 1u);
  const int32_t threshold = (mask >> 1) + (value < 0 ? 1 : 0);
  return (value >> exponent) + ((value & mask) > threshold ? 1 : 0);
}

// value * multiplier * 2^(shift - 31), for a multiplier >= 0; a positive shift is applied first and wraps.
inline int32_t requantize(int32_t value, int32_t multiplier, int32_t shift) {
  const int32_t left = shift > 0 ? shift : 0;
  const int32_t right = shift > 0 ? 0 : -shift;
  const int32_t scaled = static_cast<int32_t>(static_cast<uint32_t>(value) << left);
  return rounding_shift_right(rounding_high_multiply(scaled, multiplier), right);
}

inline int32_t clamp(int32_t value, int32_t low, int32_t high) {
  return value < low ? low : (value > high ? high : value);
}

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_REQUANTIZE_H_
