// DEPTHWISE_CONV_2D with a multiplier of 1, square kernels of 3, 5 and 7, strides 1 and 2, for RISC-V cores
// without SIMD (rv32im).
#ifndef TFLM_MCUNET_KERNELS_RISCV_DEPTHWISE_CONV_2D_H_
#define TFLM_MCUNET_KERNELS_RISCV_DEPTHWISE_CONV_2D_H_

#include <stdint.h>

#include "../row.h"
#include "finish.h"

namespace tflm_mcunet {

struct DepthwiseRv2D {
  const int8_t* weights;    // [channels][kernel][kernel]
  const int32_t* channels;  // riscv::Channel of each
  int32_t input_width;
  int32_t input_channels;
  int32_t output_rows;  // rows of one call: rows of the window are kernel + (output_rows - 1) * stride
  int32_t pad_left;
  int32_t input_zero_point;
  int32_t sign_fix;
  int32_t output_min;
  int32_t output_max;
};

// RowKernels over DepthwiseRv2D, named after kernel and stride; the rows of the window in, `output_rows` rows
// out, one after the other. The output may be the window's first row where there is one output row. Scratch:
// a byte for each row of the window and each of (output columns + 1) * stride + kernel columns.
void depthwise_3_1_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* scratch);
void depthwise_3_2_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* scratch);
void depthwise_5_1_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* scratch);
void depthwise_5_2_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* scratch);
void depthwise_7_1_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* scratch);
void depthwise_7_2_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_RISCV_DEPTHWISE_CONV_2D_H_
