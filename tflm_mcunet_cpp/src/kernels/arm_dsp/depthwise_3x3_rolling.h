// DEPTHWISE_CONV_2D of whole maps with kernels of 3x3 at stride 1, for cores with the DSP extension.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_ROLLING_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_ROLLING_H_

#include "../row.h"
#include "depthwise_3x3.h"

namespace tflm_mcunet {

// As depthwise_3x3_dsp_row, of one row or more: a row takes the place of the oldest, so that each is widened
// once. Scratch: 336 bytes instead of 112.
void depthwise_3x3_rolling_dsp_row(const void* params, const void* const* rows, void* out,
                                   const Columns& columns, void* scratch);

// The same where rows are shorter than columns: of a whole map, whose only row it takes, the columns as rows.
// Every word of the parameters but `across_width` and `across_pad`, the map's own width and its padding on
// the left, is of the map on its side. Scratch: 8 bytes more for each column of the map and of its padding.
void depthwise_3x3_rolling_dsp_columns(const void* params, const void* const* rows, void* out,
                                       const Columns& columns, void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_ROLLING_H_
