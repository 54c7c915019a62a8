#include "pool_2d.h"

#include "requantize.h"
#include "row_sum.h"

namespace tflm_mcunet {
namespace {

// The mean, rounded to nearest, halves away from zero.
inline int32_t rounded_mean(int32_t sum, int32_t count) {
  return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

class Average {
 public:
  void add(int32_t value) {
    sum_ += value;
    ++count_;
  }
  int32_t result() const { return rounded_mean(sum_, count_); }

 private:
  int32_t sum_ = 0;
  int32_t count_ = 0;
};

class Maximum {
 public:
  void add(int32_t value) { largest_ = value > largest_ ? value : largest_; }
  int32_t result() const { return largest_; }

 private:
  int32_t largest_ = INT8_MIN;
};

template <typename Reduction>
void pool_2d_row(const void* params, const void* const* rows, void* out, const Columns& columns) {
  const Pool2D& pool = *static_cast<const Pool2D*>(params);
  int8_t* output = static_cast<int8_t*>(out);
  for (int32_t x = columns.begin; x < columns.end; ++x) {
    const int32_t origin = x * pool.stride_w - pool.pad_left;
    const int32_t first = origin > 0 ? origin : 0;
    const int32_t past = origin + pool.kernel_w;
    const int32_t last = past < pool.input_width ? past : pool.input_width;
    for (int32_t channel = 0; channel < pool.channels; ++channel) {
      Reduction reduction;
      for (int32_t ky = 0; ky < pool.kernel_h; ++ky) {
        const int8_t* row = static_cast<const int8_t*>(rows[ky]);
        if (row == nullptr) {
          continue;
        }
        const int8_t* value = row + (first - columns.input_begin) * pool.channels + channel;
        for (int32_t column = first; column < last; ++column, value += pool.channels) {
          reduction.add(*value);
        }
      }
      *output++ = static_cast<int8_t>(clamp(reduction.result(), pool.output_min, pool.output_max));
    }
  }
}

// The input columns [first, last) of the only window.
inline int32_t first_column(const Pool2D& pool) { return clamp(-pool.pad_left, 0, pool.input_width); }
inline int32_t last_column(const Pool2D& pool) {
  return clamp(pool.kernel_w - pool.pad_left, 0, pool.input_width);
}

void average_add(const void* params, const void* row, int32_t* sums, const Columns& /*columns*/) {
  const Pool2D& pool = *static_cast<const Pool2D*>(params);
  const int32_t first = first_column(pool);
  add_columns(static_cast<const int8_t*>(row) + first * pool.channels, last_column(pool) - first, pool.channels,
              sums);
}

void average_finish(const void* params, const int32_t* sums, int32_t rows, void* out,
                    const Columns& /*columns*/) {
  const Pool2D& pool = *static_cast<const Pool2D*>(params);
  const int32_t count = rows * (last_column(pool) - first_column(pool));
  int8_t* output = static_cast<int8_t*>(out);
  for (int32_t channel = 0; channel < pool.channels; ++channel) {
    const int32_t mean = rounded_mean(sums[channel], count);
    output[channel] = static_cast<int8_t>(clamp(mean, pool.output_min, pool.output_max));
  }
}

}  // namespace

const SumKernels average_pool_2d_sum = {average_add, average_finish};

void average_pool_2d_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                         void* /*scratch*/) {
  pool_2d_row<Average>(params, rows, out, columns);
}

void max_pool_2d_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                     void* /*scratch*/) {
  pool_2d_row<Maximum>(params, rows, out, columns);
}

}  // namespace tflm_mcunet
