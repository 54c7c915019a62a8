// Requantisation of the DSP family, in one place: how a sum becomes an output value.
//
// The constants are found and proven offline (codegen/arm_dsp/records.py and codegen/merged_requantize.py).
// Sums are those of TFLite Micro times 256.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_FINISH_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_FINISH_H_

#include <stdint.h>

#include "simd.h"

namespace tflm_mcunet {
namespace arm_dsp {

// How a sum becomes an output value; chosen offline.
enum Finish : int32_t {
  kSaturate = 0,  // the lower clamp hides the sign fix, and the clamps are those of int8
  kSignFix = 1,   // halves of negative values are rounded away from zero
  kClamp = 2,     // as kSignFix, and clamped to [output_min, output_max]
};

// The output value of a sum with kSaturate: constant and shift are those of the layer.
inline int8_t saturated(int32_t sum, int32_t multiplier, int32_t constant, int32_t shift) {
  return static_cast<int8_t>(saturate(scale(sum, multiplier, constant) >> shift));
}

// The value of a sum with kSignFix and kClamp before it is clamped: the channel's shift is one more than
// `shift`, and its constant follows from it and from the layer's, 2 * output zero point + 1.
inline int32_t rounded(int32_t sum, int32_t multiplier, int32_t constant, int32_t shift) {
  const int32_t half = static_cast<int32_t>(static_cast<uint32_t>(constant) << shift) + 64;
  return scale(sum, multiplier, half - (sum < 0 ? 128 : 0)) >> shift >> 1;
}

// The same with the constant itself, which is less by `sign_fix` below zero: 2^(b - 1) where sums are those
// of TFLite Micro times 2^b, or 0.
inline int32_t fixed(int32_t sum, int32_t multiplier, int32_t constant, int32_t shift, int32_t sign_fix) {
  return scale(sum, multiplier, constant + ((sum >> 31) & -sign_fix)) >> shift;
}

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_FINISH_H_
