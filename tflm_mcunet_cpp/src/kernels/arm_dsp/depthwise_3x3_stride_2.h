// DEPTHWISE_CONV_2D of whole maps with kernels of 3x3 at stride 2, for cores with the DSP extension.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_STRIDE_2_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_STRIDE_2_H_

#include <stdint.h>

#include "../row.h"

namespace tflm_mcunet {

struct DepthwiseDsp3x3Stride2 {
  // For each channel: int32 bias times 256, which holds the output's zero point and what rounds; multiplier;
  // for each kernel row the bytes w0 w1 w1 w2.
  const int32_t* stream;
  int32_t input_width;
  int32_t channels;
  int32_t output_rows;
  int32_t input_step;  // bytes from column to column
  int32_t output_step;
  int32_t output_pitch;  // bytes from row to row
  int32_t pad_left;      // at most 1
  int32_t across_width;  // of a map on its side: its own columns, and their padding on the left
  int32_t across_pad;
  int32_t input_zero_point;
};

// Output rows after which the units begin anew at their first place.
constexpr int32_t kRows3x3Stride2 = 24;

// RowKernel over DepthwiseDsp3x3Stride2: the rows of all windows in, all output rows out, with kSaturate and
// a shift of 8. At most one column of padding is read on either side. Reads up to three bytes behind a row.
// Pixel p of the output may lie where pixel p of the input does. Scratch, aligned to 4: 128 bytes, 48 for
// each output of a row and one more, and 32 for each further row of the first kRows3x3Stride2.
void depthwise_3x3_stride_2_dsp_row(const void* params, const void* const* rows, void* out,
                                    const Columns& columns, void* scratch);

// As depthwise_3x3_rolling_dsp_columns.
void depthwise_3x3_stride_2_dsp_columns(const void* params, const void* const* rows, void* out,
                                        const Columns& columns, void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_STRIDE_2_H_
