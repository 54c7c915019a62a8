// The kernels and routines of the MVE family that a stage can name: append only, each group in its 64
// numbers.
#include "../../../include/tflm_mcunet/tflm_ops.h"
#include "../../kernels/arm_mve/conv_2d.h"
#include "../../kernels/arm_mve/depthwise_conv_2d.h"
#include "../../kernels/arm_mve/depthwise_core.h"
#include "../../kernels/arm_mve/dot_core.h"
#include "../../kernels/arm_mve/fully_connected.h"
#include "../../kernels/arm_mve/pool_2d.h"
#include "../../kernels/arm_mve/quantize.h"
#include "../../kernels/arm_mve/sum.h"
#include "../stage_kernel.h"

namespace tflm_mcunet {
namespace {

constexpr StageKernel kKernels[] = {
    row_kernel<ConvMve2D, 3, 13, 1088, 1088>(1024, pointwise_mve_row),
    row_kernel<ConvMve2D, 3, 13, 1088, 1088>(1025, conv_2d_mve_row),
    row_kernel<FullyConnectedMve, 2, 4, 1088>(1026, fully_connected_mve_row),
    row_kernel<DepthwiseMve2D, 2, 16, 1152>(1027, depthwise_conv_2d_mve_row),
    row_kernel<DepthwiseMapMve2D, 2, 23, 1152>(1028, depthwise_conv_2d_mve_map),
    row_kernel<SumMve, 0, 5>(1029, sum_mve_row),
    row_kernel<Pool2D, 0, 8>(1030, average_pool_2d_mve_row),
    row_kernel<Pool2D, 0, 8>(1031, max_pool_2d_mve_row),
    row_kernel<Affine, 0, 3>(1032, quantize_mve_row),
    sum_kernel<Pool2D, 0, 8>(1033, &average_pool_2d_mve_sum),
    sum_kernel<MapMean, 0, 6>(1034, &mean_mve_sum),
};

constexpr StageRoutine kRoutines[] = {
    routine<arm_mve::DotRoutine, arm_mve::pairs_saturated>(1088),
    routine<arm_mve::DotRoutine, arm_mve::pairs_of_1_saturated>(1089),
    routine<arm_mve::DotRoutine, arm_mve::pairs_of_2_saturated>(1090),
    routine<arm_mve::DotRoutine, arm_mve::pairs_of_3_saturated>(1091),
    routine<arm_mve::DotRoutine, arm_mve::pairs_of_4_saturated>(1092),
    routine<arm_mve::DotRoutine, arm_mve::pairs_fixed>(1093),
    routine<arm_mve::DotRoutine, arm_mve::pairs_of_1_fixed>(1094),
    routine<arm_mve::DotRoutine, arm_mve::pairs_of_2_fixed>(1095),
    routine<arm_mve::DotRoutine, arm_mve::pairs_of_3_fixed>(1096),
    routine<arm_mve::DotRoutine, arm_mve::pairs_of_4_fixed>(1097),
    routine<arm_mve::DotRoutine, arm_mve::pairs_clamped>(1098),
    routine<arm_mve::DotRoutine, arm_mve::single_saturated>(1099),
    routine<arm_mve::DotRoutine, arm_mve::single_of_1_saturated>(1100),
    routine<arm_mve::DotRoutine, arm_mve::single_of_2_saturated>(1101),
    routine<arm_mve::DotRoutine, arm_mve::single_of_3_saturated>(1102),
    routine<arm_mve::DotRoutine, arm_mve::single_of_4_saturated>(1103),
    routine<arm_mve::DotRoutine, arm_mve::single_fixed>(1104),
    routine<arm_mve::DotRoutine, arm_mve::single_of_1_fixed>(1105),
    routine<arm_mve::DotRoutine, arm_mve::single_of_2_fixed>(1106),
    routine<arm_mve::DotRoutine, arm_mve::single_of_3_fixed>(1107),
    routine<arm_mve::DotRoutine, arm_mve::single_of_4_fixed>(1108),
    routine<arm_mve::DotRoutine, arm_mve::single_clamped>(1109),
    routine<arm_mve::DepthwiseRoutine, arm_mve::depthwise_3x3_stride_1>(1152),
    routine<arm_mve::DepthwiseRoutine, arm_mve::depthwise_3x3_stride_2>(1153),
    routine<arm_mve::DepthwiseRoutine, arm_mve::depthwise_5x5_stride_1>(1154),
    routine<arm_mve::DepthwiseRoutine, arm_mve::depthwise_5x5_stride_2>(1155),
    routine<arm_mve::DepthwiseRoutine, arm_mve::depthwise_7x7_stride_1>(1156),
    routine<arm_mve::DepthwiseRoutine, arm_mve::depthwise_7x7_stride_2>(1157),
    routine<arm_mve::DepthwiseRoutine, arm_mve::depthwise_to_16_taps>(1158),
    routine<arm_mve::DepthwiseRoutine, arm_mve::depthwise_to_32_taps>(1159),
    routine<arm_mve::DepthwiseRoutine, arm_mve::depthwise_to_48_taps>(1160),
    routine<arm_mve::DepthwiseRoutine, arm_mve::depthwise_to_64_taps>(1161),
};

}  // namespace

const StageKernels kArmMveStageKernels = {kKernels, kRoutines, sizeof(kKernels) / sizeof(kKernels[0]),
                                          sizeof(kRoutines) / sizeof(kRoutines[0]), &kArmDspStageKernels};

}  // namespace tflm_mcunet
