// ADD and SUB of two int8 operands as TFLite Micro computes them, for cores with the DSP extension: where no
// constants of `sum.h` give its outputs for all operands.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_SUM_EXACT_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_SUM_EXACT_H_

#include "../binary.h"

namespace tflm_mcunet {

// RowKernel over Sum, none of whose shifts is to the left, as `sum_row`.
void sum_exact_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                       void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_SUM_EXACT_H_
