// Ends the sums of one channel of an output row, where the core that makes them does not.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_FINISH_SUMS_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_FINISH_SUMS_H_

#include <stdint.h>

namespace tflm_mcunet {
namespace arm_dsp {

// The assembler knows the order of the fields.
struct SumsEnding {
  int32_t multiplier;
  int32_t constant;
  int32_t shift;
  int32_t below_zero;  // what is added to the constant where a sum is negative: 0 or -2^n
  int32_t step;        // bytes from output to output
  int32_t low;         // the clamps
  int32_t high;
};

// `count` outputs: (sum * multiplier >> 32) + constant >> shift, clamped.
using FinishSums = void(const SumsEnding* ending, const int32_t* sums, int32_t count, int8_t* out);
FinishSums finish_sums;

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_FINISH_SUMS_H_
