// DEPTHWISE_CONV_2D with a multiplier of 1, square kernels of 5 and 7, strides 1 and 2, for cores with
// the DSP extension: Cortex-M4, M7, M33.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_CONV_2D_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_CONV_2D_H_

#include <stdint.h>

#include "../row.h"
#include "depthwise_core.h"

namespace tflm_mcunet {

struct DepthwiseDsp2D {
  arm_dsp::DepthwiseCore core;  // for its kernel and stride
  // For each channel: int32 bias times 128 and multiplier; the weights of each kernel row as bytes w0 w2 w1
  // w3 w4 w6 w5, of which a kernel of 5 has five; a byte that fills up to a word, 27 or 51 bytes behind the
  // first weight: the shift less 1.
  const int32_t* stream;
  int32_t constant;  // 2 * output zero point + 1
  uint16_t input_width;
  uint16_t channels;
  uint16_t kernel;       // 5 or 7: rows and columns
  uint16_t stride;       // 1 or 2, of rows and columns
  uint16_t output_rows;  // rows of one call: rows of the window are kernel + (output_rows - 1) * stride
  int16_t pad_left;
  int16_t input_zero_point;
  int16_t output_min;
  int16_t output_max;
};

// RowKernel over DepthwiseDsp2D; the rows of the window in, `output_rows` rows out, one after the other.
// Reads up to three bytes behind a row. The output may be the window's first row where there is one output
// row. Scratch, aligned to 4: 16 bytes for each row of the window and each two columns that the outputs
// read, rounded up to full groups of six outputs, 128 * kernel and 64 bytes, and 12 for each
// output row.
void depthwise_conv_2d_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                               void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_CONV_2D_H_
