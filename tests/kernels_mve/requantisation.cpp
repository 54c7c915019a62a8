// The invocation of a program that compares the endings of the MVE cores with kernels/requantize.h: sums at
// the edges of the outputs and of the powers of two, and random ones. Weights are zero, so a sum is its bias.
//
// Input: the seed and the number of rounds. Output: values checked, values that differ, and of the first of
// them the sum, multiplier, shift, zero point, expected output, output and core.
#include <stdint.h>
#include <string.h>

#include "model.h"
#include "tflm_mcunet/kernels/arm_mve/depthwise_core.h"
#include "tflm_mcunet/kernels/arm_mve/dot_core.h"
#include "tflm_mcunet/kernels/requantize.h"

namespace {

using namespace tflm_mcunet;

constexpr int32_t kChannels = 64;

struct Drawn {
  int32_t sum;
  int32_t multiplier;
  int32_t shift;
};

struct Memory {
  uint32_t input[4];
  int32_t output[16];
  int8_t zeros[256];
  int8_t stream[kChannels * 60 + 64];
  int8_t out[kChannels * 9];
};

alignas(16) Memory memory;
Drawn drawn[kChannels];
uint64_t state;

uint32_t random_bits() {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return static_cast<uint32_t>(state >> 32);
}
int32_t between(int32_t low, int32_t high) {
  return low + static_cast<int32_t>(random_bits() % static_cast<uint32_t>(high - low + 1));
}

int32_t limited(int64_t value) {
  return static_cast<int32_t>(value < INT32_MIN ? INT32_MIN : (value > INT32_MAX ? INT32_MAX : value));
}

// A sum near an output's edge, near a power of two, or anywhere.
int32_t draw_sum(int32_t multiplier, int32_t shift) {
  const int32_t kind = between(0, 3);
  if (kind == 0) {
    return static_cast<int32_t>(random_bits()) >> between(0, 30);
  }
  if (kind == 1 || multiplier == 0) {
    const int64_t power = static_cast<int64_t>(1) << between(0, 31);
    return limited((between(0, 1) != 0 ? power : -power) + between(-3, 3));
  }
  const int64_t half = shift < 0 ? static_cast<int64_t>(1) << (-shift - 1) : 0;
  const int64_t middle =
      static_cast<int64_t>(between(-260, 260)) * (static_cast<int64_t>(1) << -shift) + half;
  if (middle > INT32_MAX || middle < INT32_MIN) {
    return between(-100, 100);
  }
  return limited(middle * (static_cast<int64_t>(1) << 31) / multiplier + between(-4, 4));
}

void draw_channels(int32_t least_shift) {
  for (Drawn& channel : drawn) {
    const int32_t kind = between(0, 9);
    channel.multiplier =
        kind < 2 ? 1 << 30 : (kind == 2 ? 3 << 29 : (kind == 3 ? 0 : between(1 << 30, INT32_MAX)));
    channel.shift = -between(least_shift, between(0, 7) == 0 ? 31 : 12);
    channel.sum = draw_sum(channel.multiplier, channel.shift);
  }
}

void put_word(int8_t* target, int32_t value) { memcpy(target, &value, 4); }

void check(const int8_t* out, int32_t stride, int32_t pixels, int32_t zero_point, int32_t low, int32_t high,
           int32_t core) {
  int32_t* report = memory.output;
  for (int32_t c = 0; c < kChannels; ++c) {
    const Drawn& channel = drawn[c];
    const int32_t scaled = requantize(channel.sum, channel.multiplier, channel.shift);
    const int32_t expected = clamp(scaled + zero_point, low, high);
    for (int32_t p = 0; p < pixels; ++p) {
      ++report[0];
      if (out[p * stride + c] != expected && report[1]++ == 0) {
        const int32_t found = out[p * stride + c];
        const int32_t first[] = {channel.sum, channel.multiplier, channel.shift, zero_point, expected, found,
                                 core};
        memcpy(report + 2, first, sizeof(first));
      }
    }
  }
}

// By arm_mve::Finish, and by chunks.
const arm_mve::DotRoutine kPairs[][3] = {
    {arm_mve::pairs_of_1_saturated, arm_mve::pairs_of_2_saturated, arm_mve::pairs_saturated},
    {arm_mve::pairs_of_1_fixed, arm_mve::pairs_of_2_fixed, arm_mve::pairs_fixed},
    {arm_mve::pairs_clamped, arm_mve::pairs_clamped, arm_mve::pairs_clamped}};
const arm_mve::DotRoutine kSingle[][3] = {
    {arm_mve::single_of_1_saturated, arm_mve::single_of_2_saturated, arm_mve::single_saturated},
    {arm_mve::single_of_1_fixed, arm_mve::single_of_2_fixed, arm_mve::single_fixed},
    {arm_mve::single_clamped, arm_mve::single_clamped, arm_mve::single_clamped}};

void check_dot(int32_t finish, int32_t chunks, int32_t zero_point, int32_t low, int32_t high) {
  int8_t* block = memory.stream;
  for (int32_t c = 0; c < kChannels; c += 4, block += arm_mve::block_bytes(chunks)) {
    memset(block, 0, static_cast<uint32_t>(chunks * 64));
    for (int32_t i = 0; i < 4; ++i) {
      put_word(block + chunks * 64 + i * 4, drawn[c + i].sum);
      put_word(block + chunks * 64 + 16 + i * 4, drawn[c + i].multiplier);
      put_word(block + chunks * 64 + 32 + i * 4, drawn[c + i].shift);
    }
  }
  const arm_mve::DotJob job = {memory.zeros, 32, memory.stream, block, chunks, memory.out,
                               kChannels,    1,  zero_point,    low,   high};
  memset(memory.out, 0x55, sizeof(memory.out));
  kPairs[finish][chunks - 1](job);
  check(memory.out, kChannels, 2, zero_point, low, high, finish);
  memset(memory.out, 0x55, sizeof(memory.out));
  kSingle[finish][chunks - 1](job);
  check(memory.out, kChannels, 1, zero_point, low, high, 10 + finish);
}

void check_depthwise(bool is_general, int32_t count, int32_t zero_point, int32_t low, int32_t high) {
  const int32_t head = is_general ? 16 : 12;
  const int32_t channel_bytes = head + (head == 12 ? 20 : 16);
  memset(memory.stream, 0, sizeof(memory.stream));
  for (int32_t c = 0; c < kChannels; ++c) {
    int8_t* stream = memory.stream + c * channel_bytes;
    put_word(stream, drawn[c].sum);
    put_word(stream + 4, drawn[c].multiplier);
    put_word(stream + 8, drawn[c].shift);
    if (head == 16) {
      put_word(stream + 12, drawn[c].shift < 0 ? 1 : 0);
    }
  }
  const int32_t step = head == 12 ? 3 : 1;
  const int32_t fours = (count + 3) & ~3;
  const arm_mve::DepthwiseJob job = {memory.zeros,
                                     memory.stream,
                                     memory.stream + kChannels * channel_bytes,
                                     memory.out,
                                     kChannels,
                                     count,
                                     -fours * step,
                                     1 - (count & ~7) * kChannels,
                                     zero_point,
                                     low,
                                     high,
                                     step,
                                     0,
                                     channel_bytes,
                                     head == 12 ? 3 : 0,
                                     1};
  memset(memory.out, 0x55, sizeof(memory.out));
  (is_general ? arm_mve::depthwise_to_16_taps : arm_mve::depthwise_3x3_stride_1)(job);
  check(memory.out, kChannels, count, zero_point, low, high, head);
}

}  // namespace

extern "C" int model_init(void) { return 0; }
extern "C" void* model_input(int) { return memory.input; }
extern "C" void* model_output(int) { return memory.output; }

extern "C" int model_invoke(void) {
  state = memory.input[0];
  memset(memory.output, 0, sizeof(memory.output));
  for (uint32_t round = 0; round < memory.input[1]; ++round) {
    draw_channels(0);
    check_dot(arm_mve::kSaturate, between(1, 3), -128, -128, 127);
    check_depthwise(false, between(1, 9), -128, -128, 127);
    draw_channels(1);
    const int32_t zero_point = between(-128, 127);
    check_dot(arm_mve::kSignFix, between(1, 3), zero_point, -128, 127);
    draw_channels(0);
    const int32_t low = between(-128, 100);
    const int32_t high = between(low, 127);
    check_dot(arm_mve::kGeneral, between(1, 3), zero_point, low, high);
    check_depthwise(true, between(1, 9), zero_point, low, high);
  }
  return 0;
}
