#include "pool_2d.h"

#include "requantize.h"

namespace tflm_mcunet {
namespace {

// The mean, rounded to nearest, halves away from zero.
class Average {
 public:
  void add(int32_t value) {
    sum_ += value;
    ++count_;
  }
  int32_t result() const { return (sum_ > 0 ? sum_ + count_ / 2 : sum_ - count_ / 2) / count_; }

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

}  // namespace

void average_pool_2d_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                         void* /*scratch*/) {
  pool_2d_row<Average>(params, rows, out, columns);
}

void max_pool_2d_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                     void* /*scratch*/) {
  pool_2d_row<Maximum>(params, rows, out, columns);
}

}  // namespace tflm_mcunet
