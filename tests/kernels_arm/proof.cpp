// Compares the DSP family's requantisation with TFLite Micro's, sum by sum, for channels that come from a
// file.
//
// Usage: proof FILE COUNT. Each record of FILE is twelve int32: multiplier, shift, output zero point, lower
// and upper clamp; least and largest sum; bias less 256 times what is added to the sum of products,
// multiplier, constant and shift of the kernel; finish. COUNT sums are drawn for each record, besides its
// ends.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/arm_dsp/finish.h"
#include "kernels/requantize.h"

namespace {

using namespace tflm_mcunet;

struct Channel {
  int32_t multiplier, shift, zero_point, low, high;
  int32_t least, largest;
  int32_t extra, kernel_multiplier, constant, kernel_shift, finish;
};

int32_t reference(const Channel& channel, int32_t sum) {
  return clamp(requantize(sum, channel.multiplier, channel.shift) + channel.zero_point, channel.low,
               channel.high);
}

int32_t computed(const Channel& channel, int32_t sum) {
  const int32_t scaled =
      static_cast<int32_t>(static_cast<uint32_t>(sum) * 256u + static_cast<uint32_t>(channel.extra));
  if (channel.finish == arm_dsp::kSaturate) {
    return arm_dsp::saturated(scaled, channel.kernel_multiplier, channel.constant, channel.kernel_shift);
  }
  const int32_t value =
      arm_dsp::rounded(scaled, channel.kernel_multiplier, channel.constant, channel.kernel_shift);
  return clamp(value, channel.low, channel.high);
}

bool is_equal(const Channel& channel, int32_t sum) {
  if (reference(channel, sum) == computed(channel, sum)) {
    return true;
  }
  fprintf(stderr, "multiplier %d shift %d finish %d: sum %d gives %d, not %d\n", channel.multiplier,
          channel.shift, channel.finish, sum, computed(channel, sum), reference(channel, sum));
  return false;
}

uint64_t state = 0x9E3779B97F4A7C15u;

// xorshift64*.
uint64_t drawn() {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545F4914F6CDD1Du;
}

}  // namespace

int main(int count, char** arguments) {
  FILE* file = count == 3 ? fopen(arguments[1], "rb") : nullptr;
  if (file == nullptr) {
    fprintf(stderr, "usage: proof FILE COUNT\n");
    return 2;
  }
  const uint64_t draws = strtoull(arguments[2], nullptr, 10);
  Channel channel;
  uint64_t compared = 0;
  while (fread(&channel, sizeof(channel), 1, file) == 1) {
    const uint64_t span = static_cast<uint64_t>(static_cast<int64_t>(channel.largest) - channel.least) + 1;
    if (!is_equal(channel, channel.least) || !is_equal(channel, channel.largest)) {
      return 1;
    }
    for (uint64_t i = 0; i < draws; ++i) {
      const int64_t sum = channel.least + static_cast<int64_t>((drawn() >> 32) * span >> 32);
      if (!is_equal(channel, static_cast<int32_t>(sum))) {
        return 1;
      }
    }
    compared += draws + 2;
  }
  printf("%llu\n", static_cast<unsigned long long>(compared));
  return 0;
}
