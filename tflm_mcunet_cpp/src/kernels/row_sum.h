// Pools and means over whole columns of rows, fed row by row: a map is never held.
#ifndef TFLM_MCUNET_KERNELS_ROW_SUM_H_
#define TFLM_MCUNET_KERNELS_ROW_SUM_H_

#include <stdint.h>

#include "pool_2d.h"
#include "row.h"

namespace tflm_mcunet {

// A MEAN over rows and columns of one image; the division by their number is part of the multiplier.
struct MapMean {
  int32_t input_width;
  int32_t channels;
  int32_t input_offset;  // zero point of the input times the number of summed elements
  int32_t multiplier;    // Q31
  int32_t shift;         // positive to the left
  int32_t output_zero_point;
};

// SumKernels over Pool2D, for an AVERAGE_POOL_2D with one output row.
extern const SumKernels average_pool_2d_sum;

// SumKernels over MapMean.
extern const SumKernels mean_sum;

// How they finish, for other ways to add.
void finish_average_pool_2d(const void* params, const int32_t* sums, int32_t rows, void* out,
                            const Columns& columns);
void finish_mean(const void* params, const int32_t* sums, int32_t rows, void* out, const Columns& columns);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ROW_SUM_H_
