// The kernels and routines of the DSP family that a stage can name: append only, each group in its 64
// numbers.
#include "../../../include/tflm_mcunet/tflm_ops.h"
#include "../../kernels/arm_dsp/broadcast.h"
#include "../../kernels/arm_dsp/conv_2d.h"
#include "../../kernels/arm_dsp/depthwise_3x3.h"
#include "../../kernels/arm_dsp/depthwise_3x3_core.h"
#include "../../kernels/arm_dsp/depthwise_3x3_map.h"
#include "../../kernels/arm_dsp/depthwise_3x3_rolling.h"
#include "../../kernels/arm_dsp/depthwise_3x3_stride_2.h"
#include "../../kernels/arm_dsp/depthwise_conv_2d.h"
#include "../../kernels/arm_dsp/depthwise_core.h"
#include "../../kernels/arm_dsp/depthwise_map.h"
#include "../../kernels/arm_dsp/depthwise_map_core.h"
#include "../../kernels/arm_dsp/depthwise_map_widen.h"
#include "../../kernels/arm_dsp/depthwise_packed.h"
#include "../../kernels/arm_dsp/depthwise_packed_core.h"
#include "../../kernels/arm_dsp/dot_core.h"
#include "../../kernels/arm_dsp/fully_connected.h"
#include "../../kernels/arm_dsp/lookup.h"
#include "../../kernels/arm_dsp/pool_2d.h"
#include "../../kernels/arm_dsp/product.h"
#include "../../kernels/arm_dsp/quantize.h"
#include "../../kernels/arm_dsp/sum.h"
#include "../../kernels/arm_dsp/sum_exact.h"
#include "../../kernels/arm_dsp/units_core.h"
#include "../stage_kernel.h"

