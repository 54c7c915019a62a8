// DEPTHWISE_CONV_2D with kernels of 3x3, a multiplier of 1 and strides 1 and 2, for cores with the DSP
// extension: Cortex-M4, M7, M33.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_H_

#include <stdint.h>

#include "../row.h"
#include "depthwise_3x3_core.h"
#include "finish.h"

namespace tflm_mcunet {

struct DepthwiseDsp3x3 {
  const arm_dsp::Core3x3* core;  // for its stride, and its shift where it is regular
  // For each channel: int32 bias times 256, multiplier; for each kernel row the bytes w0 w1 w1 w2. Behind
  // them, where it is not regular, for each channel constant and shift.
  const int32_t* stream;
  int32_t input_width;
  int32_t channels;
  int32_t stride;       // 1 or 2, of rows and columns
  int32_t output_rows;  // rows of one call: rows of the window are 3 + (output_rows - 1) * stride
  int32_t input_step;   // bytes from column to column
  int32_t output_step;
  int32_t output_pitch;  // bytes from row to row where there is more than one
  int32_t pad_left;
  int32_t across_width;  // of a map on its side: its own columns, and their padding on the left
  int32_t across_pad;
  int32_t input_zero_point;
  int32_t finish;      // arm_dsp::Finish
  int32_t is_regular;  // whether that is kSaturate and all channels do with the core's shift
  int32_t output_min;
  int32_t output_max;
};

// RowKernel over DepthwiseDsp3x3; the rows of the window in, `output_rows` rows out, one after the other; at
// stride 1 more than one row is for depthwise_3x3_rolling_dsp_row. Reads up to three bytes behind a row.
// Pixel p of the output may lie where pixel p of the input does: the output may be the window's first row
// where there is one output row, and where there are more, the input map itself. Scratch, aligned to 4: 112
// bytes, 224 where there is more than one output row; for each two columns that the outputs read 48 bytes,
// and 16 for each output of a row where it is not regular.
void depthwise_3x3_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                           void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_H_
