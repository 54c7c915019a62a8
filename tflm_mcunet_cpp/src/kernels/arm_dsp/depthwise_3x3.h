// DEPTHWISE_CONV_2D with kernels of 3x3, a multiplier of 1 and strides 1 and 2, row by row, for cores with
// the DSP extension: Cortex-M4, M7, M33.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_H_

#include <stdint.h>

#include "../row.h"
#include "depthwise_3x3_core.h"
#include "finish.h"

namespace tflm_mcunet {

struct DepthwiseDsp3x3 {
  const arm_dsp::Core3x3* core;  // for its stride, and its shift where it is regular
  // An arm_dsp::Record3x3 for each channel, weights times 256; behind them, where it is not regular, for each
  // channel constant and shift.
  const int32_t* records;
  int32_t input_width;
  int32_t channels;
  int32_t stride;  // 1 or 2, of columns
  int32_t pad_left;
  int32_t input_zero_point;
  int32_t finish;      // arm_dsp::Finish
  int32_t is_regular;  // whether that is kSaturate and all channels do with the core's shift
  int32_t output_min;
  int32_t output_max;
};

// RowKernel over DepthwiseDsp3x3. Reads up to three bytes behind a row. The output may be the window's first
// row. Scratch, aligned to 4: for each two columns that the outputs read 48 bytes, and 16 for each output
// where it is not regular.
void depthwise_3x3_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                           void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_H_
