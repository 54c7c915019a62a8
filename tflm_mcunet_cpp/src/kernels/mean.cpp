#include "mean.h"

#include "requantize.h"

namespace tflm_mcunet {
namespace {

inline int32_t run_sum(const Mean& mean, const int8_t* value) {
  int32_t sum = 0;
  for (int32_t k = mean.reduced_extent[2]; k > 0; --k, value += mean.reduced_stride[2]) {
    sum += *value;
  }
  return sum;
}

__attribute__((noinline)) int32_t reduced_sum(const Mean& mean, const int8_t* input) {
  int32_t sum = 0;
  for (int32_t i = 0; i < mean.reduced_extent[0]; ++i) {
    for (int32_t j = 0; j < mean.reduced_extent[1]; ++j) {
      sum += run_sum(mean, input + i * mean.reduced_stride[0] + j * mean.reduced_stride[1]);
    }
  }
  return sum;
}

}  // namespace

void mean(const void* params, const void* const* inputs, void* const* outputs, void* /*scratch*/) {
  const Mean& mean = *static_cast<const Mean*>(params);
  const int8_t* input = static_cast<const int8_t*>(inputs[0]);
  int8_t* output = static_cast<int8_t*>(outputs[0]);
  const bool is_run = mean.reduced_extent[0] == 1 && mean.reduced_extent[1] == 1;
  for (int32_t i = 0; i < mean.kept_extent[0]; ++i) {
    for (int32_t j = 0; j < mean.kept_extent[1]; ++j) {
      const int8_t* first = input + i * mean.kept_stride[0] + j * mean.kept_stride[1];
      for (int32_t k = 0; k < mean.kept_extent[2]; ++k, first += mean.kept_stride[2]) {
        const int32_t sum = (is_run ? run_sum(mean, first) : reduced_sum(mean, first)) - mean.input_offset;
        const int32_t scaled = requantize(sum, mean.multiplier, mean.shift);
        *output++ = static_cast<int8_t>(clamp(scaled + mean.output_zero_point, INT8_MIN, INT8_MAX));
      }
    }
  }
}

}  // namespace tflm_mcunet
