// DEPTHWISE_CONV_2D of 3x3 windows for cores with the DSP extension that finds its weights as TFLite keeps
// them: by the kernel of the generated programs, whose records it makes for four channels at a time.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_DEPTHWISE_3X3_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_DEPTHWISE_3X3_H_

#include "unpacked_depthwise_conv_2d.h"

namespace tflm_mcunet {
namespace arm_dsp {
// Sums are scaled by 2^8, and the core knows the shifts from 9 to 16, which are 7 more than TFLite's.
constexpr UnpackedLimits kUnpacked3x3 = {-9, -2, 1 << 23};
}  // namespace arm_dsp

// Whether the kernel takes a convolution: a window of 3x3, a multiplier of 1, one stride of 1 or 2, no
// dilation, at least 4 channels, and an output that is clamped at its zero point, -128, and not below 127.
bool depthwise_3x3_unpacked_takes(const DepthwiseConv2D& conv, int32_t stride_h, int32_t dilation_h);

// RowKernel over DepthwiseUnpacked, as depthwise_conv_2d_unpacked_row, where the kernel takes it and
// arm_dsp::kUnpacked3x3 holds. Scratch, aligned to the size of a pointer, for that many output columns:
int32_t depthwise_3x3_unpacked_scratch(const DepthwiseUnpacked& params, int32_t output_width);
void depthwise_3x3_unpacked_row(const void* params, const void* const* rows, void* out,
                                const Columns& columns, void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_DEPTHWISE_3X3_H_
