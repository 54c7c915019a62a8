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

inline void copy_bytes(int8_t* target, const int8_t* source, int32_t count) {
  asm volatile(
      "wls lr, %[pieces], 2f\n"
      "1:\n"
      "vldrb.8 q0, [%[source]], #16\n"
      "vstrb.8 q0, [%[target]], #16\n"
      "le lr, 1b\n"
      "2:\n"
      : [target] "+l"(target), [source] "+l"(source)
      : [pieces] "r"((count + 15) >> 4)
      : "lr", "q0", "memory");
}

inline void fill_bytes(int8_t* target, int32_t value, int32_t count) {
  asm volatile(
      "vdup.8 q0, %[value]\n"
      "wls lr, %[pieces], 2f\n"
      "1:\n"
      "vstrb.8 q0, [%[target]], #16\n"
      "le lr, 1b\n"
      "2:\n"
      : [target] "+l"(target)
      : [value] "r"(value), [pieces] "r"((count + 15) >> 4)
      : "lr", "q0", "memory");
}

#else

inline void copy_bytes(int8_t* target, const int8_t* source, int32_t count) {
  for (int32_t i = 0; i < count; i += 16) {
    memcpy(target + i, source + i, 16);
  }
}

inline void fill_bytes(int8_t* target, int32_t value, int32_t count) {
  memset(target, value, static_cast<uint32_t>((count + 15) & ~15));
}

#endif

}  // namespace arm_mve
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_MVE_BYTES_H_
