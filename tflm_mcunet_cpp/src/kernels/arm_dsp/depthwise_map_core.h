// The inner loops of the depthwise kernels of whole maps: for each kernel and width of the map one that holds
// all sums of an output row, or of half of it.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_MAP_CORE_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_MAP_CORE_H_

#include <stdint.h>

#include "depthwise_map_widen.h"

namespace tflm_mcunet {
namespace arm_dsp {

// An output row, or a part of it: the bytes by which the pointers into a channel's plane and into its weights
// move to what it reads from where the row before it ended, and where the assembler begins, so that it takes
// the kernel rows that exist; elsewhere their number. The last of a list, which moves on to the next channel,
// has none.
struct MapRow {
  int32_t x;
  int32_t weights;
  uint32_t entry;
};

// Some channels of all output rows. The assembler knows the order of the fields, and copies those up to
// `channels` to its stack.
struct MapJob {
  int32_t sums[6];
  int32_t multiplier;
  int32_t constant;
  int32_t shift;
  const MapRow* row;
  const MapRow* rows;
  int8_t* at;
  int32_t stride;  // bytes from output to output, of rows as of columns
  int8_t* out;     // of the first channel
  const int32_t* stream;
  int32_t stream_bytes;     // from channel to channel
  int32_t channels;         // at least 1
  const uint32_t* x;        // of the first channel: rows of words (x0 x1) (x2 x3) ..
  const uint32_t* weights;  // of the first channel
};

// Outputs of a row that are computed together: the assembler's code of kernel rows, the bytes of one, and
// where the words that they read begin, in bytes.
struct MapPart {
  const char* code;
  int32_t row_bytes;
  int32_t x;
};

// One shape: its loop, what widens its weights for it, and their words for each kernel row.
struct MapCore {
  void (*run)(const MapJob* job);
  const char* end;  // code behind the last row
  ExpandMap* expand;
  int32_t kernel;
  int32_t stride;
  int32_t weights_words;
  int32_t parts;  // 1 or 2 of the same number of outputs
  MapPart part[2];
};

// Named by kernel, stride and the map's columns (of kernels of 5 and 7 at stride 2 there may be one less),
// which are padded by half a kernel on the left, but for kMap3x3Stride2Width6 and 12, which are not. Each is
// linked only where a layer needs it. The weights of a kernel row in the stream are bytes: w0 w1 w1 w2 for
// 3x3, w0 w2 w1 w3 w4 for 5x5, w0 w2 w1 w3 w4 w6 w5 for 7x7 at stride 1, w1 w3 w2 w4 w5 w0 w6 at stride 2.
// Those of 3x3 have a shift of their own, kMapShift.
constexpr int32_t kMapShift = 8;
extern const MapCore kMap3x3Stride1Width5;
extern const MapCore kMap3x3Stride1Width6;
extern const MapCore kMap3x3Stride1Width10;
extern const MapCore kMap3x3Stride1Width12;
extern const MapCore kMap5x5Stride1Width10;
extern const MapCore kMap3x3Stride2Width6;
extern const MapCore kMap3x3Stride2Width11;
extern const MapCore kMap3x3Stride2Width12;
extern const MapCore kMap5x5Stride2Width6;
extern const MapCore kMap7x7Stride1Width3;
extern const MapCore kMap7x7Stride1Width5;
extern const MapCore kMap7x7Stride1Width6;
extern const MapCore kMap7x7Stride2Width10;
extern const MapCore kMap7x7Stride2Width20;

// For `rows` kernel rows, or none behind the last output row.
uint32_t entry_of(const MapCore& core, const MapPart& part, int32_t rows);

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_MAP_CORE_H_
