// The weighted operators for cores with the DSP extension that find their weights as TFLite keeps them: for
// runtimes without a step that could pack them beforehand. Nothing is copied, so the weights stay in flash.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_H_

#include "../row.h"

namespace tflm_mcunet {

// RowKernels over Conv2D, DepthwiseConv2D and FullyConnected, equal to the portable ones; they read no byte
// behind a row or a weight, and take no scratch. The output shares no byte with the rows. What they have no
// faster way for (groups, dilation, several outputs of a depthwise channel) they hand to the portable kernel.
void conv_2d_unpacked_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* scratch);
void depthwise_conv_2d_unpacked_row(const void* params, const void* const* rows, void* out,
                                    const Columns& columns, void* scratch);
void fully_connected_unpacked_row(const void* params, const void* const* rows, void* out,
                                  const Columns& columns, void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_H_
