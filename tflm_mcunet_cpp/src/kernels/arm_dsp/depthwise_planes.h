// The depthwise kernels of planes: four channels at a time, whose columns are widened to one plane for each
// channel, two neighbouring columns to a word, and then each channel is a small convolution of planes. Rows
// of padding take no part.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_PLANES_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_PLANES_H_

#include <stdint.h>
#include <string.h>

#include "../row.h"
#include "depthwise_core.h"
#include "depthwise_widen.h"

namespace tflm_mcunet {
namespace arm_dsp {

struct DepthwisePlanes {
  DepthwiseCore core;
  int32_t input_width;
  int32_t channels;
  int32_t kernel;  // columns that the core knows: 3, 5 or 7
  int32_t kernel_h;
  int32_t stride;  // of columns: 1 or 2
  int32_t stride_h;
  int32_t output_rows;  // of one call: rows of the window are kernel_h + (output_rows - 1) * stride_h
  int32_t pad_left;
  int32_t input_zero_point;
  int32_t output_min;
  int32_t output_max;
};

// What the core reads of a channel besides its weights: bias times 128, multiplier, constant and shift.
constexpr int32_t kPlanesHeadWords = 4;

inline int32_t plane_taps(int32_t kernel) { return (kernel + 1) / 2; }

// Words of widened weights of one kernel row.
inline int32_t plane_weights_pitch(int32_t kernel, int32_t stride) {
  return stride == 1 ? 2 * plane_taps(kernel) : plane_taps(kernel);
}

// Words of one widened row: the columns that `count` outputs read, in full groups of six outputs.
inline int32_t plane_row_words(int32_t kernel, int32_t stride, int32_t count) {
  const int32_t most = (count + 5) / 6 * 6;
  return (most * stride + kernel) / 2 + 1;
}

// Where the columns of a row lie in a plane whose first column is `first`.
inline void lay_out_columns(const DepthwisePlanes& conv, int32_t first, int32_t words, WidenJob* job) {
  const int32_t low = first < 0 ? -first : 0;
  const int32_t reach = conv.input_width - first;
  const int32_t left = (reach < 2 * words ? reach : 2 * words) - low;
  job->offset = (first + low) * conv.channels;
  job->plane += low / 2;
  job->has_lead = left > 0 ? low & 1 : 0;
  job->pairs = left > 0 ? (left - job->has_lead) / 2 : 0;
  job->has_trail = left > 0 ? (left - job->has_lead) & 1 : 0;
}

// The kernel rows that exist for each output row.
inline void list_rows(const DepthwisePlanes& conv, const void* const* rows, int32_t words,
                      DepthwiseRow* listed) {
  const int32_t pitch = plane_weights_pitch(conv.kernel, conv.stride);
  for (int32_t y = 0; y < conv.output_rows; ++y, rows += conv.stride_h) {
    int32_t low = 0;
    int32_t high = conv.kernel_h;
    while (low + 1 < high && rows[low] == nullptr) {
      ++low;
    }
    while (low + 1 < high && rows[high - 1] == nullptr) {
      --high;
    }
    listed[y] = {(y * conv.stride_h + low) * words * 4, low * pitch * 4, high - low};
  }
}

// Computes `output_rows` rows, one after the other. `fill(channel, count, heads, weights, weights_words)`
// gives the heads and the widened weights of `count` channels, up to 4. With `is_exact` the last four
// channels of a number that is no multiple of 4 overlap those before, so that nothing behind a row is read;
// there are at least 4 then. Scratch as DepthwiseDsp2D says.
template <typename Fill>
inline void depthwise_planes(const DepthwisePlanes& conv, const void* const* rows, void* out,
                             const Columns& columns, void* scratch, bool is_exact, const Fill& fill) {
  const int32_t count = columns.end - columns.begin;
  const int32_t words = plane_row_words(conv.kernel, conv.stride, count);
  const int32_t window = conv.kernel_h + (conv.output_rows - 1) * conv.stride_h;
  const int32_t first = columns.begin * conv.stride - conv.pad_left;
  const int32_t weights_words = conv.kernel_h * plane_weights_pitch(conv.kernel, conv.stride);
  const int32_t pitch = window * words;
  const uint32_t half = static_cast<uint32_t>(conv.input_zero_point * 256) & 0xFFFFu;
  DepthwiseRow* const listed = static_cast<DepthwiseRow*>(scratch);
  uint32_t* const weights = reinterpret_cast<uint32_t*>(listed + conv.output_rows);
  int32_t* const heads = reinterpret_cast<int32_t*>(weights + 4 * weights_words);
  uint32_t* const planes = reinterpret_cast<uint32_t*>(heads + 4 * kPlanesHeadWords);
  list_rows(conv, rows, words, listed);
  memset(planes, 0, static_cast<uint32_t>(pitch) * 16);
  DepthwiseJob job = {};
  job.stride = conv.channels;
  job.low = conv.output_min;
  job.high = conv.output_max;
  job.pitch = (words - plane_taps(conv.kernel) - (conv.stride == 1 ? 2 : 5)) * 4;
  job.plane = planes;
  job.weights = weights;
  job.count = count;
  job.stream = heads;
  job.stream_bytes = kPlanesHeadWords * 4;
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
  for (int32_t next = 0; next < conv.channels; next += 4) {
    const int32_t c = is_exact && next + 4 > conv.channels ? conv.channels - 4 : next;
    WidenJob four = columns_of;
    four.rows = rows;
    four.rows_left = window;
    four.offset += c;
    widen_rows(&four);
    job.channels = conv.channels - c < 4 ? conv.channels - c : 4;
    fill(c, job.channels, heads, weights, weights_words);
    job.out = static_cast<int8_t*>(out) + c;
    conv.core(&job);
  }
}

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_PLANES_H_
