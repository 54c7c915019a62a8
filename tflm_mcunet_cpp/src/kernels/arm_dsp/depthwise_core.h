// The inner loop of the depthwise kernels: one channel of one output row, six outputs at a time.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_CORE_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_CORE_H_

#include <stdint.h>

namespace tflm_mcunet {
namespace arm_dsp {

// What one output row reads: byte offsets into a plane and into the widened weights, and the kernel's rows
// that exist.
struct DepthwiseRow {
  int32_t x;
  int32_t weights;
  int32_t rows;  // at least 1
};

// Some channels of some output rows. The assembler knows the order of the fields, and copies them to its
// stack.
//
// A plane holds rows of words, two neighbouring columns to a word, as (value - zero point) * 128. The
// widened weights of a channel hold for each kernel row the words (w0 w1) (w2 w3) .., at stride 1 each
// followed by (0 w0), (w1 w2) ... Outputs are computed in sixes, so a plane is read accordingly further than
// `count` says.
struct DepthwiseJob {
  int32_t state[5];
  int32_t stride;  // bytes from output column to output column
  int32_t requantize[2];
  int32_t low;
  int32_t high;
  int32_t shift;
  int32_t pitch;  // bytes from the last word of a row that six outputs read to the next row
  int32_t sums[6];
  int32_t row;
  const uint32_t* plane;    // of the first channel
  const uint32_t* weights;  // of the first channel
  int32_t rows_left;
  int32_t count;          // outputs of a row
  int32_t channels;       // at least 1
  const int32_t* stream;  // for each channel: bias times 128, multiplier, constant, shift, and more
  int32_t stream_bytes;   // from channel to channel
  int32_t plane_bytes;    // from channel to channel
  int32_t weights_bytes;  // from channel to channel
  const DepthwiseRow* rows;
  int32_t output_rows;
  int8_t* out;  // rows follow each other
};

// For kernels of 3, 5 and 7 columns and strides of 1 and 2, with Finish kSaturate, and with the sign fixed
// and values clamped. Each is linked only where a layer needs it.
using DepthwiseCore = void (*)(const DepthwiseJob* job);
void depthwise_saturate_3_1(const DepthwiseJob* job);
void depthwise_saturate_5_1(const DepthwiseJob* job);
void depthwise_saturate_7_1(const DepthwiseJob* job);
void depthwise_saturate_3_2(const DepthwiseJob* job);
void depthwise_saturate_5_2(const DepthwiseJob* job);
void depthwise_saturate_7_2(const DepthwiseJob* job);
void depthwise_clamp_3_1(const DepthwiseJob* job);
void depthwise_clamp_5_1(const DepthwiseJob* job);
void depthwise_clamp_7_1(const DepthwiseJob* job);
void depthwise_clamp_3_2(const DepthwiseJob* job);
void depthwise_clamp_5_2(const DepthwiseJob* job);
void depthwise_clamp_7_2(const DepthwiseJob* job);

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_CORE_H_
