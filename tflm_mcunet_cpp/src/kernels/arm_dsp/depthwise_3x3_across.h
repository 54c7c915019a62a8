// A whole map on its side, its columns as rows.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_ACROSS_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_ACROSS_H_

#include <stdint.h>

namespace tflm_mcunet {
namespace arm_dsp {

// Sets a pointer to each column of all windows at the beginning of `scratch`, nullptr for padding, and
// returns where it goes on. `Conv` is a structure of a depthwise 3x3 kernel.
template <typename Conv>
void* lay_across(const Conv& conv, int32_t stride, const void* map, void* scratch) {
  const void** const across = static_cast<const void**>(scratch);
  const int32_t window = 3 + (conv.output_rows - 1) * stride;
  for (int32_t i = 0; i < window; ++i) {
    const int32_t x = i - conv.across_pad;
    const bool exists = x >= 0 && x < conv.across_width;
    across[i] = exists ? static_cast<const int8_t*>(map) + x * conv.channels : nullptr;
  }
  return static_cast<uint8_t*>(scratch) + 8 * window;
}

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_ACROSS_H_
