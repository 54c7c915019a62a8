// Copies and fills in pieces of 16 bytes, which may touch up to 15 bytes behind their end.
#ifndef TFLM_MCUNET_KERNELS_ARM_MVE_BYTES_H_
#define TFLM_MCUNET_KERNELS_ARM_MVE_BYTES_H_

#include <stdint.h>
#include <string.h>

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>
#endif

namespace tflm_mcunet {
namespace arm_mve {

#if defined(__ARM_FEATURE_MVE)

inline void copy_16_bytes(int8_t* target, const int8_t* source) { vstrbq_s8(target, vldrbq_s8(source)); }
inline void fill_16_bytes(int8_t* target, int32_t value) {
  vstrbq_s8(target, vdupq_n_s8(static_cast<int8_t>(value)));
}

#else

inline void copy_16_bytes(int8_t* target, const int8_t* source) { memcpy(target, source, 16); }
inline void fill_16_bytes(int8_t* target, int32_t value) { memset(target, value, 16); }

#endif

inline void copy_bytes(int8_t* target, const int8_t* source, int32_t count) {
  for (int32_t i = 0; i < count; i += 16) {
    copy_16_bytes(target + i, source + i);
  }
}

inline void fill_bytes(int8_t* target, int32_t value, int32_t count) {
  for (int32_t i = 0; i < count; i += 16) {
    fill_16_bytes(target + i, value);
  }
}

}  // namespace arm_mve
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_MVE_BYTES_H_
