// MVE has no division. The quotient by the reciprocal is off by a few units in its last place; a step of
// Newton's makes it off by less than one, and a second one rounds it correctly (Markstein, "Computation of
// elementary functions on the IBM RISC System/6000 processor", 1990): remainders are exact in a fused
// multiply-add. Values whose quotients saturate are cut first, so that nothing overflows.
#include "quantize.h"

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 2)
#include <arm_mve.h>
#endif

namespace tflm_mcunet {

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 2)

void quantize_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                      void* /*scratch*/) {
  const Affine& affine = *static_cast<const Affine*>(params);
  const int32_t skipped = (columns.begin - columns.input_begin) * affine.channels;
  const float* input = static_cast<const float*>(rows[0]) + skipped;
  int8_t* output = static_cast<int8_t*>(out);
  const float scale = affine.scale;
  const float reciprocal = 1.0f / scale;
  const float32x4_t most = vdupq_n_f32(600.0f * scale);
  const float32x4_t least = vnegq_f32(most);
  const int32_t zero_point = affine.zero_point;
  int32_t left = (columns.end - columns.begin) * affine.channels;
  for (; left > 0; left -= 4, input += 4, output += 4) {
    const mve_pred16_t exists = vctp32q(static_cast<uint32_t>(left));
    // A NaN is not larger than anything, and counts as the smallest.
    float32x4_t value = vldrwq_z_f32(input, exists);
    value = vpselq_f32(value, least, vcmpgtq_f32(value, least));
    value = vminnmq_f32(value, most);
    float32x4_t quotient = vmulq_n_f32(value, reciprocal);
    for (int32_t step = 0; step < 2; ++step) {
      const float32x4_t remainder = vfmaq_n_f32(value, quotient, -scale);
      quotient = vfmaq_n_f32(quotient, remainder, reciprocal);
    }
    // To nearest, halves away from zero.
    const int32x4_t whole = vaddq_n_s32(vcvtaq_s32_f32(quotient), zero_point);
    const int16x8_t narrow = vqmovnbq_s32(vdupq_n_s16(0), whole);
    const int8x16_t bytes = vqmovnbq_s16(vdupq_n_s8(0), narrow);
    vstrbq_p_s32(output, vreinterpretq_s32_s8(bytes), exists);
  }
}

#else

void quantize_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                      void* scratch) {
  quantize_row(params, rows, out, columns, scratch);
}

#endif

}  // namespace tflm_mcunet
