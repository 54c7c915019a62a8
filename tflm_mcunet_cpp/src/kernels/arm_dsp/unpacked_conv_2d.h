// CONV_2D for cores with the DSP extension that finds its weights as TFLite keeps them: for runtimes without
// a step that could pack them beforehand. No weight is copied, so they stay in flash.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_CONV_2D_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_CONV_2D_H_

#include "../conv_2d.h"
#include "unpacked_finish.h"

namespace tflm_mcunet {

// Whether the kernel takes a convolution: one group, no dilation along a row, a window of at least 4 values.
bool conv_2d_unpacked_takes(const Conv2D& conv);

// RowKernels over Conv2D, equal to the portable one where the kernel takes it and arm_dsp::kUnpackedDot
// holds; the second one takes negative multipliers, too. It reads no byte behind a row or a weight. The
// output shares no byte with the rows. Scratch, aligned to 4: the windows of four pixels as int16, or of two
// where four would take more than 2 kB, and where windows are not words of one pixel each, one as bytes.
int32_t conv_2d_unpacked_scratch(const Conv2D& conv);
void conv_2d_unpacked_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* scratch);
void conv_2d_unpacked_signed_row(const void* params, const void* const* rows, void* out,
                                 const Columns& columns, void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_CONV_2D_H_
