// FULLY_CONNECTED for cores with the DSP extension that finds its weights as TFLite keeps them: for runtimes
// without a step that could pack them beforehand.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_FULLY_CONNECTED_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_FULLY_CONNECTED_H_

#include "../fully_connected.h"
#include "unpacked_finish.h"

namespace tflm_mcunet {

// RowKernel over FullyConnected, equal to the portable one where arm_dsp::kUnpackedDot holds. It reads no
// byte behind a vector or a weight. The output shares no byte with the vector. No scratch.
void fully_connected_unpacked_row(const void* params, const void* const* rows, void* out,
                                  const Columns& columns, void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_UNPACKED_FULLY_CONNECTED_H_
