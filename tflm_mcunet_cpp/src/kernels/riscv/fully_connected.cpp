// A word holds the weights of two units, first + second * 2^16, so that one multiplication by an input gives
// both products; see pair_products.h for how two sums come out of one word. Weights are stored plus 128, for
// then a mask takes two of them out of a word of four: 128 times the inputs' sum goes off again before a
// group begins.
#include "fully_connected.h"

#include <string.h>

namespace tflm_mcunet {
namespace {

constexpr int32_t kUnits = 8;
constexpr int32_t kPairs = 4;
constexpr int32_t kMostGroup = 8;
constexpr int32_t kHalf = 0x8000;
constexpr uint32_t kMask = 0x00FF00FFu;
constexpr uint32_t kOffset = 128u * 0x10001u;

struct Sums {
  uint32_t total[kPairs];  // of both units' words, modulo 2^32
  uint32_t high[kPairs];   // of the second units
};

// What every group's words begin with.
void begin_groups(const int8_t* x, int32_t inputs, int32_t group, uint32_t* starts) {
  const int8_t* const end = x + inputs;
  while (x != end) {
    uint32_t sum = 0;
    for (int32_t i = 0; i < group; ++i) {
      sum += static_cast<uint32_t>(*x++);
    }
    *starts++ = static_cast<uint32_t>(kHalf) - sum * kOffset;
  }
}

template <int kGroup>
void multiply(const int8_t* x, const uint32_t* starts, const uint32_t* weights, int32_t inputs,
              Sums* result) {
  const int8_t* const end = x + inputs;
  Sums sums = {};  // a copy that can live in registers
  for (; x != end; x += kGroup, weights += 2 * kGroup) {
    uint32_t words[kPairs];
    for (int32_t i = 0; i < kPairs; ++i) {
      words[i] = *starts;
    }
    ++starts;
    for (int32_t i = 0; i < kGroup; ++i) {
      const uint32_t value = static_cast<uint32_t>(x[i]);
      const uint32_t four = weights[2 * i];
      words[0] += value * (four & kMask);
      words[1] += value * ((four >> 8) & kMask);
      const uint32_t next = weights[2 * i + 1];
      words[2] += value * (next & kMask);
      words[3] += value * ((next >> 8) & kMask);
      // GCC would load all weights first, and run out of registers: so it may not know `x` before it
      // multiplied.
      asm("" : "+r"(x), "+r"(weights), "+r"(words[0]), "+r"(words[1]), "+r"(words[2]), "+r"(words[3]));
    }
    for (int32_t i = 0; i < kPairs; ++i) {
      sums.total[i] += words[i];
      sums.high[i] += static_cast<uint32_t>(static_cast<int32_t>(words[i]) >> 16);
    }
  }
  *result = sums;
}

void store(const Sums& sums, uint32_t halves, const int32_t* channels, const riscv::Ending& of_layer,
           int8_t* out) {
  const riscv::Ending ending = of_layer;
  for (int32_t i = 0; i < kPairs; ++i, out += 2, channels += 8) {
    const uint32_t high = sums.high[i];
    const uint32_t low = sums.total[i] - (high << 16) - halves;
    const riscv::Channel one = riscv::channel_at(channels, 0);
    const riscv::Channel other = riscv::channel_at(channels, 1);
    out[0] = static_cast<int8_t>(riscv::finished(low + static_cast<uint32_t>(one.bias), one, ending));
    out[1] = static_cast<int8_t>(riscv::finished(high + static_cast<uint32_t>(other.bias), other, ending));
  }
}

}  // namespace

void fully_connected_rv_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                            void* scratch) {
  const FullyConnectedRv& layer = *static_cast<const FullyConnectedRv*>(params);
  const riscv::Ending ending = {layer.sign_fix, layer.output_min, layer.output_max};
  const int32_t inputs = (layer.depth + kMostGroup - 1) / kMostGroup * kMostGroup;
  const int32_t block_words = 1 + 4 * kUnits + 2 * inputs;
  // By group: what the words of groups of 2 begin with, of 4 and of 8.
  uint32_t* const of_twos = static_cast<uint32_t*>(scratch);
  uint32_t* const of_fours = of_twos + inputs / 2;
  uint32_t* const of_eights = of_fours + inputs / 4;
  int8_t* const x = reinterpret_cast<int8_t*>(of_eights + inputs / 8);
  memcpy(x, rows[0], static_cast<uint32_t>(layer.depth));
  memset(x + layer.depth, 0, static_cast<uint32_t>(inputs - layer.depth));
  int32_t begun = 0;
  int8_t* const output = static_cast<int8_t*>(out) - columns.begin;
  for (int32_t first = columns.begin / kUnits * kUnits; first < columns.end; first += kUnits) {
    const int32_t* const block = layer.stream + first / kUnits * block_words;
    const int32_t group = block[0];
    const int32_t* const channels = block + 1;
    const uint32_t* const weights = reinterpret_cast<const uint32_t*>(channels + 4 * kUnits);
    uint32_t* const starts = group == 2 ? of_twos : (group == 4 ? of_fours : of_eights);
    if ((begun & group) == 0) {
      begin_groups(x, inputs, group, starts);
      begun |= group;
    }
    Sums sums;
    if (group == 2) {
      multiply<2>(x, starts, weights, inputs, &sums);
    } else if (group == 4) {
      multiply<4>(x, starts, weights, inputs, &sums);
    } else {
      multiply<8>(x, starts, weights, inputs, &sums);
    }
    const uint32_t halves = static_cast<uint32_t>(inputs / group) * kHalf;
    if (first >= columns.begin && first + kUnits <= columns.end) {
      store(sums, halves, channels, ending, output + first);
    } else {
      int8_t all[kUnits];
      store(sums, halves, channels, ending, all);
      for (int32_t i = 0; i < kUnits; ++i) {
        if (first + i >= columns.begin && first + i < columns.end) {
          output[first + i] = all[i];
        }
      }
    }
  }
}

}  // namespace tflm_mcunet
