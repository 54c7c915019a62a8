// The core of the MVE depthwise convolution: windows of one channel after the other.
#ifndef TFLM_MCUNET_KERNELS_ARM_MVE_DEPTHWISE_CORE_H_
#define TFLM_MCUNET_KERNELS_ARM_MVE_DEPTHWISE_CORE_H_

#include <stdint.h>

namespace tflm_mcunet {
namespace arm_mve {

// The routines: of a kernel and stride with the ending kSaturate, or of any window of up to 16, 32, 48 and 64
// taps with the ending kGeneral (arm_mve::Finish). codegen/arm_mve/depthwise.py chooses.
enum DepthwiseCore : int32_t {
  k3x3Stride1 = 0,
  k3x3Stride2 = 1,
  k5x5Stride1 = 2,
  k5x5Stride2 = 3,
  k7x7Stride1 = 4,
  k7x7Stride2 = 5,
  kUpTo16Taps = 6,
  kUpTo32Taps = 7,
  kUpTo48Taps = 8,
  kUpTo64Taps = 9,
};

// Channels of one row. The assembler knows the order of the fields.
//
// A plane holds the columns that one channel's windows cover, `kernel_h` bytes to a column, so that a window
// is a run of bytes. `stream` holds for each channel: int32 bias, multiplier and shift (and for kGeneral 1
// where the shift is not 0); `lead` zeros; the taps in the plane's order, zeros up to 16 times `vectors` of
// them. The lead makes weights of the window's right neighbour, where one load serves both.
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

// Windows are computed in eights, and the last four or eight of a channel may reach over `count`.
void depthwise_channels(const DepthwiseJob& job, int32_t core);

}  // namespace arm_mve
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_MVE_DEPTHWISE_CORE_H_
