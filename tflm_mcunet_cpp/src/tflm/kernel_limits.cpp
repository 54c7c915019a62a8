#include "kernel_limits.h"

#include "../kernels/requantize.h"

namespace tflm_mcunet {
namespace {

using arm_dsp::UnpackedLimits;

int32_t output_of(const Weighted& weighted, int32_t sum, int32_t multiplier, int32_t shift) {
  const int32_t value = requantize(sum, multiplier, shift) + weighted.output.zero_point;
  return clamp(value, weighted.output_min, weighted.output_max);
}

// Outputs grow with sums or fall with them, so one that is the same at both ends of their range is the same
// everywhere: with the channel's multiplier, and with the one that it gets for the sums that the kernel sees.
bool is_settled(const Weighted& weighted, const UnpackedLimits& limits, int32_t channel,
                const SumRange& sums) {
  const bool is_small = sums.least > -limits.sum && sums.most < limits.sum;
  int32_t& multiplier = weighted.multiplier[channel];
  int8_t& shift = weighted.shift[channel];
  if (sums.least < -INT32_MAX || sums.most > INT32_MAX || (multiplier != 0 && shift > limits.most_shift) ||
      (!is_small && !limits.is_saturated)) {
    return false;
  }
  const int32_t least = static_cast<int32_t>(sums.least);
  const int32_t most = static_cast<int32_t>(sums.most);
  const int32_t inside = multiplier == 0 || shift < limits.least_shift ? limits.least_shift : shift;
  const int32_t fewer = multiplier == 0 ? 0 : multiplier >> (inside - shift);
  const int32_t output = output_of(weighted, least, multiplier, shift);
  // A sum that the kernel saturates is between these two ends.
  const int32_t least_seen = clamp(least, -limits.sum, limits.sum - 1);
  const int32_t most_seen = clamp(most, -limits.sum, limits.sum);
  if (output_of(weighted, most, multiplier, shift) != output ||
      output_of(weighted, least_seen, fewer, inside) != output ||
      output_of(weighted, most_seen, fewer, inside) != output) {
    return false;
  }
  multiplier = fewer;
  shift = static_cast<int8_t>(inside);
  return true;
}

}  // namespace

Fit fit_limits(const Weighted& weighted, const WeightLayout& layout, const UnpackedLimits& limits) {
  const Multipliers& all = weighted.all;
  if (all.are_positive && all.least_shift >= limits.least_shift && all.most_shift <= limits.most_shift &&
      weighted.largest_sum < limits.sum) {
    return Fit::kPositive;
  }
  const int64_t products = most_products(layout);
  // What a bias may be in magnitude: less than this.
  const uint32_t room = products < limits.sum ? static_cast<uint32_t>(limits.sum - products) : 0;
  const uint32_t shifts = static_cast<uint32_t>(limits.most_shift - limits.least_shift);
  int32_t signs = 0;
  for (int32_t c = 0; c < layout.channels; ++c) {
    const int32_t bias = weighted.bias_values == nullptr ? 0 : weighted.bias_values[c];
    const bool is_inside = weighted.multiplier[c] != 0 && magnitude(bias) < room &&
                           static_cast<uint32_t>(weighted.shift[c] - limits.least_shift) <= shifts;
    if (!is_inside && !is_settled(weighted, limits, c, {bias - products, bias + products}) &&
        !is_settled(weighted, limits, c, sum_range(weighted, layout, c))) {
      return Fit::kNone;
    }
    signs |= weighted.multiplier[c];
  }
  return signs < 0 ? Fit::kSigned : Fit::kPositive;
}

}  // namespace tflm_mcunet
