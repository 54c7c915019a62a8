#include "row_sum.h"

#include "requantize.h"

namespace tflm_mcunet {
namespace {

inline int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }
inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

// The input columns [first, last) of a pool's window that lie inside the input.
struct Span {
  int32_t first;
  int32_t last;
};

inline Span window_columns(const Pool2D& pool, int32_t x) {
  const int32_t origin = x * pool.stride_w - pool.pad_left;
  return {larger(origin, 0), smaller(origin + pool.kernel_w, pool.input_width)};
}

void add_pixels(const int8_t* pixel, int32_t pixels, int32_t channels, int32_t* sums) {
  for (; pixels > 0; --pixels) {
    for (int32_t c = 0; c < channels; ++c) {
      sums[c] += *pixel++;
    }
  }
}

void add_pool_row(const void* params, const void* row, int32_t* sums, const Columns& columns) {
  const Pool2D& pool = *static_cast<const Pool2D*>(params);
  const int8_t* input = static_cast<const int8_t*>(row);
  for (int32_t x = columns.begin; x < columns.end; ++x, sums += pool.channels) {
    const Span span = window_columns(pool, x);
    add_pixels(input + (span.first - columns.input_begin) * pool.channels, span.last - span.first,
               pool.channels, sums);
  }
}

void add_mean_row(const void* params, const void* row, int32_t* sums, const Columns& /*columns*/) {
  const MapMean& mean = *static_cast<const MapMean*>(params);
  add_pixels(static_cast<const int8_t*>(row), mean.input_width, mean.channels, sums);
}

}  // namespace

// The output lies at or before the sums that have not been read yet, so they may share bytes.
void finish_average_pool_2d(const void* params, const int32_t* sums, int32_t rows, void* out,
                            const Columns& columns) {
  const Pool2D& pool = *static_cast<const Pool2D*>(params);
  int8_t* output = static_cast<int8_t*>(out);
  for (int32_t x = columns.begin; x < columns.end; ++x) {
    const Span span = window_columns(pool, x);
    const int32_t count = rows * (span.last - span.first);
    for (int32_t c = 0; c < pool.channels; ++c) {
      const int32_t sum = *sums++;
      const int32_t mean = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
      *output++ = static_cast<int8_t>(clamp(mean, pool.output_min, pool.output_max));
    }
  }
}

void finish_mean(const void* params, const int32_t* sums, int32_t /*rows*/, void* out,
                 const Columns& /*columns*/) {
  const MapMean& mean = *static_cast<const MapMean*>(params);
  int8_t* output = static_cast<int8_t*>(out);
  for (int32_t c = 0; c < mean.channels; ++c) {
    const int32_t scaled = requantize(sums[c] - mean.input_offset, mean.multiplier, mean.shift);
    output[c] = static_cast<int8_t>(clamp(scaled + mean.output_zero_point, INT8_MIN, INT8_MAX));
  }
}

const SumKernels average_pool_2d_sum = {add_pool_row, finish_average_pool_2d};
const SumKernels mean_sum = {add_mean_row, finish_mean};

}  // namespace tflm_mcunet
