// DEPTHWISE_CONV_2D of whole maps with kernels of 3x3 at stride 1, for cores with the DSP extension.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_ROLLING_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_ROLLING_H_

#include <stdint.h>

#include "../row.h"
#include "depthwise_3x3_core.h"

namespace tflm_mcunet {

struct DepthwiseDsp3x3Rolling {
  const arm_dsp::Core3x3* core;  // for stride 1, and the layer's shift where it is regular
  // For each channel: int32 bias times 256, multiplier; for each kernel row the bytes w0 w1 w1 w2. Behind
  // them, where it is not regular, for each channel constant and shift.
  const int32_t* stream;
  int32_t input_width;
  int32_t channels;
  int32_t output_rows;
  int32_t input_step;  // bytes from column to column
  int32_t output_step;
  int32_t output_pitch;  // bytes from row to row
  int32_t pad_left;
  int32_t across_width;  // of a map on its side: its own columns, and their padding on the left
  int32_t across_pad;
  int32_t input_zero_point;
  int32_t finish;      // arm_dsp::Finish
  int32_t is_regular;  // whether that is kSaturate and all channels do with the core's shift
  int32_t output_min;
  int32_t output_max;
};

// RowKernel over DepthwiseDsp3x3Rolling: the rows of all windows in, all output rows out. A row takes the
// place of the oldest, so that each is widened once. Reads up to three bytes behind a row. Pixel p of the
// output may lie where pixel p of the input does. Scratch, aligned to 4: 336 bytes; for each two columns that
// the outputs read 48 bytes, and 16 for each output of a row where it is not regular.
void depthwise_3x3_rolling_dsp_row(const void* params, const void* const* rows, void* out,
                                   const Columns& columns, void* scratch);

// The same where rows are shorter than columns: of a whole map, whose only row it takes, the columns as rows.
// Every word of the parameters but `across_width` and `across_pad`, the map's own width and its padding on
// the left, is of the map on its side. Scratch: 8 bytes more for each column of the map and of its padding.
void depthwise_3x3_rolling_dsp_columns(const void* params, const void* const* rows, void* out,
                                       const Columns& columns, void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_ROLLING_H_
