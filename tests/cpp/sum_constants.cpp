#include "sum_constants.h"

#include "tflm_mcunet/kernels/requantize.h"

namespace {

using namespace tflm_mcunet;

int32_t output_of(const Sum& sum, int32_t first, int32_t second) {
  const int32_t one =
      requantize((first - sum.first_zero_point) * (1 << 20), sum.first_multiplier, sum.first_shift);
  const int32_t two =
      requantize((second - sum.second_zero_point) * (1 << 20), sum.second_multiplier, sum.second_shift);
  const int32_t total = requantize(one + sum.sign * two, sum.output_multiplier, sum.output_shift);
  return clamp(total + sum.output_zero_point, sum.output_min, sum.output_max);
}

// 2^bits times the ratio of an operand's scale to the output's, rounded.
int64_t factor_of(const Sum& sum, int32_t multiplier, int32_t shift, int32_t bits) {
  const int32_t right = 42 - bits - shift - sum.output_shift;
  const int64_t product = static_cast<int64_t>(multiplier) * sum.output_multiplier;
  return (product + (static_cast<int64_t>(1) << (right - 1))) >> right;
}

}  // namespace

tflm_mcunet::Sum draw_sum(Random& random, int32_t channels) {
  Sum sum = {};
  sum.channels = channels;
  sum.sign = random.pick({1, -1});
  sum.first_zero_point = random.between(-128, 127);
  sum.second_zero_point = random.between(-128, 127);
  // The operand of the larger scale has half of the common scale, as in TFLite Micro.
  sum.first_multiplier = 1 << 30;
  sum.first_shift = 0;
  sum.second_multiplier = random.between(1 << 30, INT32_MAX);
  sum.second_shift = random.between(-4, -1);
  sum.output_multiplier = random.between(1 << 30, INT32_MAX);
  sum.output_shift = random.between(-20, -18);
  sum.output_zero_point = random.between(-60, 60);
  sum.output_min = -128;
  sum.output_max = 127;
  return sum;
}

bool find_sum_constants(const tflm_mcunet::Sum& sum, int32_t shift, int32_t dropped, SumConstants* found) {
  const int32_t bits = shift + dropped;
  const int64_t first = factor_of(sum, sum.first_multiplier, sum.first_shift, bits);
  const int64_t second = sum.sign * factor_of(sum, sum.second_multiplier, sum.second_shift, bits);
  const int64_t step = static_cast<int64_t>(1) << shift;
  int64_t least = INT32_MIN, most = INT32_MAX, largest = 0;
  for (int32_t a = -128; a < 128; ++a) {
    for (int32_t b = -128; b < 128; ++b) {
      const int64_t products = (a * first >> dropped) + (b * second >> dropped);
      const int64_t reach = products < 0 ? -products : products;
      largest = reach > largest ? reach : largest;
      const int64_t output = output_of(sum, a, b);
      const int64_t low = output * step - products;
      if (output > -128 && low > least) {
        least = low;
      }
      if (output < 127 && low + step - 1 < most) {
        most = low + step - 1;
      }
    }
  }
  const int64_t constant = (least + most) / 2;
  *found = {static_cast<int32_t>(first), static_cast<int32_t>(second), static_cast<int32_t>(constant)};
  return least <= most && largest + (constant < 0 ? -constant : constant) + step < INT32_MAX;
}
