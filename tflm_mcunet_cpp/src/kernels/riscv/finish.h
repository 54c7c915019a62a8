// From a sum to an output value: three instructions and the clamps, each channel's constants found offline.
#ifndef TFLM_MCUNET_KERNELS_RISCV_FINISH_H_
#define TFLM_MCUNET_KERNELS_RISCV_FINISH_H_

#include <stdint.h>

namespace tflm_mcunet {
namespace riscv {

// What turns a channel's sum into its output; the codegen's `requantize` proves it exact for every sum.
struct Channel {
  int32_t bias;  // added to the sum, modulo 2^24
  int32_t multiplier;
  int32_t constant;
  int32_t shift;
};

// Channel `index` of an array of them, as the codegen writes it: four words each.
inline Channel channel_at(const int32_t* channels, int32_t index) {
  const int32_t* const words = channels + 4 * index;
  return {words[0], words[1], words[2], words[3]};
}

// What all channels share. `sign_fix` is 0, or 128 where halves of negative values must be rounded away from
// zero.
struct Ending {
  int32_t sign_fix;
  int32_t low;
  int32_t high;
};

// The sum's bias is already in it. 2^8 times the sum is taken modulo 2^32, so the sum's upper bits do not
// matter.
inline int32_t finished(uint32_t sum, const Channel& channel, const Ending& ending) {
  const int32_t scaled = static_cast<int32_t>(sum << 8);
  const int32_t product = static_cast<int32_t>(static_cast<int64_t>(scaled) * channel.multiplier >> 32);
  int32_t constant = channel.constant;
  if (ending.sign_fix != 0 && scaled < 0) {
    constant -= ending.sign_fix;
  }
  const int32_t value = (product + constant) >> channel.shift;
  return value < ending.low ? ending.low : (value > ending.high ? ending.high : value);
}

}  // namespace riscv
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_RISCV_FINISH_H_
