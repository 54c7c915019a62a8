// Real multipliers in TensorFlow Lite's fixed-point form.
#ifndef TFLM_MCUNET_TFLM_KERNEL_MULTIPLIER_H_
#define TFLM_MCUNET_TFLM_KERNEL_MULTIPLIER_H_

#include <stdint.h>

namespace tflm_mcunet {

// value * 2^(shift - 31), a positive shift to the left.
struct Multiplier {
  int32_t value;
  int32_t shift;
};

// A real multiplier in that form; below 2^-32 in magnitude it is 0 (TFLite's QuantizeMultiplier).
Multiplier quantize_multiplier(double real);

// The same of first * second / divisor, a double product and a double quotient, without an operation on
// doubles: most cores have none, and Prepare does it for every channel.
Multiplier quantize_quotient(float first, float second, float divisor);

// A shift as the kernels keep it: more than INT8_MAX is as good as that, for nothing has the headroom.
int8_t narrow(int32_t shift);

// What is to be known of many multipliers.
struct Multipliers {
  bool are_positive;
  int32_t least_shift;
  int32_t most_shift;
};

// The same of `count` second factors, at least 1: one multiplication each, and a division only next to a
// half.
Multipliers quantize_quotients(float first, const float* second, int32_t count, float divisor,
                               int32_t* multiplier, int8_t* shift);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_TFLM_KERNEL_MULTIPLIER_H_
