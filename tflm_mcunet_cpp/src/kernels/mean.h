// MEAN, int8, over any axes.
#ifndef TFLM_MCUNET_KERNELS_MEAN_H_
#define TFLM_MCUNET_KERNELS_MEAN_H_

#include <stdint.h>

#include "row.h"

namespace tflm_mcunet {

// Neighbouring axes of one kind are merged offline. Strides are in elements, outermost axis first; the
// division by the number of reduced elements is part of the multiplier.
struct Mean {
  int32_t kept_extent[3];
  int32_t kept_stride[3];
  int32_t reduced_extent[3];
  int32_t reduced_stride[3];
  int32_t input_offset;  // zero point of the input times the number of reduced elements
  int32_t multiplier;    // Q31
  int32_t shift;         // positive to the left
  int32_t output_zero_point;
};

// WholeKernel over Mean; no scratch.
void mean(const void* params, const void* const* inputs, void* const* outputs, void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_MEAN_H_
