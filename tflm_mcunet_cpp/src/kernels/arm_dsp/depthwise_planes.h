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

// `Shape`, of whatever a kernel's parameters are, has the methods
//   core()            arm_dsp::DepthwiseCore
//   input_width(), channels()
//   kernel()          columns that the core knows: 3, 5 or 7
//   kernel_h()
//   stride()          of columns: 1 or 2
//   stride_h()
//   output_rows()     of one call: rows of the window are kernel_h + (output_rows - 1) * stride_h
//   pad_left(), input_zero_point(), output_min(), output_max()

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
template <typename Shape>
inline void lay_out_columns(const Shape& shape, int32_t first, int32_t words, WidenJob* job) {
  const int32_t low = first < 0 ? -first : 0;
  const int32_t reach = shape.input_width() - first;
  const int32_t left = (reach < 2 * words ? reach : 2 * words) - low;
  job->offset = (first + low) * shape.channels();
  job->plane += low / 2;
  job->has_lead = left > 0 ? low & 1 : 0;
  job->pairs = left > 0 ? (left - job->has_lead) / 2 : 0;
  job->has_trail = left > 0 ? (left - job->has_lead) & 1 : 0;
}

// The kernel rows that exist for each output row.
template <typename Shape>
inline void list_rows(const Shape& shape, const void* const* rows, int32_t words, DepthwiseRow* listed) {
  const int32_t pitch = plane_weights_pitch(shape.kernel(), shape.stride());
  for (int32_t y = 0; y < shape.output_rows(); ++y, rows += shape.stride_h()) {
    int32_t low = 0;
    int32_t high = shape.kernel_h();
    while (low + 1 < high && rows[low] == nullptr) {
      ++low;
    }
    while (low + 1 < high && rows[high - 1] == nullptr) {
      --high;
    }
    listed[y] = {(y * shape.stride_h() + low) * words * 4, low * pitch * 4, high - low};
  }
}

// Computes `output_rows` rows, one after the other. `fill(channel, count, heads, weights, weights_words)`
// gives the heads and the widened weights of `count` channels, up to 4. With `is_exact` the last four
// channels of a number that is no multiple of 4 overlap those before, so that nothing behind a row is read;
// there are at least 4 then. Scratch as DepthwiseDsp2D says.
template <typename Shape, typename Fill>
inline void depthwise_planes(const Shape& shape, const void* const* rows, void* out, const Columns& columns,
                             void* scratch, bool is_exact, const Fill& fill) {
  const int32_t count = columns.end - columns.begin;
  const int32_t words = plane_row_words(shape.kernel(), shape.stride(), count);
  const int32_t window = shape.kernel_h() + (shape.output_rows() - 1) * shape.stride_h();
  const int32_t first = columns.begin * shape.stride() - shape.pad_left();
  const int32_t weights_words = shape.kernel_h() * plane_weights_pitch(shape.kernel(), shape.stride());
  const int32_t pitch = window * words;
  const uint32_t half = static_cast<uint32_t>(shape.input_zero_point() * 256) & 0xFFFFu;
  DepthwiseRow* const listed = static_cast<DepthwiseRow*>(scratch);
  uint32_t* const weights = reinterpret_cast<uint32_t*>(listed + shape.output_rows());
  int32_t* const heads = reinterpret_cast<int32_t*>(weights + 4 * weights_words);
  uint32_t* const planes = reinterpret_cast<uint32_t*>(heads + 4 * kPlanesHeadWords);
  list_rows(shape, rows, words, listed);
  memset(planes, 0, static_cast<uint32_t>(pitch) * 16);
  DepthwiseJob job = {};
  job.stride = shape.channels();
  job.low = shape.output_min();
  job.high = shape.output_max();
  job.pitch = (words - plane_taps(shape.kernel()) - (shape.stride() == 1 ? 2 : 5)) * 4;
  job.plane = planes;
  job.weights = weights;
  job.count = count;
  job.stream = heads;
  job.stream_bytes = kPlanesHeadWords * 4;
  job.plane_bytes = pitch * 4;
  job.weights_bytes = weights_words * 4;
  job.rows = listed;
  job.output_rows = shape.output_rows();
  WidenJob columns_of = {};
  columns_of.plane = planes;
  columns_of.row_bytes = words * 4;
  columns_of.step = shape.channels();
  columns_of.pitch = pitch * 4;
  columns_of.zero = half | half << 16;
  lay_out_columns(shape, first, words, &columns_of);
  columns_of.offset -= columns.input_begin * shape.channels();
  for (int32_t next = 0; next < shape.channels(); next += 4) {
    const int32_t c = is_exact && next + 4 > shape.channels() ? shape.channels() - 4 : next;
    WidenJob four = columns_of;
    four.rows = rows;
    four.rows_left = window;
    four.offset += c;
    widen_rows(&four);
    job.channels = shape.channels() - c < 4 ? shape.channels() - c : 4;
    fill(c, job.channels, heads, weights, weights_words);
    job.out = static_cast<int8_t*>(out) + c;
    shape.core()(&job);
  }
}

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_PLANES_H_
