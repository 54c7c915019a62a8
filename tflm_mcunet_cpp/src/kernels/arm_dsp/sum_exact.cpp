#include "sum_exact.h"

#include "lanes.h"
#include "simd.h"

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

// TFLite gives the operand of the larger scale a multiplier of a half, with which nothing is rounded, and the
// output a shift to the right. What is rounded then is a product and a shift of the other operand, and of the
// sum; halves of negative values are 1 less before the shift. All but the other operand's product is doubled.
constexpr int32_t kHalf = 1 << 30;
constexpr int32_t kMostShift = 22;

inline bool is_shifted(int32_t shift) { return shift < 0 && shift >= -kMostShift; }

struct Term {
  const int8_t* values;
  int32_t zero_point;
  int32_t sign;
};

// `is_less`: the other operand is subtracted. `is_even`: it has the larger scale, too.
template <bool is_less, bool is_even>
void add_rows(const Term& larger, const Term& other, int32_t multiplier, int32_t shift, const Sum& sum,
              int8_t* output, int32_t count) {
  const int8_t* first = larger.values;
  const int8_t* second = other.values;
  const int32_t factor = larger.sign * (1 << 20);
  const int32_t other_factor = other.sign * (1 << 20);
  const int32_t offset = -larger.zero_point * factor - (is_even ? other.zero_point * other_factor : 0);
  const int32_t other_offset = -other.zero_point * kLeft;
  const int32_t half = is_even ? 0 : 1 << (-shift - 1);
  const int32_t other_exponent = -shift;
  const int32_t scale = sum.output_multiplier;
  const int32_t exponent = -sum.output_shift;
  const int32_t constant = (2 * sum.output_zero_point + 1) * (1 << (exponent - 1));
  const int32_t low = sum.output_min;
  const int32_t high = sum.output_max;
  const int8_t* const end = first + count;
  while (first != end) {
    int32_t total = *first++ * factor + offset;
    if (is_even) {
      total += *second++ * other_factor;
    } else {
      const int32_t scaled = *second++ * kLeft + other_offset;
      const int32_t term =
          arm_dsp::scale_rounded(scaled, multiplier, half + (scaled >> 31)) >> other_exponent;
      total += is_less ? -2 * term : 2 * term;
    }
    const int32_t value = arm_dsp::scale_rounded(total, scale, constant + (total >> 31)) >> exponent;
    *output++ = static_cast<int8_t>(value < low ? low : (value > high ? high : value));
  }
}

// False where the multipliers are not TFLite's, or an output's shift leaves no room for its zero point.
bool add_scaled_rows(const Sum& sum, const int8_t* first, const int8_t* second, int8_t* output,
                     int32_t count) {
  const Term one = {first, sum.first_zero_point, 1};
  const Term two = {second, sum.second_zero_point, sum.sign};
  const bool is_first_larger = sum.first_shift == 0 && sum.first_multiplier == kHalf;
  const bool is_second_larger = sum.second_shift == 0 && sum.second_multiplier == kHalf;
  if (!is_shifted(sum.output_shift) || !(is_first_larger || is_second_larger)) {
    return false;
  }
  if (is_first_larger && is_second_larger) {
    add_rows<false, true>(one, two, 0, 0, sum, output, count);
    return true;
  }
  const Term& larger = is_first_larger ? one : two;
  const Term& other = is_first_larger ? two : one;
  const int32_t multiplier = is_first_larger ? sum.second_multiplier : sum.first_multiplier;
  const int32_t shift = is_first_larger ? sum.second_shift : sum.first_shift;
  if (!is_shifted(shift)) {
    return false;
  }
  if (other.sign < 0) {
    add_rows<true, false>(larger, other, multiplier, shift, sum, output, count);
  } else {
    add_rows<false, false>(larger, other, multiplier, shift, sum, output, count);
  }
  return true;
}

}  // namespace

void sum_exact_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                       void* /*scratch*/) {
  const Sum& sum = *static_cast<const Sum*>(params);
  const int32_t skipped = (columns.begin - columns.input_begin) * sum.channels;
  const int8_t* first = static_cast<const int8_t*>(rows[0]) + skipped;
  const int8_t* second = static_cast<const int8_t*>(rows[1]) + skipped;
  int8_t* output = static_cast<int8_t*>(out);
  const int32_t count = (columns.end - columns.begin) * sum.channels;
  if (add_scaled_rows(sum, first, second, output, count)) {
    return;
  }
  int8_t* const end = output + count;
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
