// FULLY_CONNECTED, int8.
#ifndef TFLM_MCUNET_KERNELS_FULLY_CONNECTED_H_
#define TFLM_MCUNET_KERNELS_FULLY_CONNECTED_H_

#include <stdint.h>

#include "row.h"

namespace tflm_mcunet {

struct FullyConnected {
  const int8_t* weights;      // [units][depth]
  const int32_t* bias;        // [units]; nullptr for none
  const int32_t* multiplier;  // [units], Q31
  const int8_t* shift;        // [units], positive to the left
  int32_t depth;
  int32_t input_zero_point;
  int32_t output_zero_point;
  int32_t output_min;
  int32_t output_max;
};

// RowKernel over FullyConnected: one row is one vector of `depth` values, its columns are the units; no
// scratch.
void fully_connected_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                         void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_FULLY_CONNECTED_H_
