// Two products in one multiplication: the core of the dense kernels for cores without SIMD.
//
// A word holds a value of two pixels, first + second * 2^16. Its product with a weight is both products in
// the same form. While the first pixel's sum stays within int16, the second's is the word's upper half,
// rounded to nearest; offline, the taps are cut into groups for which that holds whatever the input. Behind
// each group the word goes to `total`, modulo 2^32, and its upper half to `high`; from these two the sums of
// both pixels follow.
#ifndef TFLM_MCUNET_KERNELS_RISCV_PAIR_PRODUCTS_H_
#define TFLM_MCUNET_KERNELS_RISCV_PAIR_PRODUCTS_H_

#include <stdint.h>

#include "finish.h"

namespace tflm_mcunet {
namespace riscv {

// Two output channels of a dense layer. Their weights follow, a byte of either in turn, with zeros up to
// whole groups and whole words.
struct ChannelPair {
  int32_t group;   // taps between which a word is emptied: 2, 4 or 8
  int32_t groups;  // of that many taps
  Channel channels[2];
};

// One block of pixels.
struct PairJob {
  const int32_t* x;    // for each tap a word for each pair of pixels
  const void* stream;  // ChannelPairs and their weights
  int8_t* out;         // pixel p, channel c at out[p * channels + c]
  int32_t channels;
  int32_t pixels;  // 2 * pairs, or one less: then the last one is not written
  Ending ending;
};

// All channels of a block of 1, 2 or 3 pairs. Of an odd number of channels the last one is in the stream
// twice.
void multiply_pairs(const PairJob& job, int32_t pairs);

// Writes the words of `count` taps for 1, 2 or 3 pairs, and returns their end: tap i of pixel p is
// sources[p][i].
int32_t* widen_pairs(const int8_t* const* sources, int32_t count, int32_t pairs, int32_t* x);

}  // namespace riscv
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_RISCV_PAIR_PRODUCTS_H_
