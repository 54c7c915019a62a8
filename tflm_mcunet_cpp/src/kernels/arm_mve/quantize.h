// QUANTIZE of float32 for cores with MVE (Helium): Cortex-M55, M85.
#ifndef TFLM_MCUNET_KERNELS_ARM_MVE_QUANTIZE_H_
#define TFLM_MCUNET_KERNELS_ARM_MVE_QUANTIZE_H_

#include <stdint.h>

#include "../quantize.h"
#include "../row.h"

namespace tflm_mcunet {

// RowKernel over Affine, whose scale lies between 1e-20 and 1e20; no scratch.
void quantize_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                      void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_MVE_QUANTIZE_H_
