// A 256-byte table for cores with the DSP extension: four values at a time.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_LOOKUP_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_LOOKUP_H_

#include "../lookup.h"

namespace tflm_mcunet {

// RowKernel over Lookup, as `lookup_row`.
void lookup_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                    void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_LOOKUP_H_
