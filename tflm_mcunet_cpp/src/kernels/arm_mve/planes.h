// The planes of the MVE depthwise convolution: channels that lie side by side, one after the other.
#ifndef TFLM_MCUNET_KERNELS_ARM_MVE_PLANES_H_
#define TFLM_MCUNET_KERNELS_ARM_MVE_PLANES_H_

#include <stdint.h>

namespace tflm_mcunet {
namespace arm_mve {

// Lines of pixels that enter the planes. A line is `before` pixels of padding, `pixels` pixels and `after`
// ones of padding. Channels are taken in eights, so that up to seven more are read and written. The assembler
// knows the order of the fields.
struct PlaneJob {
  int32_t before;
  int32_t pixels;
  int32_t after;
  int32_t padding;   // its value
  int32_t row_step;  // bytes from pixel to pixel
  int32_t step;
  int32_t pitch;  // 15 * pitch + step at most 65,535
  int32_t channels;
  int32_t is_padded;  // the planes hold the padding already
};

// Writes pixel x, channel c of line i to planes[c * pitch + x * step + i]; the first pixel that is no padding
// lies at rows[i] + skip. Lines that are nullptr are padding.
void write_planes(const PlaneJob& job, const void* const* rows, int32_t lines, int32_t skip, int8_t* planes);

}  // namespace arm_mve
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_MVE_PLANES_H_
