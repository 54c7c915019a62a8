// DEPTHWISE_CONV_2D of multiplier 1 and windows of up to 64 taps for cores with MVE (Helium): Cortex-M55,
// M85.
#ifndef TFLM_MCUNET_KERNELS_ARM_MVE_DEPTHWISE_CONV_2D_H_
#define TFLM_MCUNET_KERNELS_ARM_MVE_DEPTHWISE_CONV_2D_H_

#include <stdint.h>

#include "../row.h"
#include "depthwise_core.h"

namespace tflm_mcunet {

struct DepthwiseMve2D {
  const int8_t* stream;  // DepthwiseJob::stream; the taps of a channel as [kernel_w][kernel_h]
  int32_t stream_bytes;  // of a channel
  int32_t core;          // arm_mve::DepthwiseCore
  int32_t lead;
  int32_t vectors;  // of 16 taps
  int32_t channels;
  int32_t group;  // channels whose planes are held at once, a multiple of 8
  int32_t input_width;
  int32_t kernel_h;
  int32_t kernel_w;
  int32_t stride_w;
  int32_t pad_left;
  int32_t input_zero_point;
  int32_t output_zero_point;
  int32_t output_min;
  int32_t output_max;
};

// RowKernel over DepthwiseMve2D: `kernel_h` rows in, each read up to seven bytes behind its end, one row out,
// which may be the window's first row. Scratch: `group` planes, each of the bytes between the windows of the
// columns in fours, and `vectors` * 16.
void depthwise_conv_2d_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                               void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_MVE_DEPTHWISE_CONV_2D_H_
