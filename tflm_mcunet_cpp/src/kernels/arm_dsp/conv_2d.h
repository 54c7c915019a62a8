// CONV_2D of one group and dilation 1 for cores with the DSP extension: Cortex-M4, M7, M33.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_CONV_2D_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_CONV_2D_H_

#include <stdint.h>

#include "../row.h"
#include "dot_core.h"

namespace tflm_mcunet {

struct ConvDsp2D {
  const arm_dsp::DotKernels* dot;
  const int32_t* stream;  // DotJob::stream
  int32_t constant;       // DotJob::constant
  uint16_t words;         // of four input values, of a channel's weights
  uint16_t row_words;     // of those, from each row of the kernel
  uint16_t input_width;
  uint16_t input_channels;
  uint16_t output_channels;
  uint16_t kernel_h;
  uint16_t kernel_w;
  uint16_t stride_w;
  int16_t pad_left;
  // Output pixels for whose columns a part of a row is copied where it holds padding: 3, or all of a row.
  uint16_t segment_pixels;
  int8_t input_zero_point;
  uint8_t has_last;  // whether a last value of each row follows behind them all
  uint8_t shift;     // DotJob::shift
  int8_t output_min;
  int8_t output_max;
};

// RowKernels over ConvDsp2D, which read up to three bytes behind a row. The output may be the input row of a
// 1x1 convolution whose pixels do not grow. Scratch, aligned to 4: `words` * 24 bytes; where the number of
// output channels is odd, three output pixels with a channel more; and of the second kernel before those, a
// pointer and a segment for each row of the window, and one more segment: columns for `segment_pixels`
// output pixels and three bytes, rounded up to words.
//
// Of a 1x1 convolution without padding; its rows may be several ones that follow each other. The order of its
// weights: the channels, the last word of four filled up with zeros.
void pointwise_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                       void* scratch);
// Of any kernel. The order of its weights: for each row of the kernel the values of its columns and channels
// in words of four, the last one filled up with zeros. Where one value remains of each row, these follow
// behind all words instead: the first row's and the second's for the two halves of a step, then the next
// ones'.
void conv_2d_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                     void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_CONV_2D_H_
