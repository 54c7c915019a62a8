#include "kernel_parameters.h"

#include "../kernels/requantize.h"

namespace tflm_mcunet {
namespace {

// Integer bits of a scaled distance in SOFTMAX (TFLite's kScaledDiffIntegerBits).
constexpr int32_t kDistanceBits = 5;

constexpr int32_t q31(double real) { return static_cast<int32_t>(real * 2147483648.0 + 0.5); }

// value * 2^exponent, saturated.
int32_t shift_left(int32_t value, int32_t exponent) {
  const int64_t shifted = static_cast<int64_t>(value) * (static_cast<int64_t>(1) << exponent);
  return shifted > INT32_MAX ? INT32_MAX : (shifted < INT32_MIN ? INT32_MIN : static_cast<int32_t>(shifted));
}

// e^x in Q31 for x in [-1/4, 0) in Q31: Taylor's polynomial of degree 4 about -1/8, as gemmlowp evaluates it.
int32_t exp_on_quarter(int32_t value) {
  const int32_t centre = q31(0.88249690258459540286);  // e^(-1/8)
  const int32_t x = value + (1 << 28);
  const int32_t square = rounding_high_multiply(x, x);
  const int32_t cube = rounding_high_multiply(square, x);
  const int32_t fourth = rounding_shift_right(rounding_high_multiply(square, square), 2);
  const int32_t third = rounding_high_multiply(fourth + cube, q31(1.0 / 3.0));
  const int32_t higher = rounding_shift_right(third + square, 1);
  return centre + rounding_high_multiply(x + higher, centre);
}

// e^x in Q31 for x <= 0 with `kDistanceBits` integer bits: the polynomial, then a factor for each higher bit
// of -x.
int32_t exp_on_negative(int32_t value) {
  // e^(-2^k) for k = -2 ... 4.
  static const int32_t kFactors[] = {q31(0.77880078307140486825),   q31(0.60653065971263342360),
                                     q31(0.36787944117144232160),   q31(0.13533528323661269189),
                                     q31(0.018315638888734180294),  q31(0.00033546262790251183882),
                                     q31(0.00000011253517471925911)};
  constexpr int32_t kFractionBits = 31 - kDistanceBits;
  constexpr int32_t kQuarter = 1 << (kFractionBits - 2);
  if (value == 0) {
    return INT32_MAX;
  }
  const int32_t low = (value & (kQuarter - 1)) - kQuarter;
  const int32_t remainder = low - value;
  int32_t result = exp_on_quarter(shift_left(low, kDistanceBits));
  for (int32_t k = 0; k < 7; ++k) {
    if ((remainder & (kQuarter << k)) != 0) {
      result = rounding_high_multiply(result, kFactors[k]);
    }
  }
  return result;
}

// round(value / scale) in float32, as TFLite does, halves away from zero; false where int32 cannot hold it.
bool steps(float value, float scale, int32_t* result) {
  const float quotient = value / scale;
  if (!(quotient > -2e9f && quotient < 2e9f)) {
    return false;
  }
  const int32_t whole = static_cast<int32_t>(quotient);
  const float rest = quotient - static_cast<float>(whole);  // exact
  *result = whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0);
  return true;
}

}  // namespace

Multiplier mean_multiplier(double ratio, int64_t count) {
  const Multiplier whole = quantize_multiplier(ratio);
  int32_t extra = 0;
  while (extra < 32 && extra < 31 + whole.shift && (count >> (extra + 1)) != 0) {
    ++extra;
  }
  const int64_t scaled = static_cast<int64_t>(whole.value) << extra;
  return {static_cast<int32_t>(scaled / count), whole.shift - extra};
}

bool activation_range(int32_t activation, float scale, int32_t zero_point, int32_t* low, int32_t* high) {
  *low = -128;
  *high = 127;
  if (activation < 0 || activation > 3) {
    return false;
  }
  // None, RELU, RELU_N1_TO_1, RELU6.
  const float smallest = activation == 2 ? -1.0f : 0.0f;
  const float largest = activation == 2 ? 1.0f : 6.0f;
  int32_t count = 0;
  if (activation != 0) {
    if (!steps(smallest, scale, &count)) {
      return false;
    }
    *low = clamp(zero_point + count, -128, INT32_MAX);
  }
  if (activation >= 2) {
    if (!steps(largest, scale, &count)) {
      return false;
    }
    *high = clamp(zero_point + count, INT32_MIN, 127);
  }
  return true;
}

bool leading_padding(const Axis& axis, bool is_same, int32_t* padding) {
  if (axis.stride < 1 || axis.dilation < 1 || axis.kernel < 1 || axis.input < 1) {
    return false;
  }
  const int32_t extent = (axis.kernel - 1) * axis.dilation + 1;
  const int32_t covered = is_same ? axis.input : axis.input - extent + 1;
  const int32_t total = (axis.output - 1) * axis.stride + extent - axis.input;
  *padding = is_same && total > 0 ? total / 2 : 0;
  return covered > 0 && axis.output == (covered + axis.stride - 1) / axis.stride;
}

bool softmax_scale(double scale, double beta, SoftmaxScale* result) {
  const double scaled = scale * beta * (1 << (31 - kDistanceBits));
  const double real = scaled < 2147483647.0 ? scaled : 2147483647.0;
  if (!(real > 1.0)) {
    return false;
  }
  result->multiplier = quantize_multiplier(real);
  // The farthest distance is 31 * 2^26 / 2^shift, rounded down.
  result->farthest = static_cast<int32_t>((31ull << (31 - kDistanceBits)) >> result->multiplier.shift);
  return true;
}

int32_t softmax_exponential(const SoftmaxScale& scale, int32_t distance) {
  if (distance > scale.farthest) {
    return 0;
  }
  const int64_t shifted =
      -static_cast<int64_t>(distance) * (static_cast<int64_t>(1) << scale.multiplier.shift);
  return exp_on_negative(rounding_high_multiply(static_cast<int32_t>(shifted), scale.multiplier.value));
}

}  // namespace tflm_mcunet
