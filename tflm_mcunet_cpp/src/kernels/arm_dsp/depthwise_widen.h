// What the depthwise kernels widen before they compute: rows of four channels, and weights.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_WIDEN_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_WIDEN_H_

#include <stdint.h>

namespace tflm_mcunet {
namespace arm_dsp {

// Rows of four channels, to be widened to one plane for each channel: two neighbouring columns to a word, as
// (value - zero point) * 128. The assembler knows the order of the fields, and changes some.
struct WidenJob {
  const void* const* rows;  // nullptr for a row that is left out
  int32_t rows_left;        // at least 1
  int32_t offset;           // bytes from a row to the first column's first channel
  uint32_t* plane;          // the word of the first row's first column, in the first channel's plane
  int32_t row_bytes;        // from row to row of a plane
  int32_t pairs;            // of columns that share a word
  int32_t has_lead;         // whether a column before them is the second one of its word
  int32_t has_trail;        // whether a column behind them is the first one of its word
  int32_t step;             // bytes from column to column
  int32_t pitch;            // bytes from plane to plane
  uint32_t zero;            // the zero point times 256, in both halves
};

void widen_rows(WidenJob* job);

// The weights of one channel, each kernel row packed as w0 w2 w1 w3 w4 w6 w5 w7, to DepthwiseJob::weights.
void widen_weights(const int8_t* packed, uint32_t* weights, int32_t kernel, int32_t stride);

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_WIDEN_H_
