// AVERAGE_POOL_2D, MAX_POOL_2D and MEAN for cores with MVE (Helium): Cortex-M55, M85.
#ifndef TFLM_MCUNET_KERNELS_ARM_MVE_POOL_2D_H_
#define TFLM_MCUNET_KERNELS_ARM_MVE_POOL_2D_H_

#include <stdint.h>

#include "../pool_2d.h"
#include "../row.h"
#include "../row_sum.h"

namespace tflm_mcunet {

// RowKernels over Pool2D, as in pool_2d.h; rows are read up to 15 bytes behind their end. Scratch: 16 bytes.
// A mean is over at most 255 values.
void average_pool_2d_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                             void* scratch);
void max_pool_2d_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                         void* scratch);

// SumKernels over Pool2D and MapMean, as in row_sum.h; rows are read up to seven bytes behind their end.
extern const SumKernels average_pool_2d_mve_sum;
extern const SumKernels mean_mve_sum;

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_MVE_POOL_2D_H_
