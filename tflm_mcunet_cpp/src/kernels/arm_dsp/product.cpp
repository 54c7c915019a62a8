#include "product.h"

#include "finish.h"
#include "lanes.h"

namespace tflm_mcunet {
namespace {

inline int32_t finished(const ProductDsp& product, int32_t value) {
  return arm_dsp::saturate(arm_dsp::fixed(product.bias + value * 256, product.multiplier, product.constant,
                                          product.shift, product.sign_fix));
}

inline uint32_t both(int32_t zero_point) { return (static_cast<uint32_t>(-zero_point) & 0xFFFFu) * 0x10001u; }

}  // namespace

void product_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                     void* /*scratch*/) {
  const ProductDsp product = *static_cast<const ProductDsp*>(params);
  const int32_t skipped = (columns.begin - columns.input_begin) * product.channels;
  const int8_t* first = static_cast<const int8_t*>(rows[0]) + skipped;
  const int8_t* second = static_cast<const int8_t*>(rows[1]) + skipped;
  int8_t* output = static_cast<int8_t*>(out);
  const int32_t count = (columns.end - columns.begin) * product.channels;
  const uint32_t less_first = both(product.first_zero_point);
  const uint32_t less_second = both(product.second_zero_point);
  for (int32_t fours = count / 4; fours > 0; --fours, first += 4, second += 4, output += 4) {
    const uint32_t one = arm_dsp::load_word(first);
    const uint32_t two = arm_dsp::load_word(second);
    const uint32_t even_one = arm_dsp::add_even(less_first, one);
    const uint32_t odd_one = arm_dsp::add_odd(less_first, one);
    const uint32_t even_two = arm_dsp::add_even(less_second, two);
    const uint32_t odd_two = arm_dsp::add_odd(less_second, two);
    const int32_t value_0 = finished(product, arm_dsp::multiply_low(even_one, even_two));
    const int32_t value_1 = finished(product, arm_dsp::multiply_low(odd_one, odd_two));
    const int32_t value_2 = finished(product, arm_dsp::multiply_high(even_one, even_two));
    const int32_t value_3 = finished(product, arm_dsp::multiply_high(odd_one, odd_two));
    output[0] = static_cast<int8_t>(value_0);
    output[1] = static_cast<int8_t>(value_1);
    output[2] = static_cast<int8_t>(value_2);
    output[3] = static_cast<int8_t>(value_3);
  }
  for (int32_t i = 0; i < (count & 3); ++i) {
    const int32_t value = (first[i] - product.first_zero_point) * (second[i] - product.second_zero_point);
    output[i] = static_cast<int8_t>(finished(product, value));
  }
}

}  // namespace tflm_mcunet
