#include "kernel_multiplier_core.h"

#include "../kernels/arm_dsp/simd.h"

namespace tflm_mcunet {
namespace arm_dsp {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

// Registers: r0 scales, r1 multipliers, r2 shifts, r3 end of the scales, r4 whole and r5 fraction of q, r6
// large, r7 exponent, r8 the union, r9 2^31; r10 what is behind the product's point, r11 a scale and its
// shift, r12 F, lr the product.
TFLM_MCUNET_ASSEMBLER bool multipliers(MultipliersJob*) {
  asm volatile(
      "push {r0, r4-r11, lr}\n"
      "ldm r0, {r0-r7}\n"
      "movs r8, #0\n"
      "mov r9, #0x80000000\n"
      "1:\n"
      "ldr r11, [r0], #4\n"
      "orr r12, r9, r11, lsl #8\n"
      "cmp r12, r6\n"
      "adc r11, r7, r11, lsr #23\n"
      "it hs\n"
      "lsrhs r12, r12, #1\n"
      "umull lr, r10, r12, r5\n"
      "mov lr, r9\n"
      "umaal r10, lr, r12, r4\n"
      "cmn r10, #1024\n"
      "bcs.n 2f\n"
      "str lr, [r1], #4\n"
      "strb r11, [r2], #1\n"
      "orn r8, r8, r11\n"
      "cmp r0, r3\n"
      "bne.n 1b\n"
      "pop {r1}\n"
      "str r8, [r1, #32]\n"
      "movs r0, #1\n"
      "pop {r4-r11, pc}\n"
      "2:\n"
      "movs r0, #0\n"
      "pop {r1, r4-r11, pc}\n");
}

#else

bool multipliers(MultipliersJob* job) {
  job->complements = 0;
  for (int32_t i = 0; i < job->end - job->scales; ++i) {
    const uint32_t bits = load_word(job->scales + i);
    const uint32_t significand = bits << 8 | 0x80000000u;
    const uint32_t is_large = significand >= job->large ? 1 : 0;
    const uint64_t halved = significand >> is_large;
    const uint64_t product = halved * job->whole + (halved * job->fraction >> 32) + 0x80000000u;
    if (static_cast<uint32_t>(product) >= 0xFFFFFC00u) {
      return false;
    }
    const int32_t shift = job->exponent + static_cast<int32_t>((bits >> 23) + is_large);
    job->multiplier[i] = static_cast<int32_t>(product >> 32);
    job->shift[i] = static_cast<int8_t>(shift);
    job->complements |= ~static_cast<uint32_t>(shift);
  }
  return true;
}

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet
