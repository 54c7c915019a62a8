#include "sum_exact.h"

#include "lanes.h"

namespace tflm_mcunet {
namespace {

// The operands' zero points are taken off first; then they are doubled 20 times, and once more for the high
// multiply, whose rounding one instruction has.
constexpr int32_t kLeft = 1 << 21;

// A multiplication and a shift to the right, both rounded, halves of the latter away from zero.
struct Scaling {
  int32_t multiplier;
  int32_t exponent;
  int32_t half;
  int32_t sign;  // mask of what is less below zero

  Scaling(int32_t multiplier_, int32_t shift)
      : multiplier(multiplier_),
        exponent(-shift),
        half(shift < 0 ? 1 << (-shift - 1) : 0),
        sign(shift < 0 ? -1 : 0) {}

  int32_t of_doubled(int32_t doubled) const {
    const int32_t high = arm_dsp::multiply_rounded(doubled, multiplier);
    return (high + half + ((high >> 31) & sign)) >> exponent;
  }
};

}  // namespace

void sum_exact_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                       void* /*scratch*/) {
  const Sum& sum = *static_cast<const Sum*>(params);
  const int32_t skipped = (columns.begin - columns.input_begin) * sum.channels;
  const int8_t* first = static_cast<const int8_t*>(rows[0]) + skipped;
  const int8_t* second = static_cast<const int8_t*>(rows[1]) + skipped;
  int8_t* output = static_cast<int8_t*>(out);
  int8_t* const end = output + (columns.end - columns.begin) * sum.channels;
  const Scaling one(sum.first_multiplier, sum.first_shift);
  const Scaling two(sum.second_multiplier, sum.second_shift);
  const Scaling scaling(sum.output_multiplier, sum.output_shift);
  const int32_t less_one = sum.first_zero_point;
  const int32_t less_two = sum.second_zero_point;
  const int32_t sign = 2 * sum.sign;
  const int32_t more = sum.output_zero_point;
  const int32_t low = sum.output_min;
  const int32_t high = sum.output_max;
  while (output != end) {
    const int32_t total = 2 * one.of_doubled((*first++ - less_one) * kLeft) +
                          sign * two.of_doubled((*second++ - less_two) * kLeft);
    const int32_t value = scaling.of_doubled(total) + more;
    *output++ = static_cast<int8_t>(value < low ? low : (value > high ? high : value));
  }
}

}  // namespace tflm_mcunet
