// CONV_2D of one group and dilation 1 for cores with MVE (Helium): Cortex-M55, M85.
#ifndef TFLM_MCUNET_KERNELS_ARM_MVE_CONV_2D_H_
#define TFLM_MCUNET_KERNELS_ARM_MVE_CONV_2D_H_

#include <stdint.h>

#include "../row.h"
#include "dot_core.h"

namespace tflm_mcunet {

struct ConvMve2D {
  arm_mve::DotRoutine pairs;   // of the layer's chunks and ending
  arm_mve::DotRoutine single;  // of the layer's ending
  const int8_t* stream;  // DotJob::stream; the inputs of a channel as [kernel_h][kernel_w][input_channels]
  int32_t chunks;        // pieces of 16 inputs, the last one filled up with weights of 0
  int32_t input_width;
  int32_t input_channels;
  int32_t output_channels;
  int32_t kernel_h;
  int32_t kernel_w;
  int32_t stride_w;
  int32_t pad_left;
  int32_t input_zero_point;
  int32_t output_zero_point;
  int32_t output_min;
  int32_t output_max;
  int32_t tile;  // pixels whose inputs are gathered at once, even
};

// RowKernels over ConvMve2D, which read up to 15 bytes behind a row. The output may be the input row of a 1x1
// convolution whose pixels do not grow. Scratch: `tile` times `chunks` * 16 bytes, 16 more, and two output
// pixels of channels in fours.
//
// Of a 1x1 convolution without padding; its rows may be several ones that follow each other.
void pointwise_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                       void* scratch);
// Of any kernel.
void conv_2d_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                     void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_MVE_CONV_2D_H_