namespace tflm_mcunet {
namespace {

constexpr StageKernel kKernels[] = {
    row_kernel<ConvDsp2D, 2, 8, 128>(64, pointwise_dsp_row),
    row_kernel<ConvDsp2D, 2, 8, 128>(65, conv_2d_dsp_row),
    row_kernel<FullyConnectedDsp, 2, 7, 192>(66, fully_connected_dsp_row),
    row_kernel<DepthwiseDsp2D, 2, 6, 256>(67, depthwise_conv_2d_dsp_row),
    row_kernel<DepthwiseDsp3x3, 2, 9, 320>(68, depthwise_3x3_dsp_row),
    row_kernel<DepthwiseDsp3x3Rolling, 2, 14, 320>(69, depthwise_3x3_rolling_dsp_columns),
    row_kernel<DepthwiseDspMap3x3, 1, 3>(70, depthwise_3x3_dsp_map),
    row_kernel<DepthwiseMapDsp, 3, 10, 384, 0, 576>(71, depthwise_map_dsp),
    row_kernel<DepthwisePackedDsp, 2, 10, 448>(72, depthwise_packed_dsp_row),
    row_kernel<SumDsp, 0, 4>(73, sum_dsp_row),
    row_kernel<Sum, 0, 13>(74, sum_exact_dsp_row),
    row_kernel<ProductDsp, 0, 8>(75, product_dsp_row),
    row_kernel<ChannelsDsp, 2, 1, 512>(76, channels_dsp_row),
    row_kernel<Pool2D, 0, 8>(77, average_pool_2d_dsp_row),
    row_kernel<Pool2D, 0, 8>(78, max_pool_2d_dsp_row),
    row_kernel<Lookup, 1, 1>(79, lookup_dsp_row),
    row_kernel<Affine, 0, 3>(80, quantize_dsp_row),
    sum_kernel<Pool2D, 0, 8>(81, &average_pool_2d_dsp_sum),
    sum_kernel<MapMean, 0, 6>(82, &mean_dsp_sum),
    row_kernel<DepthwiseDsp3x3Rolling, 2, 14, 320>(83, depthwise_3x3_rolling_dsp_row),
    row_kernel<DepthwiseDsp3x3Stride2, 1, 10>(84, depthwise_3x3_stride_2_dsp_row),
    row_kernel<DepthwiseDsp3x3Stride2, 1, 10>(85, depthwise_3x3_stride_2_dsp_columns),
};

constexpr StageRoutine kRoutines[] = {
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotSaturate>(128),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotSignFix>(129),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotClamp>(130),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotShift9>(131),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotShift10>(132),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotShift11>(133),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotShift12>(134),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotShift13>(135),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotShift14>(136),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotShift15>(137),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotShift16>(138),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords2Shift9>(139),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords2Shift10>(140),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords2Shift11>(141),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords2Shift12>(142),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords2Shift13>(143),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords2Shift14>(144),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords2Shift15>(145),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords2Shift16>(146),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords4Shift9>(147),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords4Shift10>(148),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords4Shift11>(149),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords4Shift12>(150),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords4Shift13>(151),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords4Shift14>(152),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords4Shift15>(153),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords4Shift16>(154),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords6Shift9>(155),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords6Shift10>(156),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords6Shift11>(157),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords6Shift12>(158),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords6Shift13>(159),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords6Shift14>(160),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords6Shift15>(161),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords6Shift16>(162),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords7Shift9>(163),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords7Shift10>(164),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords7Shift11>(165),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords7Shift12>(166),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords7Shift13>(167),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords7Shift14>(168),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords7Shift15>(169),
    routine<const arm_dsp::DotKernels*, &arm_dsp::kDotWords7Shift16>(170),
    routine<arm_dsp::UnitsKernel, arm_dsp::units_saturate>(192),
    routine<arm_dsp::UnitsKernel, arm_dsp::units_sign_fix>(193),
    routine<arm_dsp::DepthwiseCore, arm_dsp::depthwise_saturate_3_1>(256),
    routine<arm_dsp::DepthwiseCore, arm_dsp::depthwise_saturate_5_1>(257),
    routine<arm_dsp::DepthwiseCore, arm_dsp::depthwise_saturate_7_1>(258),
    routine<arm_dsp::DepthwiseCore, arm_dsp::depthwise_saturate_3_2>(259),
    routine<arm_dsp::DepthwiseCore, arm_dsp::depthwise_saturate_5_2>(260),
    routine<arm_dsp::DepthwiseCore, arm_dsp::depthwise_saturate_7_2>(261),
    routine<arm_dsp::DepthwiseCore, arm_dsp::depthwise_clamp_3_1>(262),
    routine<arm_dsp::DepthwiseCore, arm_dsp::depthwise_clamp_5_1>(263),
    routine<arm_dsp::DepthwiseCore, arm_dsp::depthwise_clamp_7_1>(264),
    routine<arm_dsp::DepthwiseCore, arm_dsp::depthwise_clamp_3_2>(265),
    routine<arm_dsp::DepthwiseCore, arm_dsp::depthwise_clamp_5_2>(266),
    routine<arm_dsp::DepthwiseCore, arm_dsp::depthwise_clamp_7_2>(267),
    routine<const arm_dsp::Core3x3*, &arm_dsp::kOutputs3x3Stride1Shift6>(320),
    routine<const arm_dsp::Core3x3*, &arm_dsp::kOutputs3x3Stride1Shift8>(321),
    routine<const arm_dsp::Core3x3*, &arm_dsp::kOutputs3x3Stride2Shift8>(322),
    routine<const arm_dsp::Core3x3*, &arm_dsp::kSums3x3Stride1>(323),
    routine<const arm_dsp::Core3x3*, &arm_dsp::kSums3x3Stride2>(324),
    routine<const arm_dsp::MapCore*, &arm_dsp::kMap3x3Stride1Width5>(384),
    routine<const arm_dsp::MapCore*, &arm_dsp::kMap3x3Stride1Width6>(385),
    routine<const arm_dsp::MapCore*, &arm_dsp::kMap3x3Stride1Width10>(386),
    routine<const arm_dsp::MapCore*, &arm_dsp::kMap5x5Stride1Width10>(387),
    routine<const arm_dsp::MapCore*, &arm_dsp::kMap3x3Stride2Width11>(388),
    routine<const arm_dsp::MapCore*, &arm_dsp::kMap3x3Stride2Width12>(389),
    routine<const arm_dsp::MapCore*, &arm_dsp::kMap5x5Stride2Width6>(390),
    routine<const arm_dsp::MapCore*, &arm_dsp::kMap7x7Stride1Width3>(391),
    routine<const arm_dsp::MapCore*, &arm_dsp::kMap7x7Stride1Width5>(392),
    routine<const arm_dsp::MapCore*, &arm_dsp::kMap7x7Stride1Width6>(393),
    routine<const arm_dsp::MapCore*, &arm_dsp::kMap7x7Stride2Width10>(394),
    routine<const arm_dsp::MapCore*, &arm_dsp::kMap7x7Stride2Width20>(395),
    routine<const arm_dsp::MapCore*, &arm_dsp::kMap3x3Stride2Width6>(396),
    routine<const arm_dsp::MapCore*, &arm_dsp::kMap3x3Stride1Width12>(397),
    routine<const arm_dsp::PackedCore*, &arm_dsp::kPacked5x5Stride1>(448),
    routine<const arm_dsp::PackedCore*, &arm_dsp::kPacked5x5Stride2>(449),
    routine<const arm_dsp::PackedCore*, &arm_dsp::kPacked7x7Stride1>(450),
    routine<const arm_dsp::PackedCore*, &arm_dsp::kPacked7x7Stride2>(451),
    routine<RowKernel, sum_dsp_row>(512),
    routine<RowKernel, sum_exact_dsp_row>(513),
    routine<RowKernel, product_dsp_row>(514),
    routine<arm_dsp::WidenMap*, arm_dsp::widen_map_2>(576),
    routine<arm_dsp::WidenMap*, arm_dsp::widen_map_4>(577),
};

}  // namespace

const StageKernels kArmDspStageKernels = {kKernels, kRoutines, sizeof(kKernels) / sizeof(kKernels[0]),
                                          sizeof(kRoutines) / sizeof(kRoutines[0]), &kPortableStageKernels};

}  // namespace tflm_mcunet
