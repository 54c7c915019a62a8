// DEPTHWISE_CONV_2D with a multiplier of 1 over a whole map of few columns, for cores with the DSP extension:
// Cortex-M4, M7, M33.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_MAP_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_MAP_H_

#include <stdint.h>

#include "../row.h"
#include "depthwise_map_core.h"

namespace tflm_mcunet {

struct DepthwiseMapDsp {
  const arm_dsp::MapCore* core;  // for its kernel, stride and widths
  // For each channel: int32 bias times 256, without the zero point's part, and multiplier; the weights, as
  // the core's `expand` reads them, filled up to a word.
  const int32_t* stream;
  arm_dsp::WidenMap* widen;
  int32_t widened;       // channels at a time: as many as `widen` takes, 2 or 4
  int32_t stream_words;  // of a channel
  int32_t constant;      // of all channels
  int32_t shift;         // of all channels, where the core has none of its own
  int32_t channels;
  int32_t height;
  int32_t width;
  int32_t output_height;
  int32_t pad_top;
  int32_t input_zero_point;
};

// RowKernel over DepthwiseMapDsp with kSaturate; the whole map as one row in, the whole map as one row out,
// which may begin where the input does or before it. Reads up to three bytes behind the map. Scratch, aligned
// to 4: 12 bytes, and 12 for each output row and part of it; for each channel that is widened at a time and
// each kernel row 4 bytes for each word of its weights, for each row of the map 4 bytes for each two columns.
void depthwise_map_dsp(const void* params, const void* const* rows, void* out, const Columns& columns,
                       void* scratch);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_MAP_H_
