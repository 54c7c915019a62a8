// Two or four channels at a time are widened, all rows of them, and so are their weights; then each channel
// is a small convolution whose sums of an output row are held together. Rows of padding take no part.
#include "depthwise_map.h"

#include "depthwise_map_widen.h"

namespace tflm_mcunet {
namespace {

using arm_dsp::MapCore;
using arm_dsp::MapJob;
using arm_dsp::MapPart;
using arm_dsp::MapRow;
using arm_dsp::MapWiden;

// The rows of a channel, and behind them what leads to the next one.
void list_rows(const DepthwiseMapDsp& conv, int32_t row_bytes, MapRow* rows) {
  const MapCore& core = *conv.core;
  const int32_t weights_bytes = core.weights_words * 4;
  int32_t x = 0;  // where the pointers are
  int32_t weights = 0;
  for (int32_t y = 0; y < conv.output_height; ++y) {
    const int32_t first = y * core.stride - conv.pad_top;
    const int32_t low = first < 0 ? -first : 0;
    const int32_t reach = conv.height - first;
    const int32_t high = reach < core.kernel ? reach : core.kernel;
    for (int32_t i = 0; i < core.parts; ++i) {
      const MapPart& part = core.part[i];
      const int32_t next = (first + low) * row_bytes + part.x;
      *rows++ = {next - x, low * weights_bytes - weights, entry_of(core, part, high - low)};
      x = next + (high - low) * row_bytes;
      weights = high * weights_bytes;
    }
  }
  *rows = {conv.height * row_bytes - x, core.kernel * weights_bytes - weights,
           entry_of(core, core.part[0], 0)};
}

}  // namespace

void depthwise_map_dsp(const void* params, const void* const* rows, void* out, const Columns&,
                       void* scratch) {
  const DepthwiseMapDsp& conv = *static_cast<const DepthwiseMapDsp*>(params);
  const MapCore& core = *conv.core;
  const int32_t listed_rows = conv.output_height * core.parts;
  MapRow* const listed = static_cast<MapRow*>(scratch);
  uint32_t* const weights = reinterpret_cast<uint32_t*>(listed + listed_rows + 1);
  const int32_t weights_words = core.kernel * core.weights_words;
  uint32_t* const planes = weights + conv.widened * weights_words;
  const int32_t row_words = (conv.width + 1) / 2;
  const int32_t plane_bytes = conv.height * row_words * 4;
  list_rows(conv, row_words * 4, listed);
  const uint32_t offset = static_cast<uint32_t>(-conv.input_zero_point) & 0xFFFFu;
  const bool is_even = (conv.width & 1) == 0;  // then rows follow each other without a gap
  MapWiden columns = {static_cast<const int8_t*>(rows[0]),
                      conv.channels,
                      is_even ? conv.height * row_words : row_words - 1,
                      planes,
                      offset | offset << 16,
                      plane_bytes,
                      is_even ? 1 : conv.height,
                      is_even ? 0 : 1,
                      static_cast<uint32_t>(conv.input_zero_point & 0xFF) * 0x01010101u};
  MapJob job = {};
  job.constant = conv.constant;
  job.shift = conv.shift;
  job.rows = listed;
  job.stride = conv.channels;
  job.stream = conv.stream;
  job.stream_bytes = conv.stream_words * 4;
  job.out = static_cast<int8_t*>(out);
  for (int32_t left = conv.channels; left > 0; left -= conv.widened) {
    job.channels = left < conv.widened ? left : conv.widened;
    conv.widen(&columns);
    core.expand(job.stream, weights, job.channels, job.stream_bytes);
    job.x = planes;
    job.weights = weights;
    core.run(&job);
    columns.source += conv.widened;
    job.stream += conv.widened * conv.stream_words;
    job.out += conv.widened;
  }
}

}  // namespace tflm_mcunet
