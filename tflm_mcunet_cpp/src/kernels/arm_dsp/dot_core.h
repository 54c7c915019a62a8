// The inner loop of the convolutions: two output channels of three or two pixels at a time.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DOT_CORE_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DOT_CORE_H_

#include <stdint.h>

#include "finish.h"

namespace tflm_mcunet {
namespace arm_dsp {

// One job of the core. The assembler knows the order of the fields.
//
// `x` holds, for every four input values, the values 0 and 2 of each pixel and then the values 1 and 3 of
// each pixel, as int16. `stream` holds for each pair of channels A and B:
//   int32 bias of B times 256;
//   for every four input values two words of weights, those of the values 0 and 2, then of 1 and 3; in each
//   half of a word the weight of A + 256 times the weight of B, as int16;
//   int32 bias of A times 256, the multipliers of A and B; unless the finish is kSaturate, the bias holds in
//   its lowest byte the shifts of A and of B, each less 8, four bits for each.
// So one multiplication adds to the sums of A and of B at once, and the sum of A alone takes them apart.
// An output is ((sum * 256 * multiplier >> 32) + constant) >> shift; with kSaturate constant and shift are
// those of the layer, else the constant is `constant` * 2^(shift - 8) + 64, and 128 less below zero.
struct DotJob {
  const void* x;
  int32_t stride;  // bytes from pixel to pixel
  int8_t* out;     // pixel p, channel c at out[p * stride + c]
  int8_t* end;     // `out` and one for each channel, of which there is an even number
  int32_t constant;
  int32_t shift;
  int32_t output_min;
  int32_t output_max;
  const void* stream;
  // The words of four input values behind the first, eight at a time, of which the first pass skips some.
  int32_t passes;
  int32_t skipped;
};

// Passes of so many words, at least 1.
inline int32_t passes_of(int32_t words) { return words == 1 ? 1 : (words + 6) / 8; }

// The core for jobs of three pixels and of two; a job of one pixel is one of two with a stride of 0.
struct DotKernels {
  void (*three)(const DotJob* job);
  void (*two)(const DotJob* job);
};

// By Finish. Each is linked only where a layer needs it.
extern const DotKernels kDotSaturate;
extern const DotKernels kDotSignFix;
extern const DotKernels kDotClamp;

// kDotSaturate where the layer's shift is that one, which saves an instruction an output.
extern const DotKernels kDotShift9;
extern const DotKernels kDotShift10;
extern const DotKernels kDotShift11;
extern const DotKernels kDotShift12;
extern const DotKernels kDotShift13;
extern const DotKernels kDotShift14;
extern const DotKernels kDotShift15;
extern const DotKernels kDotShift16;

// The same where there are so many words.
extern const DotKernels kDotWords2Shift9;
extern const DotKernels kDotWords2Shift10;
extern const DotKernels kDotWords2Shift11;
extern const DotKernels kDotWords2Shift12;
extern const DotKernels kDotWords2Shift13;
extern const DotKernels kDotWords2Shift14;
extern const DotKernels kDotWords2Shift15;
extern const DotKernels kDotWords2Shift16;
extern const DotKernels kDotWords4Shift9;
extern const DotKernels kDotWords4Shift10;
extern const DotKernels kDotWords4Shift11;
extern const DotKernels kDotWords4Shift12;
extern const DotKernels kDotWords4Shift13;
extern const DotKernels kDotWords4Shift14;
extern const DotKernels kDotWords4Shift15;
extern const DotKernels kDotWords4Shift16;
extern const DotKernels kDotWords6Shift9;
extern const DotKernels kDotWords6Shift10;
extern const DotKernels kDotWords6Shift11;
extern const DotKernels kDotWords6Shift12;
extern const DotKernels kDotWords6Shift13;
extern const DotKernels kDotWords6Shift14;
extern const DotKernels kDotWords6Shift15;
extern const DotKernels kDotWords6Shift16;
extern const DotKernels kDotWords7Shift9;
extern const DotKernels kDotWords7Shift10;
extern const DotKernels kDotWords7Shift11;
extern const DotKernels kDotWords7Shift12;
extern const DotKernels kDotWords7Shift13;
extern const DotKernels kDotWords7Shift14;
extern const DotKernels kDotWords7Shift15;
extern const DotKernels kDotWords7Shift16;

// What is widened of each row: from `offset` on `words` words of every pixel, `step` bytes apart. Reads whole
// words, which need not be aligned. With `has_last` the one value behind them follows behind the words of all
// rows: for every pixel that of the first row and of the second, then those of the next two rows.
struct WidenRows {
  int32_t offset;
  int32_t step;
  int32_t words;
  int32_t has_last;
};

// Widens a part of `count` rows for 3 or 2 pixels to the layout of DotJob::x, row after row.
void widen_3_pixels(const void* const* rows, const WidenRows* part, int32_t count, void* x);
void widen_2_pixels(const void* const* rows, const WidenRows* part, int32_t count, void* x);

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DOT_CORE_H_
