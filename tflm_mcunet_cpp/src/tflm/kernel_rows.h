// Runs a row kernel over whole maps: the drop-in kernels' driver.
#ifndef TFLM_MCUNET_TFLM_KERNEL_ROWS_H_
#define TFLM_MCUNET_TFLM_KERNEL_ROWS_H_

#include <stdint.h>

#include "../kernels/row.h"

namespace tflm_mcunet {

struct RowWalk {
  RowKernel kernel;
  const void** window;  // kernel_h pointers for each input
  int32_t images;
  int32_t input_height;
  int32_t input_row_bytes;
  int32_t output_height;
  int32_t output_row_bytes;
  int32_t output_width;
  int32_t kernel_h;
  int32_t stride_h;
  int32_t dilation_h;
  int32_t pad_top;
};

inline void walk_rows(const RowWalk& walk, const void* params, const void* input, void* output) {
  const Columns columns = {0, walk.output_width, 0};
  const uint8_t* image = static_cast<const uint8_t*>(input);
  uint8_t* out = static_cast<uint8_t*>(output);
  for (int32_t i = 0; i < walk.images; ++i, image += walk.input_height * walk.input_row_bytes) {
    for (int32_t y = 0; y < walk.output_height; ++y, out += walk.output_row_bytes) {
      int32_t row = y * walk.stride_h - walk.pad_top;
      for (int32_t k = 0; k < walk.kernel_h; ++k, row += walk.dilation_h) {
        const bool is_inside = row >= 0 && row < walk.input_height;
        walk.window[k] = is_inside ? image + row * walk.input_row_bytes : nullptr;
      }
      walk.kernel(params, walk.window, out, columns, nullptr);
    }
  }
}

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_TFLM_KERNEL_ROWS_H_
