// Real multipliers as TFLite's fixed-point numbers, many at once: quotients of each scale of a layer's
// weights and one number.
#ifndef TFLM_MCUNET_TFLM_KERNEL_MULTIPLIER_CORE_H_
#define TFLM_MCUNET_TFLM_KERNEL_MULTIPLIER_CORE_H_

#include <stdint.h>

namespace tflm_mcunet {
namespace arm_dsp {

// A scale's fraction F has its first bit on top of 32. Its multiplier is F * q / 2^32 rounded, halves up, q
// being `whole` and as many bits behind the point; its shift is `exponent` more than the float's upper nine
// bits. From `large` on F is halved, and the shift one more. The assembler knows the order of the fields.
struct MultipliersJob {
  const float* scales;
  int32_t* multiplier;
  int8_t* shift;
  const float* end;  // of the scales, at least one
  uint32_t whole;    // from 2^31 on
  uint32_t fraction;
  uint32_t large;
  int32_t exponent;
  uint32_t complements;  // the union of all shifts' complements, to be filled in
};

// False where some product is within 2^-22 below a half: then nothing of use was written.
bool multipliers(MultipliersJob* job);

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_TFLM_KERNEL_MULTIPLIER_CORE_H_
