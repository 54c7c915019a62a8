// The inner loops of the depthwise 3x3 kernel of whole maps at stride 2.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_STRIDE_2_CORE_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_STRIDE_2_CORE_H_

#include <stdint.h>

namespace tflm_mcunet {
namespace arm_dsp {

// Two neighbouring columns of the three rows of a window, of one channel, as int16. An output takes two
// units: both columns of its own, the first column of the next. Row r of unit u lies at word 3 * u + r, so
// the units of the next output row begin two words further, and a new row lies over rows that no window has
// any more.
struct Unit3x3Stride2 {
  uint32_t row[3];
};

// One channel; weights are times 256. The assembler loads all words at once.
struct Record3x3Stride2 {
  uint32_t first[3];  // for each row (w0 w1)
  uint32_t last[2];   // (w2 of row A, w2 of row B); w2 of row C in the upper half
  int32_t multiplier;
  int32_t bias;
};

// The stream is that of DepthwiseDsp3x3.
void prepare_3x3_stride_2(const int32_t* stream, Record3x3Stride2* record, int32_t channels);

// Some channels of an output row. The assembler knows the order of the fields.
struct Job3x3Stride2 {
  const Record3x3Stride2* record;
  const Record3x3Stride2* records_end;
  int32_t x_gap;      // bytes from behind a channel's last unit to the next channel's first
  int32_t out_gap;    // the same for outputs
  const int8_t* end;  // of the first channel's outputs
  uint32_t entry;     // where the assembler begins a row
  int32_t stride;     // bytes from output column to output column
  const void* x;      // the first channel's units, less x_gap
  int8_t* out;        // less out_gap, and less the stride where the number of outputs is odd
};

void outputs_3x3_stride_2(const Job3x3Stride2* job);

// What begins a row of `count` outputs; elsewhere it is the count.
uint32_t entry_of_3x3_stride_2(int32_t count);

// What follows the units whose second column exists: nothing, a unit whose second column is padding, or one
// of padding.
enum Tail3x3Stride2 : int32_t { kTailNone = 0, kTailColumn = 1, kTailPadding = 2 };

// Two rows of four channels, and where they go. The assembler knows the order of the fields.
struct Rows3x3Stride2 {
  const int8_t* row;  // the column that the first unit begins with, be it one of padding
  int32_t below;      // bytes to the second row
  int32_t step;       // bytes from column to column
  void* units;        // of the first channel: the first row's word in the first unit
  int32_t pitch;      // bytes from channel to channel
  int32_t bytes;      // of the units whose second column exists
  uint32_t entry;
  int32_t tail;      // Tail3x3Stride2
  uint32_t padding;  // four zero points
};

// Sets what follows from the units whose second column exists, and from whether the first one's first is
// padding.
void set_units_3x3_stride_2(int32_t units, bool has_lead, Rows3x3Stride2* rows);

void widen_3x3_stride_2(const Rows3x3Stride2* rows);

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_3X3_STRIDE_2_CORE_H_
