// The inner loop of FULLY_CONNECTED: four units of one vector at a time.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_UNITS_CORE_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_UNITS_CORE_H_

#include <stdint.h>

#include "finish.h"

namespace tflm_mcunet {
namespace arm_dsp {

// One job of the core. The assembler knows the order of the fields.
//
// `x` holds, for every four input values, the values 0 and 2 and then the values 1 and 3, as int16. `stream`
// holds for each four units A, B, C and D: the int32 biases of B and D times 256; for every four inputs the
// words of weights of A and B for the inputs 0 and 2, as in DotJob::stream, those of C and D, then both for
// the inputs 1 and 3; the biases of A and C times 256; the multipliers of A, B, C and D; unless the finish is
// kSaturate, their shifts, each less 1, a byte each.
struct UnitsJob {
  const uint32_t* x;
  int8_t* out;
  int32_t fours;     // at least 1
  int32_t constant;  // as in DotJob
  int32_t shift;
  const int32_t* stream;
  // Words of four input values, eight at a time, of which the first pass skips some.
  int32_t passes;
  int32_t skipped;
};

using UnitsKernel = void (*)(const UnitsJob* job);

// By Finish; each is linked only where a layer needs it. kClamp is kSignFix, and the outputs clamped.
void units_saturate(const UnitsJob* job);
void units_sign_fix(const UnitsJob* job);

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_UNITS_CORE_H_
