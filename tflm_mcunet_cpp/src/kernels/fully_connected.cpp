#include "fully_connected.h"

#include "requantize.h"

namespace tflm_mcunet {

void fully_connected_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                         void* /*scratch*/) {
  const FullyConnected& layer = *static_cast<const FullyConnected*>(params);
  const int8_t* input = static_cast<const int8_t*>(rows[0]);
  int8_t* output = static_cast<int8_t*>(out);
  const int8_t* weights = layer.weights + columns.begin * layer.depth;
  for (int32_t unit = columns.begin; unit < columns.end; ++unit, weights += layer.depth) {
    int32_t sum = layer.bias != nullptr ? layer.bias[unit] : 0;
    for (int32_t i = 0; i < layer.depth; ++i) {
      sum += (input[i] - layer.input_zero_point) * weights[i];
    }
    const int32_t scaled = requantize(sum, layer.multiplier[unit], layer.shift[unit]);
    *output++ =
        static_cast<int8_t>(clamp(scaled + layer.output_zero_point, layer.output_min, layer.output_max));
  }
}

}  // namespace tflm_mcunet
