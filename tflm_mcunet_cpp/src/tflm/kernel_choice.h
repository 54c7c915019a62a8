// Which row kernels the drop-in kernels take, decided when they are compiled: on cores with the DSP extension
// those of kernels/arm_dsp that need no packed weights, elsewhere the portable ones.
#ifndef TFLM_MCUNET_TFLM_KERNEL_CHOICE_H_
#define TFLM_MCUNET_TFLM_KERNEL_CHOICE_H_

#include "../kernels/conv_2d.h"
#include "../kernels/depthwise_conv_2d.h"
#include "../kernels/fully_connected.h"

// TFLM_MCUNET_DSP_KERNELS asks for them on any machine, where plain C++ stands for the instructions.
#if defined(TFLM_MCUNET_DSP_KERNELS) || \
    (defined(__ARM_FEATURE_DSP) && defined(__thumb2__) && !defined(TFLM_MCUNET_PORTABLE_KERNELS))

#include "../kernels/arm_dsp/unpacked.h"

namespace tflm_mcunet {
constexpr RowKernel kConv2D = conv_2d_unpacked_row;
constexpr RowKernel kDepthwiseConv2D = depthwise_conv_2d_unpacked_row;
constexpr RowKernel kFullyConnected = fully_connected_unpacked_row;
}  // namespace tflm_mcunet

#else

namespace tflm_mcunet {
constexpr RowKernel kConv2D = conv_2d_row;
constexpr RowKernel kDepthwiseConv2D = depthwise_conv_2d_row;
constexpr RowKernel kFullyConnected = fully_connected_row;
}  // namespace tflm_mcunet

#endif

#endif  // TFLM_MCUNET_TFLM_KERNEL_CHOICE_H_
