#include "kernel_multiplier.h"

#include <string.h>

namespace tflm_mcunet {
namespace {

// A multiplier of `magnitude` * 2^(shift - 31), the magnitude in [2^30, 2^31].
Multiplier assembled(uint32_t magnitude, int32_t shift, bool is_negative) {
  if (magnitude == 0x80000000u && !is_negative) {
    magnitude >>= 1;
    ++shift;
  }
  if (shift < -31) {
    return {0, 0};
  }
  return {static_cast<int32_t>(is_negative ? 0u - magnitude : magnitude), shift};
}

// A float as fraction * 2^(exponent - 150), the fraction in [2^23, 2^24).
struct Parts {
  uint32_t fraction;
  int32_t exponent;
  uint32_t sign;
  bool is_normal;
};

inline Parts parts_of(float value) {
  uint32_t bits = 0;
  memcpy(&bits, &value, sizeof(bits));
  const int32_t exponent = static_cast<int32_t>(bits >> 23) & 0xFF;
  return {(bits & 0x7FFFFFu) | 0x800000u, exponent, bits >> 31, exponent != 0 && exponent != 0xFF};
}

// The next eight bits of a long division.
inline uint32_t next_digits(uint32_t byte, uint32_t divisor, uint32_t* remainder) {
  const uint32_t value = *remainder << 8 | byte;
  const uint32_t digits = value / divisor;
  *remainder = value - digits * divisor;
  return digits;
}

// The quotient of two fractions times 2^39; 0 where one of the floats is not a normal positive number. The
// shift that goes with a factor's product without leading zeros is `exponent` more than the factor's.
struct Quotient {
  uint32_t low;
  uint32_t high;
  int32_t exponent;
};

Quotient quotient_of(const Parts& dividend, const Parts& divisor) {
  if (!dividend.is_normal || !divisor.is_normal || (dividend.sign | divisor.sign) != 0) {
    return {0, 0, 0};
  }
  uint64_t quotient = dividend.fraction / divisor.fraction;
  uint32_t remainder = dividend.fraction - static_cast<uint32_t>(quotient) * divisor.fraction;
  for (int32_t i = 0; i < 5; ++i) {
    quotient = quotient << 8 | next_digits(0, divisor.fraction, &remainder);
  }
  // 2^40 times the quotient would not leave a product with 24 bits in 64.
  return {static_cast<uint32_t>(quotient >> 1), static_cast<uint32_t>(quotient >> 33),
          dividend.exponent - divisor.exponent - 125};
}

}  // namespace

// The fraction of a double, 53 bits of it, is rounded to 31 bits with halves away from zero.
Multiplier quantize_multiplier(double real) {
  uint64_t bits = 0;
  memcpy(&bits, &real, sizeof(bits));
  const int32_t biased = static_cast<int32_t>(bits >> 52) & 0x7FF;
  if (biased == 0) {
    return {0, 0};
  }
  const uint64_t fraction = (bits & 0xFFFFFFFFFFFFFull) | 0x10000000000000ull;
  return assembled(static_cast<uint32_t>((fraction + 0x200000u) >> 22), biased - 1022, (bits >> 63) != 0);
}

// The product of two fractions, 48 bits, is exact in a double. Its quotient by a third is rounded twice, to
// 53 bits and then to 31: halves go up, and so does what the first rounding makes a half, that is, all within
// 2^-23 below it. The remainder of a division to 31 bits tells exactly.
Multiplier quantize_quotient(float first, float second, float divisor) {
  const Parts a = parts_of(first);
  const Parts b = parts_of(second);
  const Parts c = parts_of(divisor);
  if (!a.is_normal || !b.is_normal || !c.is_normal) {
    const double product = static_cast<double>(first) * static_cast<double>(second);
    return quantize_multiplier(product / static_cast<double>(divisor));
  }
  const uint64_t product = static_cast<uint64_t>(a.fraction) * b.fraction;
  const uint32_t high = static_cast<uint32_t>(product >> 23);
  // How far the product must go to the left for a quotient of 31 bits.
  const int32_t left = high < c.fraction ? 8 : (high >> 1 < c.fraction ? 7 : 6);
  const uint64_t dividend = product << left;
  const uint32_t low = static_cast<uint32_t>(dividend);
  const uint32_t top = static_cast<uint32_t>(dividend >> 24);
  uint32_t quotient = top / c.fraction;
  uint32_t remainder = top - quotient * c.fraction;
  quotient = quotient << 8 | next_digits(low >> 16 & 0xFF, c.fraction, &remainder);
  quotient = quotient << 8 | next_digits(low >> 8 & 0xFF, c.fraction, &remainder);
  quotient = quotient << 8 | next_digits(low & 0xFF, c.fraction, &remainder);
  quotient += 2 * remainder + (c.fraction >> 22) >= c.fraction ? 1 : 0;
  // The factors' exponents are less by 150 each, the divisor's too.
  const int32_t shift = 31 - left + a.exponent + b.exponent - c.exponent - 150;
  return assembled(quotient, shift, ((a.sign ^ b.sign ^ c.sign) & 1u) != 0);
}

int8_t narrow(int32_t shift) { return static_cast<int8_t>(shift < INT8_MAX ? shift : INT8_MAX); }

Multipliers quantize_quotients(float first, const float* second, int32_t count, float divisor,
                               int32_t* multiplier, int8_t* shift) {
  const Quotient quotient = quotient_of(parts_of(first), parts_of(divisor));
  Multipliers all = {true, INT8_MAX, INT8_MIN};
  for (int32_t i = 0; i < count; ++i) {
    uint32_t bits = 0;
    memcpy(&bits, second + i, sizeof(bits));
    const uint32_t exponent = bits >> 23;
    const uint32_t fraction = (bits & 0x7FFFFFu) | 0x800000u;
    const uint64_t product = fraction * static_cast<uint64_t>(quotient.low);
    const uint32_t behind = static_cast<uint32_t>(product);
    const uint32_t front = static_cast<uint32_t>(product >> 32) + fraction * quotient.high;
    // Without leading zeros: 31 bits of the quotient and the half in one word, the rest in another. Less than
    // the quotient by at most 2^26 of the latter.
    const int32_t zeros = __builtin_clz(front | 1u);
    const uint32_t top = front << zeros | behind >> 1 >> (31 - zeros);
    const uint32_t rest = behind << zeros;
    const uint32_t magnitude = (top >> 1) + (top & 1u);
    int32_t found = quotient.exponent + static_cast<int32_t>(exponent) - zeros;
    multiplier[i] = static_cast<int32_t>(magnitude);
    if (rest >= 0xFC000000u || magnitude - 1u >= INT32_MAX || exponent - 1u >= 254u ||
        static_cast<uint32_t>(found + 31) > 31u + INT8_MAX) {
      const Multiplier divided = quantize_quotient(first, second[i], divisor);
      multiplier[i] = divided.value;
      found = narrow(divided.shift);
      all.are_positive = all.are_positive && divided.value > 0;
    }
    shift[i] = static_cast<int8_t>(found);
    all.least_shift = found < all.least_shift ? found : all.least_shift;
    all.most_shift = found > all.most_shift ? found : all.most_shift;
  }
  return all;
}

}  // namespace tflm_mcunet
