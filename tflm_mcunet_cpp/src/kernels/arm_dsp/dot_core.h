// The inner loop of every dense kernel: the outputs of 4 or 5 pixels, one output channel after the other.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DOT_CORE_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DOT_CORE_H_

#include <stdint.h>

namespace tflm_mcunet {
namespace arm_dsp {

// How a sum becomes an output value; chosen offline (codegen/arm_dsp/requantize.py).
enum Finish : int32_t {
  kSaturate = 0,  // the lower clamp hides the sign fix, and the clamps are those of int8
  kSignFix = 1,   // halves of negative values are rounded away from zero
  kClamp = 2,     // as kSignFix, and clamped to [output_min, output_max]
};

// One job of the core. The assembler below knows the order of the fields.
//
// `x` holds, for every four input values, the values 0 and 2 of each pixel and then the values 1 and 3 of
// each pixel, as int16 times 256. `stream` holds for each output channel: int32 bias times 256; its weights,
// four to a word, `words` of them; int32 multiplier, constant and shift. Bit 31 of the last channel's shift
// is set. An output is ((sum * multiplier >> 32) + constant) >> shift.
struct DotJob {
  const void* x;
  const void* stream;
  int8_t* out;     // pixel p, channel c at out[p * stride + c]
  int32_t stride;  // bytes from pixel to pixel
  int32_t words;   // at least 1
  int32_t output_min;
  int32_t output_max;
};

void dot_4_pixels(const DotJob& job, int32_t finish);
void dot_5_pixels(const DotJob& job, int32_t finish);

// Widens `words` words of each of `pixels` (4 or 5) pixels, `stride` bytes apart, to the layout of
// DotJob::x; returns its end. Reads whole words, which need not be aligned.
void* widen_pixels(const int8_t* source, int32_t stride, int32_t words, int32_t pixels, void* x);

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DOT_CORE_H_
