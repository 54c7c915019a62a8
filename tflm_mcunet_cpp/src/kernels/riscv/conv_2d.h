// CONV_2D of one group and dilation 1 for RISC-V cores without SIMD (rv32im): two products a multiplication.
#ifndef TFLM_MCUNET_KERNELS_RISCV_CONV_2D_H_
#define TFLM_MCUNET_KERNELS_RISCV_CONV_2D_H_

#include <stdint.h>

#include "../row.h"
#include "finish.h"

namespace tflm_mcunet {

struct ConvRv2D {
  const int32_t* stream;  // riscv::PairJob::stream; a channel's taps as [kernel_h][kernel_w][input_channels]
  int32_t taps;           // rounded up to groups of 8
  int32_t input_width;
  int32_t input_channels;
  int32_t output_channels;
  int32_t kernel_h;
  int32_t kernel_w;
  int32_t stride_w;
  int32_t pad_left;
  int32_t input_zero_point;
  int32_t sign_fix;
  int32_t output_min;
  int32_t output_max;
};

// RowKernel over ConvRv2D. The output may be the input row of a 1x1 convolution whose pixels do not grow.
// Scratch, aligned to 4: 12 bytes for each tap, and seven times kernel_w * input_channels bytes.
void conv_2d_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                    void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_RISCV_CONV_2D_H_
