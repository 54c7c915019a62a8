// DEPTHWISE_CONV_2D for cores with the DSP extension that finds its weights as TFLite keeps them: for
// runtimes without a step that could pack them beforehand. No weight is kept elsewhere, so they stay in
// flash.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_DEPTHWISE_CONV_2D_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_DEPTHWISE_CONV_2D_H_

#include "../depthwise_conv_2d.h"
#include "unpacked_finish.h"

namespace tflm_mcunet {

struct DepthwiseUnpacked {
  DepthwiseConv2D conv;
  int32_t stride_h;
  int32_t output_rows;  // rows of one call: rows of the window are kernel_h + (output_rows - 1) * stride_h
};

namespace arm_dsp {
// Sums are scaled by 2^7.
constexpr UnpackedLimits kUnpackedPlanes = {-16, -1, 1 << 24, false};
}  // namespace arm_dsp

// Whether the kernel takes a convolution: a multiplier of 1, no dilation along a row, windows of up to 7
// columns, strides of 1 and 2 along a row, at least 4 channels.
bool depthwise_conv_2d_unpacked_takes(const DepthwiseConv2D& conv);

// The most output rows of one call that divide `output_height` and whose widened rows take at most 2 kB; 1
// where windows skip rows.
int32_t depthwise_conv_2d_unpacked_rows(const DepthwiseConv2D& conv, int32_t stride_h, int32_t dilation_h,
                                        int32_t output_height, int32_t output_width);

// RowKernel over DepthwiseUnpacked, whose output is that of the portable one where the kernel takes it and
// arm_dsp::kUnpackedPlanes holds: the rows of the window in, `output_rows` rows out, one after the other. It
// reads no byte behind a row or a weight. The output shares no byte with the rows. Scratch, aligned to 4, for
// that many output columns:
int32_t depthwise_conv_2d_unpacked_scratch(const DepthwiseUnpacked& params, int32_t output_width);
void depthwise_conv_2d_unpacked_row(const void* params, const void* const* rows, void* out,
                                    const Columns& columns, void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_DEPTHWISE_CONV_2D_H_
