// SOFTMAX over the last axis, int8 to int8 or int16.
#ifndef TFLM_MCUNET_KERNELS_SOFTMAX_H_
#define TFLM_MCUNET_KERNELS_SOFTMAX_H_

#include <stdint.h>

#include "row.h"

namespace tflm_mcunet {

struct Softmax {
  // [256], Q31: e^(-d * scale * beta) for a distance d to the maximum; 0 where TFLite Micro skips it.
  const int32_t* exponential;
  int32_t depth;  // values of one vector, fewer than 4096
};

// RowKernels over Softmax: every column of a row is one vector; no scratch. The int8 one may work in place.
void softmax_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                 void* scratch);
void softmax_int16_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                       void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_SOFTMAX_H_
