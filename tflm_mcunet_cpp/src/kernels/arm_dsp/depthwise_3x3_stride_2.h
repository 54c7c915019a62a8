// DEPTHWISE_CONV_2D of whole maps with kernels of 3x3 at stride 2, for cores with the DSP extension.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_STRIDE_2_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_STRIDE_2_H_

#include <stdint.h>

#include "../row.h"
#include "depthwise_3x3.h"

namespace tflm_mcunet {

// Output rows after which the units begin anew at their first place.
constexpr int32_t kRows3x3Stride2 = 24;

// RowKernel over DepthwiseDsp3x3 of stride 2 that is regular, padded by one column at most on either side; as
// depthwise_3x3_dsp_row otherwise. Scratch, aligned to 4: 128 bytes, 48 for each output of a row and one
// more, and 32 for each further row of the first kRows3x3Stride2.
void depthwise_3x3_stride_2_dsp_row(const void* params, const void* const* rows, void* out,
                                    const Columns& columns, void* scratch);

// As depthwise_3x3_dsp_columns.
void depthwise_3x3_stride_2_dsp_columns(const void* params, const void* const* rows, void* out,
                                        const Columns& columns, void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_STRIDE_2_H_
