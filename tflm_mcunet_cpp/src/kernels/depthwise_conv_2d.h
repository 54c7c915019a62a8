// DEPTHWISE_CONV_2D, int8, any multiplier, kernel, stride, dilation and padding.
#ifndef TFLM_MCUNET_KERNELS_DEPTHWISE_CONV_2D_H_
#define TFLM_MCUNET_KERNELS_DEPTHWISE_CONV_2D_H_

#include <stdint.h>

#include "row.h"

namespace tflm_mcunet {

struct DepthwiseConv2D {
  const int8_t* weights;      // [kernel_h][kernel_w][input_channels * depth_multiplier]
  const int32_t* bias;        // [input_channels * depth_multiplier]; nullptr for none
  const int32_t* multiplier;  // one for each output channel, Q31
  const int8_t* shift;        // one for each output channel, positive to the left
  int32_t input_width;
  int32_t input_channels;
  int32_t depth_multiplier;
  int32_t kernel_h;
  int32_t kernel_w;
  int32_t stride_w;
  int32_t dilation_w;
  int32_t pad_left;
  int32_t input_zero_point;
  int32_t output_zero_point;
  int32_t output_min;
  int32_t output_max;
};

// RowKernel over DepthwiseConv2D: `kernel_h` rows in, one row out. The output may be the window's first row
// where the multiplier is 1; it then takes pad_left + 1 bytes of scratch, else none.
void depthwise_conv_2d_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                           void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_DEPTHWISE_CONV_2D_H_
