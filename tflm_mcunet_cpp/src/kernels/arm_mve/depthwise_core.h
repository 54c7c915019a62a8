// The core of the MVE depthwise convolution: windows of one channel after the other.
#ifndef TFLM_MCUNET_KERNELS_ARM_MVE_DEPTHWISE_CORE_H_
#define TFLM_MCUNET_KERNELS_ARM_MVE_DEPTHWISE_CORE_H_

#include <stdint.h>

namespace tflm_mcunet {
namespace arm_mve {

// Channels of one line of outputs. The assembler knows the order of the fields.
//
// A plane holds what one channel's windows cover, in the order in which they follow each other, so that a
// window is a run of bytes. `stream` holds for each channel: int32 bias, multiplier and shift (and for the
// routines of any window 1 where the shift is not 0); `lead` zeros; the taps in the plane's order, zeros up
// to 16 times `vectors` of them. The lead makes weights of the next window, where one load serves both.
struct DepthwiseJob {
  const int8_t* plane;
  const int8_t* stream;
  const int8_t* stream_end;
  int8_t* out;
  int32_t stride;       // bytes from pixel to pixel of the output, at most 9,362
  int32_t count;        // pixels
  int32_t plane_delta;  // from where the last window of a channel ends to the next plane
  int32_t out_delta;    // from the output of a channel's last full eight to the next channel
  int32_t output_zero_point;
  int32_t output_min;
  int32_t output_max;
  int32_t step;         // bytes from window to window
  int32_t plane_bytes;  // from plane to plane
  int32_t stream_bytes;
  int32_t lead;
  int32_t vectors;
};

// The routines, one for each convolution.
using DepthwiseRoutine = void (*)(const DepthwiseJob&);

// Windows are computed in eights, and the last four or eight of a channel may reach over `count`.
//
// Of a kernel and stride, ending in kSaturate (arm_mve::Finish).
void depthwise_3x3_stride_1(const DepthwiseJob& job);
void depthwise_3x3_stride_2(const DepthwiseJob& job);
void depthwise_5x5_stride_1(const DepthwiseJob& job);
void depthwise_5x5_stride_2(const DepthwiseJob& job);
void depthwise_7x7_stride_1(const DepthwiseJob& job);
void depthwise_7x7_stride_2(const DepthwiseJob& job);
// Of any window of that many taps, ending in kGeneral.
void depthwise_to_16_taps(const DepthwiseJob& job);
void depthwise_to_32_taps(const DepthwiseJob& job);
void depthwise_to_48_taps(const DepthwiseJob& job);
void depthwise_to_64_taps(const DepthwiseJob& job);

}  // namespace arm_mve
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_MVE_DEPTHWISE_CORE_H_
