#include "softmax.h"

#include "softmax_vector.h"

namespace tflm_mcunet {
namespace {

template <typename Output>
void softmax_columns(const void* params, const void* const* rows, void* out, const Columns& columns) {
  const Softmax& layer = *static_cast<const Softmax*>(params);
  const int8_t* input =
      static_cast<const int8_t*>(rows[0]) + (columns.begin - columns.input_begin) * layer.depth;
  Output* output = static_cast<Output*>(out);
  for (int32_t x = columns.begin; x < columns.end; ++x, input += layer.depth, output += layer.depth) {
    const int32_t largest = softmax::largest_of(input, layer.depth);
    softmax::softmax_vector(
        layer.depth, [=, &layer](int32_t i) { return layer.exponential[largest - input[i]]; }, output);
  }
}

}  // namespace

void softmax_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                 void* /*scratch*/) {
  softmax_columns<int8_t>(params, rows, out, columns);
}

void softmax_int16_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                       void* /*scratch*/) {
  softmax_columns<int16_t>(params, rows, out, columns);
}

}  // namespace tflm_mcunet
