// CONV_2D, int8, any kernel, stride, dilation, padding and group count.
#ifndef TFLM_MCUNET_KERNELS_CONV_2D_H_
#define TFLM_MCUNET_KERNELS_CONV_2D_H_

#include <stdint.h>

#include "row.h"

namespace tflm_mcunet {

struct Conv2D {
  const int8_t* weights;      // [output_channels][kernel_h][kernel_w][group_channels]
  const int32_t* bias;        // [output_channels]; nullptr for none
  const int32_t* multiplier;  // [output_channels], Q31
  const int8_t* shift;        // [output_channels], positive to the left
  int32_t input_width;
  int32_t input_channels;
  int32_t group_channels;  // input channels that one output channel reads
  int32_t output_channels;
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

// RowKernel over Conv2D: `kernel_h` rows in, one row out. The output may be the input row of a 1x1
// convolution whose pixels do not grow; it then takes a pixel of scratch, else none.
void conv_2d_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                 void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_CONV_2D_H_
