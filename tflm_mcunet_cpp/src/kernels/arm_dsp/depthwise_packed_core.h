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

// What a channel's sums begin with, the bias in their two upper parts, and how they end.
struct PackedEnding {
  uint32_t begin[2];  // low word, high word
  int32_t multiplier;
  int32_t constant;
  int32_t shift;
};

// The assembler knows the order of the fields, and copies them to its stack.
struct PackedJob {
  int32_t pitch;  // bytes from row to row of x
  int32_t state[11];
  int32_t stride;  // bytes from output column to output column
  int32_t block[5];
  const int32_t* x;  // of the first channel: the first word of the first kernel row that exists
  int32_t x_bytes;   // from channel to channel
  const int32_t* weights;
  int32_t weights_bytes;  // from channel to channel
  const PackedEnding* endings;
  void* out;  // int8 outputs, or int32 sums * 2^11 that follow each other
  int32_t out_step;
  int32_t channels;
  int32_t count;      // outputs
  int32_t row_bytes;  // of the weights of the kernel rows that exist
  int32_t advance;    // bytes of x that six outputs take
  uint32_t rows;      // code addresses: `PackedCode`
  uint32_t tail;
  uint32_t last;
};

struct PackedCode {
  uint32_t rows;  // adds up a block
  uint32_t tail;  // ends one
  uint32_t last;  // stores the last outputs of a row
};
PackedCode packed_code(int32_t count, int32_t kernel, int32_t stride, bool is_sum);

// Words of x that a row takes.
inline int32_t packed_words(int32_t count, int32_t kernel, int32_t stride) {
  const int32_t sums = (count / 2 + 3) / 3 * 3;
  return stride == 1 ? sums + kernel / 2 : 2 * (sums + 1);
}

// Computes `job->channels` channels, saturated to int8, or their sums.
void depthwise_packed(const PackedJob* job, int32_t kernel, int32_t stride, bool is_sum);

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

// The words of `rows` kernel rows of `words` (3 or 4) words, of bytes w0 w1 each, in pairs of words.
void pack_weights(const int32_t* bytes, int32_t rows, int32_t words, int32_t* to);

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_PACKED_CORE_H_
