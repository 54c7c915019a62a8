// The inputs of output pixels, gathered so that each pixel's lie side by side.
#ifndef TFLM_MCUNET_KERNELS_ARM_MVE_GATHER_H_
#define TFLM_MCUNET_KERNELS_ARM_MVE_GATHER_H_

#include <stdint.h>

namespace tflm_mcunet {
namespace arm_mve {

// Where windows lie. All counts are of bytes but for `kernel_h`.
struct GatherJob {
  const void* const* rows;  // of the kernel; nullptr where the row is padding
  int32_t kernel_h;
  int32_t kernel_bytes;  // of a row of the kernel
  int32_t begin;         // what the rows begin with, from the input's first column
  int32_t input_bytes;   // of the input's columns
  int32_t input_zero_point;
  int32_t step;         // from window to window
  int32_t pixel_bytes;  // from pixel to pixel of the target, at least kernel_h * kernel_bytes
};

// Copies the windows of `pixels` pixels, the first of which begins `first` bytes behind the input's first
// column, or before it. Reads up to 15 bytes behind a row and writes up to 15 behind the last pixel; bytes
// between the pixels hold anything.
void gather_pixels(const GatherJob& job, int32_t first, int32_t pixels, int8_t* target);

}  // namespace arm_mve
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_MVE_GATHER_H_
