#include "sum.h"

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>
#else
#include "../requantize.h"
#endif

namespace tflm_mcunet {
namespace {

#if defined(__ARM_FEATURE_MVE)

// Four elements a turn, the last turn's predicated. Floors nest, so the shift is taken in two narrowing
// steps.
#define SUM_LOOP(rest)                                                                                       \
  asm volatile(                                                                                              \
      "dlstp.32 lr, %[count]\n"                                                                              \
      "1:\n"                                                                                                 \
      "vldrb.s32 q0, [%[first]], #4\n"                                                                       \
      "vldrb.s32 q1, [%[second]], #4\n"                                                                      \
      "vmlas.s32 q0, %q[factor], %[constant]\n"                                                              \
      "vmla.s32 q0, q1, %[other]\n"                                                                          \
      "vqrshrnb.s32 q0, q0, #16\n"                                                                           \
      "vqrshrnb.s16 q0, q0, #" rest                                                                          \
      "\n"                                                                                                   \
      "vstrb.32 q0, [%[out]], #4\n"                                                                          \
      "letp lr, 1b\n"                                                                                        \
      : [first] "+l"(first), [second] "+l"(second), [out] "+l"(out)                                          \
      :                                                                                                      \
      [count] "r"(count), [factor] "w"(factor), [constant] "r"(sum.constant), [other] "r"(sum.second_factor) \
      : "lr", "q0", "q1", "memory")

void sum_elements(const SumMve& sum, const int8_t* first, const int8_t* second, int8_t* out, int32_t count) {
  const int32x4_t factor = vdupq_n_s32(sum.first_factor);
  if (sum.shift == 22) {
    SUM_LOOP("6");
  } else {
    SUM_LOOP("4");
  }
}

#else

void sum_elements(const SumMve& sum, const int8_t* first, const int8_t* second, int8_t* out, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    const int32_t total = first[i] * sum.first_factor + sum.constant + second[i] * sum.second_factor;
    const int64_t rounded = static_cast<int64_t>(total) + (1 << 15) + (1 << (sum.shift - 1));
    out[i] = static_cast<int8_t>(clamp(static_cast<int32_t>(rounded >> sum.shift), INT8_MIN, INT8_MAX));
  }
}

#endif

}  // namespace

void sum_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                 void* /*scratch*/) {
  const SumMve& sum = *static_cast<const SumMve*>(params);
  const int32_t skipped = (columns.begin - columns.input_begin) * sum.channels;
  const int32_t count = (columns.end - columns.begin) * sum.channels;
  if (count > 0) {
    sum_elements(sum, static_cast<const int8_t*>(rows[0]) + skipped,
                 static_cast<const int8_t*>(rows[1]) + skipped, static_cast<int8_t*>(out), count);
  }
}

}  // namespace tflm_mcunet
