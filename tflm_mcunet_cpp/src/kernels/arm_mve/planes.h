// The planes of the MVE depthwise convolution: channels that lie side by side, one after the other.
#ifndef TFLM_MCUNET_KERNELS_ARM_MVE_PLANES_H_
#define TFLM_MCUNET_KERNELS_ARM_MVE_PLANES_H_

#include <stdint.h>

namespace tflm_mcunet {
namespace arm_mve {

// Writes pixel x, channel c of a row to planes[c * pitch + x * step]. Channels are taken in eights, so that
// up to seven more are read and written.
struct PlaneJob {
  const int8_t* row;  // the first pixel
  int8_t* planes;
  int32_t pixels;
  int32_t channels;
  int32_t row_step;  // bytes from pixel to pixel
  int32_t step;
  int32_t pitch;  // 15 * pitch + step at most 65,535
};

void write_planes(const PlaneJob& job);

}  // namespace arm_mve
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_MVE_PLANES_H_
