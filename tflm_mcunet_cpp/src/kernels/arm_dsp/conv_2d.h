// CONV_2D of one group and dilation 1 for cores with the DSP extension: Cortex-M4, M7, M33.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_CONV_2D_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_CONV_2D_H_

#include <stdint.h>

#include "../row.h"
#include "dot_core.h"

namespace tflm_mcunet {

struct ConvDsp2D {
  const int32_t* stream;  // DotJob::stream; the weights of a channel as [kernel_h][kernel_w][input_channels]
  int32_t words;          // of a channel's weights, the last one filled up with zeros
  int32_t input_width;
  int32_t input_channels;
  int32_t output_channels;
  int32_t kernel_h;
  int32_t kernel_w;
  int32_t stride_w;
  int32_t pad_left;
  int32_t input_zero_point;
  int32_t finish;  // arm_dsp::Finish
  int32_t output_min;
  int32_t output_max;
};

// RowKernels over ConvDsp2D, which read up to three bytes behind a row. The output may be the input row of a
// 1x1 convolution whose pixels do not grow. Scratch, aligned to 4: `words` * 60 bytes and five output
// pixels; of the 1x1 kernel `words` * 40 bytes where fours and fives make up the columns.
//
// Of a 1x1 convolution without padding; its rows may be several ones that follow each other.
void pointwise_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                       void* scratch);
// Of any kernel.
void conv_2d_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                     void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_CONV_2D_H_
