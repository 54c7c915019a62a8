#include "binary.h"

#include "requantize.h"

namespace tflm_mcunet {
namespace {

// TFLite Micro's headroom for the sum of two int8 values (kernels/add_common.cc).
constexpr int32_t kLeftShift = 20;

inline int8_t combine(const Sum& sum, int32_t first, int32_t second) {
  const int32_t one = (first - sum.first_zero_point) * (1 << kLeftShift);
  const int32_t two = (second - sum.second_zero_point) * (1 << kLeftShift);
  const int32_t total = requantize(one, sum.first_multiplier, sum.first_shift) +
                        sum.sign * requantize(two, sum.second_multiplier, sum.second_shift);
  const int32_t scaled = requantize(total, sum.output_multiplier, sum.output_shift);
  return static_cast<int8_t>(clamp(scaled + sum.output_zero_point, sum.output_min, sum.output_max));
}

inline int8_t combine(const Product& product, int32_t first, int32_t second) {
  const int32_t raw = (first - product.first_zero_point) * (second - product.second_zero_point);
  const int32_t scaled = requantize(raw, product.output_multiplier, product.output_shift);
  return static_cast<int8_t>(
      clamp(scaled + product.output_zero_point, product.output_min, product.output_max));
}

template <typename Arithmetic>
void binary_row(const void* params, const void* const* rows, void* out, const Columns& columns) {
  const Arithmetic& arithmetic = *static_cast<const Arithmetic*>(params);
  const int32_t skipped = (columns.begin - columns.input_begin) * arithmetic.channels;
  const int8_t* first = static_cast<const int8_t*>(rows[0]) + skipped;
  const int8_t* second = static_cast<const int8_t*>(rows[1]) + skipped;
  int8_t* output = static_cast<int8_t*>(out);
  const int32_t count = (columns.end - columns.begin) * arithmetic.channels;
  for (int32_t i = 0; i < count; ++i) {
    output[i] = combine(arithmetic, first[i], second[i]);
  }
}

template <typename Arithmetic>
void binary_channels_row(const void* params, const void* const* rows, void* out, const Columns& columns) {
  const Arithmetic& arithmetic = *static_cast<const Arithmetic*>(params);
  const int32_t channels = arithmetic.channels;
  const int8_t* first =
      static_cast<const int8_t*>(rows[0]) + (columns.begin - columns.input_begin) * channels;
  const int8_t* second = static_cast<const int8_t*>(rows[1]);
  int8_t* output = static_cast<int8_t*>(out);
  for (int32_t x = columns.begin; x < columns.end; ++x) {
    for (int32_t c = 0; c < channels; ++c) {
      *output++ = combine(arithmetic, *first++, second[c]);
    }
  }
}

template <typename Arithmetic>
void binary_broadcast(const void* params, const void* const* inputs, void* const* outputs) {
  const Broadcast& walk = *static_cast<const Broadcast*>(params);
  const Arithmetic& arithmetic = *static_cast<const Arithmetic*>(walk.arithmetic);
  const int8_t* first = static_cast<const int8_t*>(inputs[0]);
  const int8_t* second = static_cast<const int8_t*>(inputs[1]);
  int8_t* output = static_cast<int8_t*>(outputs[0]);
  int32_t index[6] = {0, 0, 0, 0, 0, 0};
  int32_t one = 0;
  int32_t two = 0;
  for (;;) {
    *output++ = combine(arithmetic, first[one], second[two]);
    int32_t axis = 5;
    for (; axis >= 0; --axis) {
      one += walk.first_stride[axis];
      two += walk.second_stride[axis];
      if (++index[axis] < walk.extent[axis]) {
        break;
      }
      one -= walk.first_stride[axis] * walk.extent[axis];
      two -= walk.second_stride[axis] * walk.extent[axis];
      index[axis] = 0;
    }
    if (axis < 0) {
      return;
    }
  }
}

}  // namespace

void sum_row(const void* params, const void* const* rows, void* out, const Columns& columns,
             void* /*scratch*/) {
  binary_row<Sum>(params, rows, out, columns);
}

void product_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                 void* /*scratch*/) {
  binary_row<Product>(params, rows, out, columns);
}

void sum_channels_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                      void* /*scratch*/) {
  binary_channels_row<Sum>(params, rows, out, columns);
}

void product_channels_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                          void* /*scratch*/) {
  binary_channels_row<Product>(params, rows, out, columns);
}

void sum_broadcast(const void* params, const void* const* inputs, void* const* outputs, void* /*scratch*/) {
  binary_broadcast<Sum>(params, inputs, outputs);
}

void product_broadcast(const void* params, const void* const* inputs, void* const* outputs,
                       void* /*scratch*/) {
  binary_broadcast<Product>(params, inputs, outputs);
}

}  // namespace tflm_mcunet
