#include "sum.h"

#include "simd.h"

namespace tflm_mcunet {
namespace {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

// One of the halves, `b` or `t`, of the widened words.
#define ONE(first, second, half, result)              \
  "smlaw" half " " result ", r4, " first              \
  ", r6\n"                                            \
  "smlaw" half " " result ", r5, " second ", " result \
  "\n"                                                \
  "ssat " result ", #8, " result ", asr #20\n"

// Four elements at a time: (first, second, out, fours, parameters).
TFLM_MCUNET_ASSEMBLER void sum_fours(const int8_t*, const int8_t*, int8_t*, int32_t, const SumDsp*) {
  asm volatile(
      "push {r4-r11, lr}\n"
      "ldr r7, [sp, #36]\n"
      "ldrd r4, r5, [r7, #4]\n"
      "ldr r6, [r7, #12]\n"
      "mov r7, #0xFF00FF00\n"
      "1:\n"
      "ldr r8, [r0], #4\n"
      "ldr r9, [r1], #4\n"
      "and.w r10, r7, r8, lsl #8\n"
      "and.w r11, r7, r9, lsl #8\n" ONE("r10", "r11", "b", "r12") ONE("r10", "r11", "t", "lr")
      "strb.w r12, [r2]\n"
      "strb.w lr, [r2, #2]\n"
      "and.w r8, r7, r8\n"
      "and.w r9, r7, r9\n" ONE("r8", "r9", "b", "lr") ONE("r8", "r9", "t", "r12")
      "strb.w lr, [r2, #1]\n"
      "strb.w r12, [r2, #3]\n"
      "add.w r2, r2, #4\n"
      "subs r3, r3, #1\n"
      "bne 1b\n"
      "pop {r4-r11, pc}\n");
}

#endif

inline int32_t scaled(int32_t value, int32_t factor) {
  return static_cast<int32_t>((static_cast<int64_t>(value) * 256 * factor) >> 16);
}

}  // namespace

void sum_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                 void* /*scratch*/) {
  const SumDsp& sum = *static_cast<const SumDsp*>(params);
  const int32_t skipped = (columns.begin - columns.input_begin) * sum.channels;
  const int8_t* first = static_cast<const int8_t*>(rows[0]) + skipped;
  const int8_t* second = static_cast<const int8_t*>(rows[1]) + skipped;
  int8_t* output = static_cast<int8_t*>(out);
  const int32_t count = (columns.end - columns.begin) * sum.channels;
  int32_t i = 0;
#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)
  if (count >= 4) {
    sum_fours(first, second, output, count / 4, &sum);
    i = count & ~3;
  }
#endif
  for (; i < count; ++i) {
    const int32_t one = scaled(first[i], sum.first_factor);
    const int32_t total = one + scaled(second[i], sum.second_factor) + sum.constant;
    output[i] = static_cast<int8_t>(arm_dsp::saturate(total >> 20));
  }
}

}  // namespace tflm_mcunet
