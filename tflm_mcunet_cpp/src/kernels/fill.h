// Fills memory with one element: what the kernels that pad share.
#ifndef TFLM_MCUNET_KERNELS_FILL_H_
#define TFLM_MCUNET_KERNELS_FILL_H_

#include <stdint.h>
#include <string.h>

namespace tflm_mcunet {

// `fill` holds the bytes of one element, repeated to four; `bytes` is a multiple of the element's size.
inline void fill_bytes(uint8_t* target, int32_t bytes, const uint8_t* fill) {
  if (bytes <= 0) {
    return;
  }
  if (fill[0] == fill[1] && fill[0] == fill[2] && fill[0] == fill[3]) {
    memset(target, fill[0], static_cast<size_t>(bytes));
    return;
  }
  for (int32_t i = 0; i < bytes; ++i) {
    target[i] = fill[i & 3];
  }
}

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_FILL_H_
