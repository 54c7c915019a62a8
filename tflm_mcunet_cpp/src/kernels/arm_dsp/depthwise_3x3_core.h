// The inner loops of the depthwise 3x3 kernels: one output row of a few channels.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_CORE_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_CORE_H_

#include <stdint.h>

#include "simd.h"

namespace tflm_mcunet {
namespace arm_dsp {

// Two neighbouring columns of the three rows of a window, of one channel, as int16: rows A and B in the
// halves of `pair`, one word for each column, and both columns of row C in `single`. With its two columns to
// a word, row C takes two multiplications for an output, and rows A and B together three.
struct Unit3x3 {
  uint32_t pair[2];
  uint32_t single;
};

// One channel's weights for the rows A, B and C of Unit3x3: (A B) of each column; (C0 C1); (C1 C2), at
// stride 2 the low half holds the shift instead.
struct Weights3x3 {
  uint32_t pair[3];
  uint32_t single[2];

  void put(int32_t shift) { single[1] = (single[1] & 0xFFFF0000u) | static_cast<uint32_t>(shift); }
};

// Bytes 0 and 2, 1 and 3 of a kernel row, as halves.
struct Halves3x3 {
  uint32_t even;
  uint32_t odd;
};

inline Halves3x3 halves_of(int32_t packed, bool is_scaled) {
  const uint32_t bytes = static_cast<uint32_t>(packed);
  if (is_scaled) {
    return {bytes << 8 & 0xFF00FF00u, bytes & 0xFF00FF00u};
  }
  return {widen_even(bytes), widen_odd(bytes)};
}

inline Weights3x3 arranged(const Halves3x3& a, const Halves3x3& b, const Halves3x3& c) {
  return {{low_halves(a.even, b.even), high_halves(a.even, b.even), high_halves(a.odd, b.odd)},
          {c.even, c.odd}};
}

struct Ending3x3 {
  int32_t shift;
  int32_t bias;
  uint32_t entry;  // where the assembler begins; `entry_of_3x3` tells
  int32_t multiplier;
  int32_t constant;
};

// The assembler knows the order of the fields, and copies them to its stack.
struct Job3x3 {
  int32_t stride;  // bytes from output column to output column
  int32_t state[4];
  uint32_t tail;  // where the assembler goes on behind the pairs; `tail_of_3x3` tells
  int32_t end;
  int32_t row_bytes;  // that the pairs of a row (at stride 2: the outputs) take
  void* out;          // int8 outputs, or int32 sums that follow each other
  int32_t out_step;   // bytes from channel to channel
  const Weights3x3* weights;
  const Ending3x3* endings;
  int32_t channels;  // at least 1
  const Unit3x3* x;  // the units of a channel follow those of the channel before
  int32_t count;     // outputs
};

// Units that a row of `count` outputs reads.
inline int32_t units_of_3x3(int32_t count, int32_t stride) {
  return stride == 1 ? (count + 1) / 2 + 1 : count + 1;
}

// Shifts with which outputs can be finished in the loop at stride 1; at stride 2 every shift will do.
constexpr int32_t kLeastShift3x3 = 9;
constexpr int32_t kMostShift3x3 = 16;

// Code addresses; 0 where there is no assembler, and where sums are computed. A channel begins at `first` and
// `step` for each unit of its shift.
struct Entry3x3 {
  uint32_t first;
  uint32_t step;

  uint32_t of(int32_t shift) const { return first + step * static_cast<uint32_t>(shift); }
};
Entry3x3 entry_of_3x3(int32_t count, int32_t stride);
uint32_t tail_of_3x3(int32_t count);

// The words of the stream for each channel: int32 bias times 256 and multiplier; for each kernel row the
// bytes w0 w1 w1 w2; and where channels have a shift of their own, the shift, and the constant that goes with
// it.
constexpr int32_t kStreamWords3x3 = 5;
constexpr int32_t kOwnWords3x3 = 2;

// What the channels of a layer share: the code's address for their shift, the shift, and the constant.
struct Shared3x3 {
  uint32_t entry;
  int32_t shift;
  int32_t constant;
};

// Weights times 256, for windows whose first row is A, and endings, of channels without a shift of their own.
using Prepare3x3 = void(const int32_t* stream, Weights3x3* weights, Ending3x3* endings, int32_t channels,
                        Shared3x3 shared);
Prepare3x3* prepare_of_3x3(int32_t stride);

// The same for windows whose first row is A, B or C, four channels apart: at stride 1 not times 256, at
// stride 2 without those for B.
Prepare3x3* prepare_rows_of_3x3(int32_t stride);

// Computes `job->channels` channels, saturated to int8, or their sums.
using Core3x3 = void(const Job3x3* job);
Core3x3* core_of_3x3(int32_t stride, bool is_sum);

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_CORE_H_
