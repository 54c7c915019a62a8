#include "finish_sums.h"

#include "finish.h"
#include "simd.h"

namespace tflm_mcunet {
namespace arm_dsp {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

#define VALUE(sum)      \
  "and.w r12, r7, " sum \
  ", asr #31\n"         \
  "add r12, r12, r5\n"  \
  "smmla " sum ", " sum \
  ", r4, r12\n"         \
  "asr.w " sum ", " sum ", r6\n"
#define SATURATE(sum) "ssat " sum ", #8, " sum "\n"
#define CLAMP(sum) \
  "cmp " sum       \
  ", r9\n"         \
  "it lt\n"        \
  "movlt " sum     \
  ", r9\n"         \
  "cmp " sum       \
  ", r10\n"        \
  "it gt\n"        \
  "movgt " sum ", r10\n"
#define OUTPUTS(END) \
  "tst r2, #1\n"                                                 \
  "beq 2f\n"                                                     \
  "ldr r0, [r1], #4\n" VALUE("r0") END("r0") "strb r0, [r3]\n"   \
  "add r3, r3, r8\n"                                             \
  "subs r2, r2, #1\n"                                            \
  "beq 9f\n"                                                     \
  "2:\n"                                                         \
  "ldrd r0, r11, [r1], #8\n" VALUE("r0") VALUE("r11") END("r0") END("r11") "strb r0, [r3]\n" \
  "strb.w r11, [r3, r8]\n"                                       \
  "add.w r3, r3, r8, lsl #1\n"                                   \
  "subs r2, r2, #2\n"                                            \
  "bne 2b\n"

// Registers: r1 sums, r2 outputs left, r3 out, r4 multiplier, r5 constant, r6 shift, r7 what is added below
// zero, r8 step, r9 and r10 the clamps, r0 and r11 sums and outputs.
TFLM_MCUNET_ASSEMBLER void finish_sums(const SumsEnding*, const int32_t*, int32_t, int8_t*) {
  asm volatile(
      "push {r4-r11, lr}\n"
      "ldmia.w r0, {r4-r10}\n"
      "mvn r0, #127\n"
      "cmp r9, r0\n"
      "bne 5f\n"
      "cmp r10, #127\n"
      "bne 5f\n" OUTPUTS(SATURATE)
      "9:\n"
      "pop {r4-r11, pc}\n"
      "5:\n" OUTPUTS(CLAMP)
      "9:\n"
      "pop {r4-r11, pc}\n");
}

#else

void finish_sums(const SumsEnding* ending, const int32_t* sums, int32_t count, int8_t* out) {
  for (int32_t i = 0; i < count; ++i, out += ending->step) {
    const int32_t value =
        fixed(sums[i], ending->multiplier, ending->constant, ending->shift, -ending->below_zero);
    *out = static_cast<int8_t>(value < ending->low ? ending->low
                                                   : (value > ending->high ? ending->high : value));
  }
}

#endif

}  // namespace arm_dsp
}  // namespace tflm_mcunet
