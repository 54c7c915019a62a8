// The quotient of scales without doubles, against the doubles that TFLite takes.
#include "tflm_mcunet/tflm/kernel_multiplier.h"

#include <string.h>

#include "check.h"
#include "random.h"

namespace {

using namespace tflm_mcunet;

float float_of(uint32_t sign, uint32_t exponent, uint32_t fraction) {
  const uint32_t bits = sign << 31 | exponent << 23 | (fraction & 0x7FFFFFu);
  float value = 0;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

bool is_equal(float first, float second, float divisor) {
  const Multiplier found = quantize_quotient(first, second, divisor);
  int32_t value = 0;
  int8_t shift = 0;
  const Multipliers all = quantize_quotients(first, &second, 1, divisor, &value, &shift);
  const double product = static_cast<double>(first) * static_cast<double>(second);
  const Multiplier expected = quantize_multiplier(product / static_cast<double>(divisor));
  const bool holds = found.value == expected.value && found.shift == expected.shift &&
                     value == expected.value && shift == narrow(expected.shift) && all.least_shift <= shift &&
                     shift <= all.most_shift && all.are_positive == (value > 0);
  if (!holds) {
    printf("%a * %a / %a: expected %d, %d, found %d, %d and %d, %d\n", static_cast<double>(first),
           static_cast<double>(second), static_cast<double>(divisor), expected.value, expected.shift,
           found.value, found.shift, value, shift);
  }
  return holds;
}

// Any scales, negative ones and those that are not normal among them, and many with few digits.
void test_drawn_scales(check::Report& report) {
  Random random(1);
  int32_t wrong = 0;
  for (int32_t i = 0; i < 3000000; ++i) {
    const uint32_t mask = (i & 1) != 0 ? 0x7FFFFFu : 0x780000u;
    const uint32_t lowest = (i & 2) != 0 ? 0 : 110;
    const uint32_t spread = (i & 2) != 0 ? 255 : 20;
    float scales[3];
    for (float& scale : scales) {
      const uint32_t exponent = lowest + random.bits() % spread;
      scale = float_of(random.bits() % 8 == 0 ? 1 : 0, exponent, random.bits() & mask);
    }
    wrong += scales[2] != 0 && !is_equal(scales[0], scales[1], scales[2]) ? 1 : 0;
  }
  report.is_equal("drawn scales that differ", 0, wrong);
}

// The inverse of `value` modulo `modulus`, by Euclid's algorithm; they have no common factor.
int64_t inverse(int64_t value, int64_t modulus) {
  int64_t before = 0;
  int64_t found = 1;
  int64_t larger = modulus;
  int64_t smaller = value % modulus;
  while (smaller != 0) {
    const int64_t times = larger / smaller;
    const int64_t next = before - times * found;
    before = found;
    found = next;
    const int64_t rest = larger - times * smaller;
    larger = smaller;
    smaller = rest;
  }
  return before < 0 ? before + modulus : before;
}

// Quotients that are next to a half of the last bit: with 2^23 as one fraction, the other that leaves a given
// remainder follows from the divisor.
void test_next_to_halves(check::Report& report) {
  Random random(2);
  int32_t tried = 0;
  int32_t wrong = 0;
  while (tried < 100000) {
    const int64_t divisor = (random.bits() & 0x7FFFFFu) | 0x800001u;
    for (int32_t left = 6; left <= 8; ++left) {
      for (int64_t below = -3; below <= 9; below += 2) {
        const int64_t remainder = (divisor - below) / 2;
        const int64_t step = (static_cast<int64_t>(1) << (23 + left)) % divisor;
        const int64_t fraction = remainder * inverse(step, divisor) % divisor;
        if (fraction >= 1 << 23 && fraction < 1 << 24) {
          ++tried;
          // With shifts that are usual, and with others.
          const float second = float_of(0, 125, static_cast<uint32_t>(fraction));
          const float large = float_of(0, 132, static_cast<uint32_t>(divisor));
          wrong += is_equal(1.0f, second, float_of(0, 122, static_cast<uint32_t>(divisor))) ? 0 : 1;
          wrong += is_equal(1.0f, second, large) ? 0 : 1;
          wrong += is_equal(second, 1.0f, large) ? 0 : 1;
        }
      }
    }
  }
  report.is_equal("quotients next to halves that differ", 0, wrong);
}

// Quotients about powers of two: where the multiplier begins anew, and the shift is one more.
void test_next_to_powers_of_two(check::Report& report) {
  Random random(3);
  int32_t wrong = 0;
  for (int32_t i = 0; i < 200000; ++i) {
    const int64_t first = (random.bits() & 0x7FFFFFu) | 0x800000u;
    const int64_t divisor = (random.bits() & 0x7FFFFFu) | 0x800000u;
    // first * fraction / divisor is about 2^23 or 2^24.
    const int64_t exact = (divisor << (first > divisor ? 24 : 23)) / first;
    for (int64_t fraction = exact - 2; fraction <= exact + 2; ++fraction) {
      if (fraction >= 1 << 23 && fraction < 1 << 24) {
        wrong += is_equal(float_of(0, 120, static_cast<uint32_t>(first)),
                          float_of(0, 118, static_cast<uint32_t>(fraction)),
                          float_of(0, 122, static_cast<uint32_t>(divisor)))
                     ? 0
                     : 1;
      }
    }
  }
  report.is_equal("quotients next to powers of two that differ", 0, wrong);
}

// Layers of several channels, of which some have shifts that are not usual, no positive scale, or one that is
// not normal.
void test_layers(check::Report& report) {
  Random random(4);
  int32_t wrong = 0;
  int32_t usual = 0;
  for (int32_t i = 0; i < 100000; ++i) {
    const int32_t count = random.between(1, 9);
    const float first = float_of(0, 115 + random.bits() % 8, random.bits());
    const float divisor = float_of(0, 118 + random.bits() % 8, random.bits());
    float second[9];
    for (float& scale : second) {
      const bool is_odd = random.bits() % 16 == 0;
      scale = float_of(is_odd ? random.bits() & 1u : 0,
                       is_odd ? random.bits() % 256 : 115 + random.bits() % 8, random.bits());
    }
    int32_t value[9];
    int8_t shift[9];
    const Multipliers all = quantize_quotients(first, second, count, divisor, value, shift);
    bool are_positive = true;
    for (int32_t c = 0; c < count; ++c) {
      const Multiplier expected = quantize_quotient(first, second[c], divisor);
      are_positive = are_positive && expected.value > 0;
      wrong += value[c] != expected.value || shift[c] != narrow(expected.shift) ||
                       shift[c] < all.least_shift || shift[c] > all.most_shift
                   ? 1
                   : 0;
    }
    wrong += all.are_positive != are_positive ? 1 : 0;
    usual += all.least_shift == -16 && all.most_shift == -1 ? 1 : 0;
  }
  report.is_equal("layers that differ", 0, wrong);
  report.is_true("most of them have usual shifts, and not all", usual > 50000 && usual < 90000);
}

void test_ends(check::Report& report) {
  report.is_true("1", is_equal(1.0f, 1.0f, 1.0f));
  report.is_true("rounded up to a power of two", is_equal(float_of(0, 127, 0x7FFFFF), 1.0f, 2.0f));
  report.is_true("its opposite", is_equal(-1.0f, float_of(0, 127, 0x7FFFFF), 2.0f));
  report.is_true("almost 1", is_equal(float_of(0, 127, 1), float_of(0, 126, 0x7FFFFE), 1.0f));
  report.is_equal("below 2^-32 it is 0", 0, quantize_quotient(1e-8f, 1e-3f, 1.0f).value);
  report.is_equal("a shift beyond int8", 127, narrow(quantize_quotient(1e30f, 1e30f, 1e-30f).shift));
  report.is_equal("and 0 stays 0", 0, quantize_quotient(0.0f, 1.0f, 1.0f).value);
}

}  // namespace

int main() {
  check::Report report;
  test_drawn_scales(report);
  test_next_to_halves(report);
  test_next_to_powers_of_two(report);
  test_layers(report);
  test_ends(report);
  return report.status();
}
