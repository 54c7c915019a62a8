// Four channels at a time: their columns are widened to one plane for each channel, two neighbouring columns
// to a word, and then each channel is a small convolution of planes. Rows of padding take no part.
#include "depthwise_conv_2d.h"

#include <string.h>

#include "depthwise_core.h"
#include "depthwise_widen.h"

namespace tflm_mcunet {
namespace {

using arm_dsp::DepthwiseJob;
using arm_dsp::DepthwiseRow;
using arm_dsp::WidenJob;

// Of a channel: bias and multiplier in the stream; bias, multiplier, constant and shift for the core.
constexpr int32_t kOwnWords = 2;
constexpr int32_t kHeadWords = 4;

inline int32_t taps(const DepthwiseDsp2D& conv) { return (conv.kernel + 1) / 2; }

// Words of one widened row: the columns that `count` outputs read, in full groups of six outputs.
inline int32_t row_words(const DepthwiseDsp2D& conv, int32_t count) {
  const int32_t most = (count + 5) / 6 * 6;
  return (most * conv.stride + conv.kernel) / 2 + 1;
}

// Words of widened weights of one kernel row.
inline int32_t weights_pitch(const DepthwiseDsp2D& conv) {
  return conv.stride == 1 ? 2 * taps(conv) : taps(conv);
}

// Where the columns of a row lie in a plane whose first column is `first`.
void lay_out_columns(const DepthwiseDsp2D& conv, int32_t first, int32_t words, WidenJob* job) {
  const int32_t low = first < 0 ? -first : 0;
  const int32_t reach = conv.input_width - first;
  const int32_t left = (reach < 2 * words ? reach : 2 * words) - low;
  job->offset = (first + low) * conv.channels;
  job->plane += low / 2;
  job->has_lead = left > 0 ? low & 1 : 0;
  job->pairs = left > 0 ? (left - job->has_lead) / 2 : 0;
  job->has_trail = left > 0 ? (left - job->has_lead) & 1 : 0;
}

// Words of a channel's weights and its shift.
inline int32_t packed_words(const DepthwiseDsp2D& conv) { return (conv.kernel * conv.kernel + 3) / 4; }

// What the core reads of a channel besides its weights.
inline void put_head(const DepthwiseDsp2D& conv, const int32_t* stream, int32_t* head) {
  const int32_t words = packed_words(conv);
  const int32_t shift = reinterpret_cast<const int8_t*>(stream)[(kOwnWords + words) * 4 - 1];
  head[0] = stream[0];
  head[1] = stream[1];
  head[2] = static_cast<int32_t>(static_cast<uint32_t>(conv.constant) << shift) + 32;
  head[3] = shift + 1;
}

// The kernel rows that exist for each output row.
void list_rows(const DepthwiseDsp2D& conv, const void* const* rows, int32_t words, DepthwiseRow* listed) {
  for (int32_t y = 0; y < conv.output_rows; ++y, rows += conv.stride) {
    int32_t low = 0;
    int32_t high = conv.kernel;
    while (low + 1 < high && rows[low] == nullptr) {
      ++low;
    }
    while (low + 1 < high && rows[high - 1] == nullptr) {
      --high;
    }
    listed[y] = {(y * conv.stride + low) * words * 4, low * weights_pitch(conv) * 4, high - low};
  }
}

}  // namespace

void depthwise_conv_2d_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                               void* scratch) {
  const DepthwiseDsp2D& conv = *static_cast<const DepthwiseDsp2D*>(params);
  const int32_t count = columns.end - columns.begin;
  const int32_t words = row_words(conv, count);
  const int32_t window = conv.kernel + (conv.output_rows - 1) * conv.stride;
  const int32_t first = columns.begin * conv.stride - conv.pad_left;
  const int32_t stream_words = kOwnWords + packed_words(conv);
  const int32_t weights_words = conv.kernel * weights_pitch(conv);
  const int32_t pitch = window * words;
  const uint32_t half = static_cast<uint32_t>(conv.input_zero_point * 256) & 0xFFFFu;
  DepthwiseRow* const listed = static_cast<DepthwiseRow*>(scratch);
  uint32_t* const weights = reinterpret_cast<uint32_t*>(listed + conv.output_rows);
  int32_t* const heads = reinterpret_cast<int32_t*>(weights + 4 * weights_words);
  uint32_t* const planes = reinterpret_cast<uint32_t*>(heads + 4 * kHeadWords);
  list_rows(conv, rows, words, listed);
  memset(planes, 0, static_cast<uint32_t>(pitch) * 16);
  DepthwiseJob job = {};
  job.stride = conv.channels;
  job.low = conv.output_min;
  job.high = conv.output_max;
  job.pitch = (words - taps(conv) - (conv.stride == 1 ? 2 : 5)) * 4;
  job.plane = planes;
  job.weights = weights;
  job.count = count;
  job.stream = heads;
  job.stream_bytes = kHeadWords * 4;
  job.plane_bytes = pitch * 4;
  job.weights_bytes = weights_words * 4;
  job.rows = listed;
  job.output_rows = conv.output_rows;
  WidenJob columns_of = {};
  columns_of.plane = planes;
  columns_of.row_bytes = words * 4;
  columns_of.step = conv.channels;
  columns_of.pitch = pitch * 4;
  columns_of.zero = half | half << 16;
  lay_out_columns(conv, first, words, &columns_of);
  columns_of.offset -= columns.input_begin * conv.channels;
  const int32_t* stream = conv.stream;
  for (int32_t c = 0; c < conv.channels; c += 4) {
    WidenJob four = columns_of;
    four.rows = rows;
    four.rows_left = window;
    four.offset += c;
    arm_dsp::widen_rows(&four);
    job.channels = conv.channels - c < 4 ? conv.channels - c : 4;
    for (int32_t i = 0; i < job.channels; ++i, stream += stream_words) {
      put_head(conv, stream, heads + i * kHeadWords);
      const int8_t* packed = reinterpret_cast<const int8_t*>(stream + kOwnWords);
      arm_dsp::widen_weights(packed, weights + i * weights_words, conv.kernel, conv.stride);
    }
    job.out = static_cast<int8_t*>(out) + c;
    conv.core(&job);
  }
}

}  // namespace tflm_mcunet
