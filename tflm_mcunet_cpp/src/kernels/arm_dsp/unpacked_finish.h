// Requantisation of the kernels that find weights as TFLite keeps them: exact from TFLite's own multipliers
// and shifts, so that nothing is computed beforehand.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_FINISH_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_FINISH_H_

#include <stdint.h>

#include "../requantize.h"
#include "simd.h"

namespace tflm_mcunet {
namespace arm_dsp {

// What a kernel of this family needs of every channel of a layer, to be checked beforehand: a shift from
// `least_shift` to `most_shift`, a multiplier that is not negative, every sum, with its bias, below `sum` in
// magnitude. Where `is_saturated`, a larger sum counts as something between `sum` - 1 and `sum`.
struct UnpackedLimits {
  int32_t least_shift;
  int32_t most_shift;
  int32_t sum;
  bool is_saturated;
};
constexpr UnpackedLimits kUnpackedDot = {-22, -1, 1 << 30, true};

// One channel's ending. TFLite's high multiply of a sum is the upper word of twice the sum times the
// multiplier, rounded; its shift rounds halves away from zero, which is up, but for results below zero: those
// are 1 less before. The zero point is added before the shift.
struct UnpackedEnding {
  int32_t multiplier;
  int32_t constant;
  int32_t shift;

  template <typename Params>
  UnpackedEnding(const Params& params, int32_t channel)
      : multiplier(params.multiplier[channel]), shift(-params.shift[channel]) {
    constant = (2 * params.output_zero_point + 1) * (1 << (shift - 1));
  }

  // `kIsSigned`: the multiplier may be negative.
  template <bool kIsSigned, typename Params>
  int8_t of(const Params& params, int32_t sum) const {
    const int32_t sign = (kIsSigned ? sum ^ multiplier : sum) >> 31;
    const int32_t value = scale_rounded(doubled(sum), multiplier, constant + sign) >> shift;
    return static_cast<int8_t>(clamp(value, params.output_min, params.output_max));
  }
};

// The input's zero point, to be taken from both halves of a word at once.
inline uint32_t minus_both(int32_t zero_point) {
  const uint32_t low = static_cast<uint32_t>(-zero_point) & 0xFFFFu;
  return low | low << 16;
}

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_FINISH_H_
