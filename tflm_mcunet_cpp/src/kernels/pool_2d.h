// AVERAGE_POOL_2D and MAX_POOL_2D, int8, any kernel, stride and padding.
#ifndef TFLM_MCUNET_KERNELS_POOL_2D_H_
#define TFLM_MCUNET_KERNELS_POOL_2D_H_

#include <stdint.h>

#include "row.h"

namespace tflm_mcunet {

// Padding takes no part: the mean is over the values inside the input. Input and output have one
// quantisation.
struct Pool2D {
  int32_t input_width;
  int32_t channels;
  int32_t kernel_h;
  int32_t kernel_w;
  int32_t stride_w;
  int32_t pad_left;
  int32_t output_min;
  int32_t output_max;
};

// RowKernels over Pool2D: `kernel_h` rows in, one row out; no scratch. Every window holds at least one value.
void average_pool_2d_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                         void* scratch);
void max_pool_2d_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                     void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_POOL_2D_H_
