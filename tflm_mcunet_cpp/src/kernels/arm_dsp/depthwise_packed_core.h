// The inner loop of the depthwise kernels of 5x5 and 7x7: one output row of a few channels, two inputs and
// two weights to a word.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_PACKED_CORE_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_PACKED_CORE_H_

#include <stdint.h>

namespace tflm_mcunet {
namespace arm_dsp {

// With x = x0 + x1 * 2^21 and w = w1 + w0 * 2^21, x * w holds x0 * w1, x0 * w0 + x1 * w1 and x1 * w0: of
// three neighbouring outputs the second, first and third products. So a sum of such products over a window's
// words holds an even output whole, and parts of the odd outputs beside it, as long as each stays within 2^20
// (checked offline). At stride 2 the even and the odd columns of the input are words of their own, E0 O0 E1
// O1 and so on.
constexpr int32_t kPackedBits = 21;

inline int32_t packed(int32_t low, int32_t high) {
  return low + static_cast<int32_t>(static_cast<uint32_t>(high) << kPackedBits);
}

// What a channel's sums begin with, the bias in their two upper parts and 2^20 in the lowest and the highest,
// so that the lowest part lends nothing, and how they end.
struct PackedEnding {
  uint32_t begin[2];  // low word, high word
  int32_t multiplier;
  int32_t constant;
  int32_t shift;
};

inline PackedEnding packed_ending(int32_t bias, int32_t multiplier, int32_t constant, int32_t shift) {
  const uint64_t half = static_cast<uint64_t>(1) << (kPackedBits - 1);
  const uint64_t value = static_cast<uint64_t>(static_cast<int64_t>(bias));
  const uint64_t begin = half + (value << kPackedBits) + ((value + half) << (2 * kPackedBits));
  return {{static_cast<uint32_t>(begin), static_cast<uint32_t>(begin >> 32)}, multiplier, constant, shift};
}

// Outputs are ((sum * 2^11 * multiplier >> 32) + constant) >> shift, as int8; with kPackedFixed the shift
// is 11.
constexpr int32_t kPackedShift = 11;
enum PackedFinish : int32_t {
  kPackedFixed = 0,
  kPackedShifted = 1,
  kPackedSums = 2,  // not outputs, but sums * 2^11
};

// What an output row reads: byte offsets into x and the weights, and the code of the kernel rows that exist,
// elsewhere their number.
struct PackedRow {
  int32_t x;
  int32_t weights;
  uint32_t code;
};

// Some channels of some output rows. The assembler knows the order of the fields, and copies them to its
// stack.
struct PackedJob {
  int32_t pitch;  // bytes from row to row of x
  int32_t state[11];
  int32_t stride;  // bytes from output column to output column
  int32_t block[4];
  int32_t advance;  // bytes of x that six outputs take
  int32_t weights_of_block;
  const int32_t* x;  // of the first channel
  int32_t x_bytes;   // from channel to channel
  const int32_t* weights;
  int32_t weights_bytes;  // from channel to channel
  const PackedEnding* endings;
  void* out;  // int8 outputs, or int32 sums * 2^11 that follow each other
  int32_t out_step;
  int32_t channels;
  int32_t count;  // outputs of a row
  uint32_t code;
  uint32_t tail;  // code addresses: `set_packed_tail`
  uint32_t last;
  const PackedRow* row;
  const PackedRow* rows;
  const PackedRow* rows_end;
  int32_t out_pitch;  // bytes from row to row
};

// The words of a channel's kernel rows, a row of bytes being two to a word.
using PackWeights = void(const int8_t* bytes, int32_t* to);

// A kernel and stride, and the assembler's code of its rows. Each is linked only where a layer needs it.
struct PackedCore {
  void (*rows)();
  int32_t row_bytes;  // of code
  int32_t kernel;
  int32_t stride;
  PackWeights* pack;
};
extern const PackedCore kPacked5x5Stride1;
extern const PackedCore kPacked5x5Stride2;
extern const PackedCore kPacked7x7Stride1;
extern const PackedCore kPacked7x7Stride2;

// PackedRow::code for so many kernel rows, at least 1.
uint32_t packed_code(const PackedCore& core, int32_t rows);

// Sets the code that ends a row of `job->count` outputs.
void set_packed_tail(PackedFinish finish, PackedJob* job);

// Words of x that a row takes.
inline int32_t packed_words(int32_t count, int32_t kernel, int32_t stride) {
  const int32_t sums = (count / 2 + 3) / 3 * 3;
  return stride == 1 ? sums + kernel / 2 : 2 * (sums + 1);
}

// Computes `job->channels` channels.
void depthwise_packed(const PackedJob* job, const PackedCore& core, PackedFinish finish);

// A row of four channels as words of x.
struct PackedColumns {
  const void* row;    // the first column's first channel
  int32_t offset;     // -zero point in both parts of a word
  int32_t step;       // bytes from column to column of a word
  void* to;           // of the first channel: the word of the first column
  int32_t pairs;      // words whose second column exists
  int32_t pitch;      // bytes from channel to channel
  int32_t has_lead;   // whether the first word's first column is padding
  int32_t has_trail;  // whether a word follows whose second column is padding
  uint32_t padding;   // four zero points
};

// Words lie `stride` words apart.
void widen_packed(const PackedColumns* columns, int32_t stride);

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_PACKED_CORE_H_
