#include "resize_nearest_neighbor.h"

#include <string.h>

namespace tflm_mcunet {

void resize_nearest_neighbor(const void* params, const void* const* inputs, void* const* outputs,
                             void* /*scratch*/) {
  const ResizeNearestNeighbor& resize = *static_cast<const ResizeNearestNeighbor*>(params);
  const uint8_t* image = static_cast<const uint8_t*>(inputs[0]);
  uint8_t* output = static_cast<uint8_t*>(outputs[0]);
  const int32_t row_bytes = resize.input_width * resize.pixel_bytes;
  for (int32_t b = 0; b < resize.batch; ++b, image += resize.input_height * row_bytes) {
    for (int32_t y = 0; y < resize.output_height; ++y) {
      const uint8_t* row = image + resize.row[y] * row_bytes;
      for (int32_t x = 0; x < resize.output_width; ++x, output += resize.pixel_bytes) {
        memcpy(output, row + resize.column[x] * resize.pixel_bytes, static_cast<size_t>(resize.pixel_bytes));
      }
    }
  }
}

}  // namespace tflm_mcunet
