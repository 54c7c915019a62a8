// The portable kernels that a stage can name: append only.
#include "../../include/tflm_mcunet/tflm_ops.h"
#include "../kernels/binary.h"
#include "../kernels/concatenation.h"
#include "../kernels/conv_2d.h"
#include "../kernels/depthwise_conv_2d.h"
#include "../kernels/fully_connected.h"
#include "../kernels/lookup.h"
#include "../kernels/pad.h"
#include "../kernels/pool_2d.h"
#include "../kernels/quantize.h"
#include "../kernels/row_sum.h"
#include "../kernels/softmax.h"
#include "stage_kernel.h"

namespace tflm_mcunet {
namespace {

constexpr StageKernel kKernels[] = {
    row_kernel<Conv2D, 4, 13>(1, conv_2d_row),
    row_kernel<DepthwiseConv2D, 4, 12>(2, depthwise_conv_2d_row),
    row_kernel<FullyConnected, 4, 5>(3, fully_connected_row),
    row_kernel<Sum, 0, 13>(4, sum_row),
    row_kernel<Product, 0, 8>(5, product_row),
    row_kernel<Pool2D, 0, 8>(6, average_pool_2d_row),
    row_kernel<Pool2D, 0, 8>(7, max_pool_2d_row),
    row_kernel<Lookup, 1, 1>(8, lookup_row),
    row_kernel<Concatenation, 0, 11>(9, concatenation_row),
    row_kernel<Pad, 0, 4>(10, pad_row),
    row_kernel<Affine, 0, 3>(11, quantize_row),
    row_kernel<Affine, 0, 3>(12, dequantize_row),
    row_kernel<Softmax, 1, 1>(13, softmax_row),
    row_kernel<Softmax, 1, 1>(14, softmax_int16_row),
    sum_kernel<Pool2D, 0, 8>(15, &average_pool_2d_sum),
    sum_kernel<MapMean, 0, 6>(16, &mean_sum),
    row_kernel<Sum, 0, 13>(17, sum_channels_row),
    row_kernel<Product, 0, 8>(18, product_channels_row),
};

}  // namespace

const StageKernels kPortableStageKernels = {kKernels, nullptr, sizeof(kKernels) / sizeof(kKernels[0]), 0,
                                            nullptr};

}  // namespace tflm_mcunet
