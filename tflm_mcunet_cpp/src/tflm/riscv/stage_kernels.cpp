// The kernels of the RISC-V family that a stage can name: append only.
#include "../../../include/tflm_mcunet/tflm_ops.h"
#include "../../kernels/riscv/conv_2d.h"
#include "../../kernels/riscv/depthwise_conv_2d.h"
#include "../../kernels/riscv/fully_connected.h"
#include "../../kernels/riscv/sum.h"
#include "../stage_kernel.h"

namespace tflm_mcunet {
namespace {

constexpr StageKernel kKernels[] = {
    row_kernel<ConvRv2D, 1, 12>(2048, conv_2d_rv_row),
    row_kernel<DepthwiseRv2D, 2, 8>(2049, depthwise_3_1_rv_row),
    row_kernel<DepthwiseRv2D, 2, 8>(2050, depthwise_3_2_rv_row),
    row_kernel<DepthwiseRv2D, 2, 8>(2051, depthwise_5_1_rv_row),
    row_kernel<DepthwiseRv2D, 2, 8>(2052, depthwise_5_2_rv_row),
    row_kernel<DepthwiseRv2D, 2, 8>(2053, depthwise_7_1_rv_row),
    row_kernel<DepthwiseRv2D, 2, 8>(2054, depthwise_7_2_rv_row),
    row_kernel<FullyConnectedRv, 1, 4>(2055, fully_connected_rv_row),
    row_kernel<SumRv, 0, 4>(2056, sum_rv_row),
};

}  // namespace

const StageKernels kRiscvStageKernels = {kKernels, nullptr, sizeof(kKernels) / sizeof(kKernels[0]), 0,
                                         &kPortableStageKernels};

}  // namespace tflm_mcunet
