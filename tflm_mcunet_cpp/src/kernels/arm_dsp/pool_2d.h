// AVERAGE_POOL_2D, MAX_POOL_2D and MEAN over maps for cores with the DSP extension: Cortex-M4, M7, M33.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_POOL_2D_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_POOL_2D_H_

#include "../pool_2d.h"
#include "../row_sum.h"

namespace tflm_mcunet {

// RowKernels over Pool2D: `kernel_h` rows in, one row out; no scratch. A mean is over at most 255 values.
void average_pool_2d_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                             void* scratch);
void max_pool_2d_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                         void* scratch);

// SumKernels over Pool2D and over MapMean, as those of `row_sum.h`.
extern const SumKernels average_pool_2d_dsp_sum;
extern const SumKernels mean_dsp_sum;

// WholeKernel over MapMean: the mean of all `input_width` pixels. Scratch: an int32 for each channel.
void mean_dsp_map(const void* params, const void* const* inputs, void* const* outputs, void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_POOL_2D_H_
