#include "quantize.h"

#include "lanes.h"
#include "simd.h"

namespace tflm_mcunet {
namespace {

// Quotients beyond these saturate any zero point.
constexpr float kMostQuotient = 512.0f;

// Towards zero, for values of at least -2 * kMostQuotient; larger ones than fit give the largest that does.
#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__) && defined(__ARM_FP)
inline int32_t truncated(float value) {
  float bits;
  asm("vcvt.s32.f32 %0, %1" : "=t"(bits) : "t"(value));
  int32_t result;
  memcpy(&result, &bits, sizeof(result));
  return result;
}
#else
inline int32_t truncated(float value) {
  return static_cast<int32_t>(value < 2.0f * kMostQuotient ? value : 2.0f * kMostQuotient);
}
#endif

// To nearest, halves away from zero: doubling is exact, and what is cut off then is less than a half. A NaN
// counts as the smallest.
inline int32_t rounded(float quotient) {
  const float limited = quotient > -kMostQuotient ? quotient : -kMostQuotient;
  const int32_t twice = arm_dsp::saturate_16(truncated(limited + limited));
  return (twice + 1 + (twice >> 31)) >> 1;
}

}  // namespace

void quantize_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                      void* /*scratch*/) {
  const Affine affine = *static_cast<const Affine*>(params);
  const float* input =
      static_cast<const float*>(rows[0]) + (columns.begin - columns.input_begin) * affine.channels;
  int8_t* output = static_cast<int8_t*>(out);
  int8_t* const end = output + (columns.end - columns.begin) * affine.channels;
  while (output != end) {
    *output++ = static_cast<int8_t>(arm_dsp::saturate(rounded(*input++ / affine.scale) + affine.zero_point));
  }
}

}  // namespace tflm_mcunet
