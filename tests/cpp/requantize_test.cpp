// Requantisation against its definition: TFLite Micro's two roundings, written with divisions.
#include "tflm_mcunet/kernels/requantize.h"

#include "check.h"
#include "random.h"

namespace {

using namespace tflm_mcunet;

// gemmlowp's SaturatingRoundingDoublingHighMul: a nudged quotient, rounded towards zero.
int32_t doubled_high(int32_t a, int32_t b) {
  const int64_t product = static_cast<int64_t>(a) * b;
  const int64_t one = static_cast<int64_t>(1) << 31;
  const int64_t nudge = product >= 0 ? one / 2 : 1 - one / 2;
  return static_cast<int32_t>((product + nudge) / one);
}

// value / 2^exponent to the nearest integer, halves away from zero.
int32_t divided(int32_t value, int32_t exponent) {
  const int64_t divisor = static_cast<int64_t>(1) << exponent;
  const int64_t magnitude = value < 0 ? -static_cast<int64_t>(value) : value;
  const int64_t nearest = (2 * magnitude + divisor) / (2 * divisor);
  return static_cast<int32_t>(value < 0 ? -nearest : nearest);
}

int32_t defined(int32_t value, int32_t multiplier, int32_t shift) {
  const int32_t left = shift > 0 ? shift : 0;
  const int32_t scaled = static_cast<int32_t>(static_cast<uint32_t>(value) << left);
  return divided(doubled_high(scaled, multiplier), shift > 0 ? 0 : -shift);
}

// Any number, one near a power of two, or one near an end.
int32_t draw_value(Random& random) {
  const int32_t kind = random.between(0, 3);
  if (kind == 0) {
    return static_cast<int32_t>(random.bits()) >> random.between(0, 30);
  }
  if (kind == 1) {
    const int32_t power = 1 << random.between(0, 29);
    return (random.between(0, 1) != 0 ? power : -power) + random.between(-2, 2);
  }
  return kind == 2 ? INT32_MAX - random.between(0, 3) : INT32_MIN + random.between(0, 3);
}

void test_drawn_values(check::Report& report) {
  Random random(1);
  for (int32_t i = 0; i < 2000000; ++i) {
    const int32_t value = draw_value(random);
    const int32_t multiplier =
        random.between(0, 3) == 0 ? draw_value(random) & INT32_MAX : random.between(1 << 30, INT32_MAX);
    const int32_t shift = random.between(-31, 8);
    if (requantize(value, multiplier, shift) != defined(value, multiplier, shift)) {
      printf("value %d, multiplier %d, shift %d\n", value, multiplier, shift);
      report.is_equal("requantize", defined(value, multiplier, shift), requantize(value, multiplier, shift));
      return;
    }
  }
  report.is_true("two million drawn values", true);
}

void test_halves(check::Report& report) {
  const int32_t half = 1 << 30;  // a multiplier of one half
  report.is_equal("halves of the high multiply go up", 2, rounding_high_multiply(3, half));
  report.is_equal("below zero too", -1, rounding_high_multiply(-3, half));
  report.is_equal("halves of the shift go away from zero", 2, rounding_shift_right(3, 1));
  report.is_equal("on both sides", -2, rounding_shift_right(-3, 1));
  report.is_equal("and not below a half", -1, rounding_shift_right(-5, 2));
  report.is_equal("the largest shift", -1, rounding_shift_right(INT32_MIN, 31));
  report.is_equal("a shift to the left comes first", 6, requantize(3, half, 2));
}

void test_clamp(check::Report& report) {
  report.is_equal("below", -5, clamp(-6, -5, 7));
  report.is_equal("inside", 6, clamp(6, -5, 7));
  report.is_equal("above", 7, clamp(8, -5, 7));
}

}  // namespace

int main() {
  check::Report report;
  test_drawn_values(report);
  test_halves(report);
  test_clamp(report);
  return report.status();
}
