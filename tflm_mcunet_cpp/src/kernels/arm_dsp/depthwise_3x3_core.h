// The inner loops of the depthwise 3x3 kernels: one output row of a few channels.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_CORE_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_CORE_H_

#include <stdint.h>

#include "finish_sums.h"
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

// One channel. Weights are those for the rows A, B and C of Unit3x3: (A B) of each column; (C0 C1); (C1 C2).
// The assembler loads all words at once.
struct Record3x3 {
  uint32_t pair[3];
  uint32_t single[2];
  int32_t multiplier;
  int32_t bias;
};

// The words of the stream for each channel: int32 bias times 256 and multiplier; for each kernel row the
// bytes w0 w1 w1 w2.
constexpr int32_t kStreamWords3x3 = 5;

// The assembler knows the order of the fields up to `out`.
struct Job3x3 {
  int32_t stride;  // bytes from output column to output column
  uint32_t entry;  // where the assembler begins
  uint32_t tail;   // where it goes on behind the pairs
  uint32_t
      end;  // of the pairs of a row (at stride 2: of the outputs) of the first channel; of sums their bytes
  int32_t gap;  // bytes from behind those to the next channel's outputs
  const Record3x3* record;
  const Record3x3* records_end;  // at least one further
  const Unit3x3* x;              // the units of a channel follow those of the channel before
  void* out;                     // int8 outputs, or int32 sums that follow each other; less `gap`
  int32_t count;                 // outputs
};

// Units that a row of `count` outputs reads.
inline int32_t units_of_3x3(int32_t count, int32_t stride) {
  return stride == 1 ? (count + 1) / 2 + 1 : count + 1;
}

// The records of some channels, weights as they are, for windows whose first row is A, B and C, four records
// apart.
void prepare_rows_3x3(const int32_t* stream, Record3x3* records, int32_t channels);

// Computes the channels of a job. The addresses tell the assembler where a row of some length begins and
// ends; they are nullptr where it needs none.
struct Core3x3 {
  void (*run)(const Job3x3* job);
  const char* loop;     // four pairs of outputs, at stride 2 four outputs
  int32_t block_bytes;  // one of the four
  const char* odd;      // the last output of an odd number
  const char* even;
  FinishSums* finish;  // of sums, nullptr of outputs
};

// Outputs are (sum * multiplier >> 32) >> shift, as int8: biases hold the output's zero point and what
// rounds. Each is linked only where a layer needs it.
extern const Core3x3 kOutputs3x3Stride1Shift6;
extern const Core3x3 kOutputs3x3Stride1Shift8;
extern const Core3x3 kOutputs3x3Stride2Shift8;
extern const Core3x3 kSums3x3Stride1;
extern const Core3x3 kSums3x3Stride2;

// Sets where the assembler begins and ends a row of `job->count` outputs.
void set_code_of_3x3(const Core3x3& core, int32_t stride, Job3x3* job);

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_CORE_H_
