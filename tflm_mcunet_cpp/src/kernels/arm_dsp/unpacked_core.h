// The inner loop of convolutions with weights as TFLite keeps them: all channels of four pixels.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_CORE_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_CORE_H_

#include <stdint.h>

namespace tflm_mcunet {
namespace arm_dsp {

// One job of the core, which changes it. The assembler knows the order of the fields.
//
// `x` holds for every four values of a window the values 0 and 2 of each pixel and then the values 1 and 3 of
// each pixel, as int16, the zero point taken off. Behind the words of weights a channel may have up to three
// more; `x` has four values for them. UnpackedEnding says how a sum becomes an output.
struct UnpackedJob {
  const uint32_t* x;
  const int8_t* weights;
  int32_t bytes;        // of a channel's words of weights, at least 4
  const int32_t* bias;  // of each channel, `bias_step` bytes apart
  int32_t bias_step;
  int32_t last_bits;  // 8, 16 or 24 less than a word, what the weights behind the words take; 0 for none
  int32_t last_back;  // their number less 4
  const int32_t* multiplier;
  const int8_t* shift;
  int32_t constant;  // 2 * output zero point + 1
  int32_t low;
  int32_t high;
  int8_t* out;  // of pixel 0
  int8_t* end;  // `out` and one for each channel, of which there is one at least
  // Bytes from pixel 0 to the others. Pixels that do not exist have 0: they are written first.
  int32_t offset_1;
  int32_t offset_2;
  int32_t offset_3;
};

// With any clamps, with those of int8, and with any clamps and multipliers that may be negative.
void unpacked_clamp(UnpackedJob* job);
void unpacked_saturate(UnpackedJob* job);
void unpacked_signed(UnpackedJob* job);

// Sums of two channels and two pixels: what the weights before `end`, words of the first channel, at least
// one, add to them. `x` is as above for two pixels, and is behind what was read afterwards.
struct UnpackedPair {
  const uint32_t* x;
  const int8_t* first;
  const int8_t* second;
  const int8_t* end;
  int32_t sums[4];  // of the first channel, then of the second
};
void unpacked_pair(UnpackedPair* pair);

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_CORE_H_
