#include "pair_products.h"

namespace tflm_mcunet {
namespace riscv {
namespace {

// Half of a word's lower part: with it the upper half is the second pixel's sum, not one less where the
// first's is negative.
constexpr int32_t kHalf = 0x8000;

// Of one output channel and all pairs of pixels.
template <int kPairs>
struct Sums {
  uint32_t total[kPairs];  // of both pixels' words, modulo 2^32
  uint32_t high[kPairs];   // of the second pixels
};

// Multiplies `groups` groups of kGroup taps.
template <int kPairs, int kGroup>
inline void add_groups(const int32_t* x, const int8_t* weights, int32_t groups, Sums<kPairs>* one,
                       Sums<kPairs>* two) {
  const int32_t* const end = x + groups * (kGroup * kPairs);
  Sums<kPairs> first = *one;
  Sums<kPairs> second = *two;
  for (; x != end; x += kGroup * kPairs, weights += kGroup * 2) {
    int32_t words_of_first[kPairs];
    int32_t words_of_second[kPairs];
    for (int32_t i = 0; i < kPairs; ++i) {
      words_of_first[i] = kHalf;
      words_of_second[i] = kHalf;
    }
    for (int32_t tap = 0; tap < kGroup; ++tap) {
      const int32_t weight_of_first = weights[2 * tap];
      const int32_t weight_of_second = weights[2 * tap + 1];
      for (int32_t i = 0; i < kPairs; ++i) {
        const int32_t word = x[tap * kPairs + i];
        words_of_first[i] += word * weight_of_first;
        words_of_second[i] += word * weight_of_second;
      }
      // GCC would load all taps first, and run out of registers: so it may not know `x` before it multiplied.
      for (int32_t i = 0; i < kPairs; ++i) {
        asm("" : "+r"(x), "+r"(weights), "+r"(words_of_first[i]), "+r"(words_of_second[i]));
      }
    }
    for (int32_t i = 0; i < kPairs; ++i) {
      first.total[i] += static_cast<uint32_t>(words_of_first[i]);
      first.high[i] += static_cast<uint32_t>(words_of_first[i] >> 16);
      second.total[i] += static_cast<uint32_t>(words_of_second[i]);
      second.high[i] += static_cast<uint32_t>(words_of_second[i] >> 16);
    }
  }
  *one = first;
  *two = second;
}

// The outputs of one channel. Not inlined: what it needs fills the registers.
template <int kPairs>
__attribute__((noinline)) void store(const PairJob& job, const Sums<kPairs>& sums, uint32_t halves,
                                     const ChannelPair& pair, int32_t index, int8_t* out) {
  const Channel channel = pair.channels[index];
  const Ending ending = job.ending;
  const int32_t stride = job.channels;
  const bool is_odd = job.pixels < 2 * kPairs;
  const uint32_t bias = static_cast<uint32_t>(channel.bias);
  const uint32_t low_bias = bias - halves;
  for (int32_t k = 0; k < kPairs; ++k) {
    const uint32_t low = sums.total[k] - (sums.high[k] << 16) + low_bias;
    *out = static_cast<int8_t>(finished(low, channel, ending));
    out += stride;
    if (k + 1 < kPairs || !is_odd) {
      *out = static_cast<int8_t>(finished(sums.high[k] + bias, channel, ending));
      out += stride;
    }
  }
}

template <int kPairs>
void multiply(const PairJob& job) {
  const int8_t* stream = static_cast<const int8_t*>(job.stream);
  int8_t* out = job.out;
  int8_t* const end = out + job.channels;
  while (out != end) {
    const ChannelPair& pair = *reinterpret_cast<const ChannelPair*>(stream);
    const int8_t* weights = stream + sizeof(ChannelPair);
    const int32_t groups = pair.groups;
    stream = weights + ((pair.group * groups * 2 + 3) & ~3);
    Sums<kPairs> sums[2] = {};
    if (pair.group == 2) {
      add_groups<kPairs, 2>(job.x, weights, groups, &sums[0], &sums[1]);
    } else if (pair.group == 4) {
      add_groups<kPairs, 4>(job.x, weights, groups, &sums[0], &sums[1]);
    } else {
      add_groups<kPairs, 8>(job.x, weights, groups, &sums[0], &sums[1]);
    }
    const uint32_t halves = static_cast<uint32_t>(groups) * kHalf;
    for (int32_t i = 0; i < 2 && out != end; ++i, ++out) {
      store<kPairs>(job, sums[i], halves, pair, i, out);
    }
  }
}

template <int kPairs>
inline void widen_tap(const int8_t* const* sources, int32_t tap, int32_t* x) {
  for (int32_t k = 0; k < kPairs; ++k) {
    x[k] = sources[2 * k][tap] + sources[2 * k + 1][tap] * 0x10000;
  }
}

template <int kPairs>
int32_t* widen(const int8_t* const* sources, int32_t count, int32_t* x) {
  const int8_t* source[2 * kPairs];
  for (int32_t p = 0; p < 2 * kPairs; ++p) {
    source[p] = sources[p];
  }
  int32_t* const end = x + count * kPairs;
  for (; end - x >= 4 * kPairs; x += 4 * kPairs) {
    for (int32_t tap = 0; tap < 4; ++tap) {
      widen_tap<kPairs>(source, tap, x + tap * kPairs);
    }
    for (int32_t p = 0; p < 2 * kPairs; ++p) {
      source[p] += 4;
    }
  }
  for (int32_t tap = 0; x != end; ++tap, x += kPairs) {
    widen_tap<kPairs>(source, tap, x);
  }
  return x;
}

}  // namespace

void multiply_pairs(const PairJob& job, int32_t pairs) {
  if (pairs == 3) {
    multiply<3>(job);
  } else if (pairs == 2) {
    multiply<2>(job);
  } else {
    multiply<1>(job);
  }
}

int32_t* widen_pairs(const int8_t* const* sources, int32_t count, int32_t pairs, int32_t* x) {
  return pairs == 3 ? widen<3>(sources, count, x)
                    : (pairs == 2 ? widen<2>(sources, count, x) : widen<1>(sources, count, x));
}

}  // namespace riscv
}  // namespace tflm_mcunet
