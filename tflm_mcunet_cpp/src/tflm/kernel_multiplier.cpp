#include "kernel_multiplier.h"

#include <string.h>

#include "kernel_multiplier_core.h"

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

// Fills in q = dividend / divisor, two normal positive floats: times 2^31 or 2^32, and cut off behind 32 bits
// of fraction.
void set_quotient(const Parts& dividend, const Parts& divisor, arm_dsp::MultipliersJob* job) {
  const int32_t left = dividend.fraction >= divisor.fraction ? 7 : 8;
  const uint32_t top = dividend.fraction << left;
  uint32_t words[2] = {top / divisor.fraction, 0};
  uint32_t remainder = top - words[0] * divisor.fraction;
  for (int32_t i = 1; i < 8; ++i) {
    words[i >> 2] = words[i >> 2] << 8 | next_digits(0, divisor.fraction, &remainder);
  }
  job->whole = words[0];
  job->fraction = words[1];
  job->exponent = dividend.exponent - divisor.exponent - 119 - left;
  // The largest F whose rounded product is below 2^63: like every F a multiple of 256, and a quotient by q
  // rounded up is less by at most two of them.
  uint32_t small =
      static_cast<uint32_t>(0x7FFFFFFF80000000u / (static_cast<uint64_t>(words[0]) + 1)) & ~0xFFu;
  for (small -= 256; small != 0xFFFFFF00u; small += 256) {
    const uint64_t next = small + 256;
    const uint64_t product = next * job->whole + (next * job->fraction >> 32) + 0x80000000u;
    if (product >> 63 != 0) {
      break;
    }
  }
  job->large = small + 1;
}

// Complements of the shifts that nearly all layers have, and of those in which training has left some
// channels without weights.
constexpr uint32_t kUsualShifts = 15;
constexpr uint32_t kSmallShifts = 31;

// Makes multipliers below 2^-32 zero. Whether there are none.
bool drop_smallest(int32_t count, int32_t* multiplier, int8_t* shift) {
  bool is_none = true;
  for (int32_t i = 0; i < count; ++i) {
    if (shift[i] == -32) {
      multiplier[i] = shift[i] = 0;
      is_none = false;
    }
  }
  return is_none;
}

// What a job found, and one division for each where there is none, or where a float is not as it expects.
Multipliers checked(float first, const float* second, int32_t count, float divisor,
                    const arm_dsp::MultipliersJob* job, int32_t* multiplier, int8_t* shift) {
  Multipliers all = {true, INT8_MAX, INT8_MIN};
  for (int32_t i = 0; i < count; ++i) {
    const Parts parts = parts_of(second[i]);
    int32_t found = -32;
    if (job != nullptr && parts.is_normal && parts.sign == 0) {
      found = job->exponent + parts.exponent + (parts.fraction << 8 >= job->large ? 1 : 0);
    }
    if (found < -31 || found > INT8_MAX) {
      const Multiplier divided = quantize_quotient(first, second[i], divisor);
      multiplier[i] = divided.value;
      found = narrow(divided.shift);
      shift[i] = static_cast<int8_t>(found);
      all.are_positive = all.are_positive && divided.value > 0;
    }
    all.least_shift = found < all.least_shift ? found : all.least_shift;
    all.most_shift = found > all.most_shift ? found : all.most_shift;
  }
  return all;
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

// F * q is less than the product of the reals by less than 2, and that would be rounded to 53 bits first. So
// only those within 2^-22 below a half, of which there are few, may become another multiplier.
Multipliers quantize_quotients(float first, const float* second, int32_t count, float divisor,
                               int32_t* multiplier, int8_t* shift) {
  const Parts a = parts_of(first);
  const Parts c = parts_of(divisor);
  if (!a.is_normal || !c.is_normal || (a.sign | c.sign) != 0) {
    return checked(first, second, count, divisor, nullptr, multiplier, shift);
  }
  arm_dsp::MultipliersJob job = {second, multiplier, shift, second + count, 0, 0, 0, 0, 0};
  set_quotient(a, c, &job);
  const bool is_decided = arm_dsp::multipliers(&job);
  // No float that is negative, or not normal, has one of these shifts then.
  const bool is_usual = is_decided && job.exponent < -33 && job.exponent > -256;
  if (is_usual && job.complements <= kUsualShifts) {
    return {true, -16, -1};
  }
  if (is_usual && job.complements <= kSmallShifts) {
    const bool are_positive = drop_smallest(count, multiplier, shift);
    return {are_positive, -31, are_positive ? -1 : 0};
  }
  return checked(first, second, count, divisor, is_decided ? &job : nullptr, multiplier, shift);
}

}  // namespace tflm_mcunet
