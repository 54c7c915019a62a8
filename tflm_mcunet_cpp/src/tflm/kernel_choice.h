// Which row kernels the drop-in convolutions, fully connected layers and sums take: decided when they are
// compiled, and for each layer in Prepare. On cores with the DSP extension those of kernels/arm_dsp that need
// no packed weights, where they are exact; elsewhere the portable ones.
#ifndef TFLM_MCUNET_TFLM_KERNEL_CHOICE_H_
#define TFLM_MCUNET_TFLM_KERNEL_CHOICE_H_

#include "../kernels/arm_dsp/unpacked_depthwise_conv_2d.h"
#include "../kernels/binary.h"
#include "../kernels/conv_2d.h"
#include "../kernels/depthwise_conv_2d.h"
#include "../kernels/fully_connected.h"
#include "kernel_limits.h"
#include "kernel_rows.h"
#include "kernel_weighted.h"

// TFLM_MCUNET_DSP_KERNELS asks for them on any machine, where plain C++ stands for the instructions.
#if defined(TFLM_MCUNET_DSP_KERNELS) || \
    (defined(__ARM_FEATURE_DSP) && defined(__thumb2__) && !defined(TFLM_MCUNET_PORTABLE_KERNELS))

#include "../kernels/arm_dsp/sum_exact.h"
#include "../kernels/arm_dsp/unpacked_conv_2d.h"
#include "../kernels/arm_dsp/unpacked_fully_connected.h"

// The first two return the bytes of scratch that the kernel takes.
namespace tflm_mcunet {

inline int32_t choose_conv(const Weighted& weighted, const WeightLayout& layout, Conv2D* conv,
                           RowWalk* walk) {
  walk->kernel = conv_2d_row;
  const Fit fit =
      conv_2d_unpacked_takes(*conv) ? fit_limits(weighted, layout, arm_dsp::kUnpackedDot) : Fit::kNone;
  if (fit == Fit::kNone) {
    return 0;
  }
  walk->kernel = fit == Fit::kSigned ? conv_2d_unpacked_signed_row : conv_2d_unpacked_row;
  if (conv->kernel_h == 1 && conv->kernel_w == 1 && conv->stride_w == 1 && walk->stride_h == 1) {
    // Every pixel by itself: all are one row, which has fewer ends.
    conv->input_width *= walk->images * walk->input_height;
    take_all(walk);
  }
  return conv_2d_unpacked_scratch(*conv);
}

inline int32_t choose_depthwise(const Weighted& weighted, const WeightLayout& layout,
                                DepthwiseUnpacked* params, RowWalk* walk) {
  const DepthwiseConv2D& conv = params->conv;
  params->stride_h = walk->stride_h;
  if (!depthwise_conv_2d_unpacked_takes(conv) ||
      fit_limits(weighted, layout, arm_dsp::kUnpackedPlanes) != Fit::kPositive) {
    walk->kernel = depthwise_conv_2d_row;
    return 0;
  }
  params->output_rows = depthwise_conv_2d_unpacked_rows(conv, walk->stride_h, walk->dilation_h,
                                                        walk->output_height, walk->output_width);
  walk->kernel = depthwise_conv_2d_unpacked_row;
  take_rows(params->output_rows, walk);
  return depthwise_conv_2d_unpacked_scratch(*params, walk->output_width);
}

inline RowKernel choose_dense(const Weighted& weighted, const WeightLayout& layout) {
  const bool is_taken = fit_limits(weighted, layout, arm_dsp::kUnpackedDot) == Fit::kPositive;
  return is_taken ? fully_connected_unpacked_row : fully_connected_row;
}

// Prepare lets no sum shift to the left.
constexpr RowKernel kSumRow = sum_exact_dsp_row;

}  // namespace tflm_mcunet

#else

namespace tflm_mcunet {

inline int32_t choose_conv(const Weighted&, const WeightLayout&, Conv2D*, RowWalk* walk) {
  walk->kernel = conv_2d_row;
  return 0;
}

inline int32_t choose_depthwise(const Weighted&, const WeightLayout&, DepthwiseUnpacked*, RowWalk* walk) {
  walk->kernel = depthwise_conv_2d_row;
  return 0;
}

inline RowKernel choose_dense(const Weighted&, const WeightLayout&) { return fully_connected_row; }

constexpr RowKernel kSumRow = sum_row;

}  // namespace tflm_mcunet

#endif

#endif  // TFLM_MCUNET_TFLM_KERNEL_CHOICE_H_
