// Whether a layer is within what a kernel of the DSP extension is exact for.
#ifndef TFLM_MCUNET_TFLM_KERNEL_LIMITS_H_
#define TFLM_MCUNET_TFLM_KERNEL_LIMITS_H_

#include "../kernels/arm_dsp/unpacked_finish.h"
#include "kernel_weighted.h"

namespace tflm_mcunet {

enum class Fit { kNone, kSigned, kPositive };

// kSigned: but for multipliers that are negative. A channel outside whose output is the same for every input,
// like one that training has left without weights, gets a multiplier that is inside and changes no output.
Fit fit_limits(const Weighted& weighted, const WeightLayout& layout, const arm_dsp::UnpackedLimits& limits);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_TFLM_KERNEL_LIMITS_H_
