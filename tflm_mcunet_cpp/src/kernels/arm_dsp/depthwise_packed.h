// DEPTHWISE_CONV_2D with a multiplier of 1, square kernels of 5 and 7, strides 1 and 2, of wide rows, for
// cores with the DSP extension: Cortex-M4, M7, M33.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_PACKED_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_PACKED_H_

#include <stdint.h>

#include "../row.h"
#include "depthwise_packed_core.h"
#include "finish.h"

namespace tflm_mcunet {

struct DepthwisePackedDsp {
  const arm_dsp::PackedCore* core;  // for its kernel and stride
  // For each channel: int32 bias, multiplier and constant; the weights as bytes in the order in which words
  // take them (depthwise_packed_core.h), the upper one first, filled up to a word: of a kernel row w0 w1 w2
  // w3 w4 w5 w6, at stride 2 w0 w2 w4 w6 w1 w3 w5; of 5x5 kernels w0 w1 w2 w3 w4 and w0 w2 w1 w3 w4. Behind
  // them, but with kPackedFixed, the shift of each channel.
  const int32_t* stream;
  int32_t input_width;
  int32_t channels;
  int32_t output_rows;  // rows of one call: rows of the window are kernel + (output_rows - 1) * stride
  int32_t is_rolling;   // whether `kernel` widened rows are held at a time; else all rows of the window
  int32_t pad_left;
  int32_t input_zero_point;
  int32_t finish;       // arm_dsp::Finish
  int32_t core_finish;  // arm_dsp::PackedFinish; other than kSaturate goes with sums
  int32_t output_min;
  int32_t output_max;
};

// RowKernel over DepthwisePackedDsp; the rows of the window in, `output_rows` rows out, one after the other.
// Reads up to three bytes behind a row. Pixel p of the output may lie where pixel p of the input does: the
// output may be the window's first row where there is one output row, and where there are more, the input map
// itself. Scratch, aligned to 4: 80 bytes; for each held row 16 bytes for each of its words (`packed_words`);
// for each kernel row 48 bytes (5x5) or 64 (7x7), twice that where it is rolling; with kPackedSums 16
// bytes for each output of a row, else, where it is not rolling, 12 for each output row.
void depthwise_packed_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                              void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_PACKED_H_
