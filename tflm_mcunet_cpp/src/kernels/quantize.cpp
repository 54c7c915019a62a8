#include "quantize.h"

#include "requantize.h"

namespace tflm_mcunet {
namespace {

// To nearest, halves away from zero. Quotients beyond +-512 saturate any zero point, so they are cut there,
// where the conversion to an integer is defined; a NaN counts as the smallest.
inline int32_t rounded(float quotient) {
  const float limited = quotient > -512.0f ? (quotient < 512.0f ? quotient : 512.0f) : -512.0f;
  const int32_t whole = static_cast<int32_t>(limited);
  const float rest = limited - static_cast<float>(whole);
  return rest >= 0.5f ? whole + 1 : (rest <= -0.5f ? whole - 1 : whole);
}

}  // namespace

void quantize_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                  void* /*scratch*/) {
  const Affine& affine = *static_cast<const Affine*>(params);
  const int32_t skipped = (columns.begin - columns.input_begin) * affine.channels;
  const float* input = static_cast<const float*>(rows[0]) + skipped;
  int8_t* output = static_cast<int8_t*>(out);
  const int32_t count = (columns.end - columns.begin) * affine.channels;
  for (int32_t i = 0; i < count; ++i) {
    const int32_t value = rounded(input[i] / affine.scale) + affine.zero_point;
    output[i] = static_cast<int8_t>(clamp(value, INT8_MIN, INT8_MAX));
  }
}

// TFLite Micro multiplies in double and rounds to float; the product of a float and a 9-bit integer is exact
// in double, so one float multiplication rounds to the same.
void dequantize_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                    void* /*scratch*/) {
  const Affine& affine = *static_cast<const Affine*>(params);
  const int32_t skipped = (columns.begin - columns.input_begin) * affine.channels;
  const int8_t* input = static_cast<const int8_t*>(rows[0]) + skipped;
  float* output = static_cast<float*>(out);
  const int32_t count = (columns.end - columns.begin) * affine.channels;
  for (int32_t i = 0; i < count; ++i) {
    output[i] = affine.scale * static_cast<float>(input[i] - affine.zero_point);
  }
}

}  // namespace tflm_mcunet
