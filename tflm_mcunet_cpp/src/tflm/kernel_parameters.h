// What the drop-in kernels compute once, in Prepare: TensorFlow Lite's fixed-point parameters from scales,
// zero points and shapes. The same arithmetic as the code generator's, which does it offline.
#ifndef TFLM_MCUNET_TFLM_KERNEL_PARAMETERS_H_
#define TFLM_MCUNET_TFLM_KERNEL_PARAMETERS_H_

#include <stdint.h>

#include "kernel_multiplier.h"

namespace tflm_mcunet {

// The multiplier of a sum of `count` values whose mean is wanted: the division is part of it (TFLite's
// QuantizedMeanOrSum).
Multiplier mean_multiplier(double ratio, int64_t count);

// The int8 clamp of a fused activation, a TfLiteFusedActivation. False for one that has no int8 form.
bool activation_range(int32_t activation, float scale, int32_t zero_point, int32_t* low, int32_t* high);

// Where a window lies along one axis. False where `output` is not what TFLite computes for it.
struct Axis {
  int32_t input;
  int32_t output;
  int32_t kernel;
  int32_t stride;
  int32_t dilation;
};
bool leading_padding(const Axis& axis, bool is_same, int32_t* padding);

// Whether values up to `bound` in magnitude fit int32 when they are shifted left by `shift`: TFLite Micro's
// result is undefined where they do not.
inline bool has_headroom(int64_t bound, int32_t shift) {
  return bound <= (static_cast<int64_t>(INT32_MAX) >> (shift > 31 ? 31 : (shift > 0 ? shift : 0)));
}

// What SOFTMAX makes of the distance of a value to the largest. False where TFLite Micro refuses the scale.
struct SoftmaxScale {
  Multiplier multiplier;
  int32_t farthest;  // the last distance that TFLite Micro does not ignore
};
bool softmax_scale(double scale, double beta, SoftmaxScale* result);

// e^(-distance * scale * beta) in Q31 for a distance from 0 to 255.
int32_t softmax_exponential(const SoftmaxScale& scale, int32_t distance);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_TFLM_KERNEL_PARAMETERS_H_
