// QUANTIZE of floats for cores with the DSP extension and, where there is one, their FPU.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_QUANTIZE_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_QUANTIZE_H_

#include "../quantize.h"

namespace tflm_mcunet {

// RowKernel over Affine, as `quantize_row`.
void quantize_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                      void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_QUANTIZE_H_
